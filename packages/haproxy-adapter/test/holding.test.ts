/** A stage in maintenance behind a real HAProxy: what its visitors get beyond what the laws look at. */
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { unwrap } from '@quayside/core/ports';
import { describe, expect, it } from 'vitest';
import { browse } from '../../../test/support/visitor.js';
import { ask, eventually, open, PROOF_KEY, type World } from './support/world.js';
import { route, useWorlds } from './support/worlds.js';

const GET = { method: 'GET', path: '/', headers: {}, expectStatus: [[200, 299]] as const };
const HOLDING = { message: 'Back at ten.', retryAfterMs: 90_000 };
const world = useWorlds();

async function held(opened?: World) {
  const { haproxy, adapter, app } = opened ?? (await world());
  const seen: NodeJS.Dict<string | string[]>[] = [];
  const one = await app('one', (request, response) => {
    seen.push(request.headers);
    response.end('one');
  });
  const proxy = adapter();
  const lifted = route('shop', one);
  const put = { ...lifted, holding: HOLDING };
  await unwrap(proxy.put(put, open()));
  return { haproxy, adapter, app, proxy, seen, put, lifted, at: { host: '127.0.0.1', port: haproxy.port } };
}

const says = (port: number, bytes: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let said = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      said += chunk;
      if (said.includes('\r\n\r\n')) socket.end();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(said));
    socket.write(bytes);
  });

describe('visitors who are held', () => {
  it('are told in the form that they ask for', async () => {
    const { at } = await held();
    const [html, json, text] = [
      await browse(at, 'shop.apps.test'),
      await browse(at, 'shop.apps.test', { accept: 'application/json' }),
      await browse(at, 'shop.apps.test', { accept: '*/*' }),
    ];
    for (const { status, headers } of [html, json, text]) {
      expect(status).toBe(503);
      expect(headers).toMatchObject({ 'retry-after': '90', 'cache-control': 'no-store', vary: 'accept' });
    }
    expect(html.body).toMatch(/^<!doctype html>.*<p>Back at ten\.<\/p>/);
    expect(JSON.parse(json.body)).toEqual({ status: 503, title: 'In maintenance', detail: 'Back at ten.' });
    expect(json.headers['content-type']).toBe('application/problem+json');
    expect(text.body).toBe('503 In maintenance: Back at ten.\n');
    const head = await browse(at, 'shop.apps.test', { accept: '*/*', method: 'HEAD' });
    expect([head.status, head.body]).toEqual([503, '']);
  });

  it('are told the whole of a message of the greatest length, whatever its characters', async () => {
    const { proxy, at, put } = await held();
    for (const message of ['"'.repeat(500), '漢'.repeat(500), 'a\tb', "\\;'<>&%$#|".repeat(50)]) {
      const holding = { message, retryAfterMs: 1 };
      await unwrap(proxy.put({ ...put, holding }, open()));
      const { body } = await browse(at, 'shop.apps.test', { accept: 'application/json' });
      expect(JSON.parse(body)).toMatchObject({ detail: message });
      expect((await unwrap(proxy.get('shop.apps.test', open())))?.holding).toEqual(holding);
      await unwrap(proxy.prove({ ...put, holding }, GET, open()));
    }
  });

  it('are told so although they ask for a WebSocket, or send something', async () => {
    const { at, seen } = await held();
    const asked =
      'GET / HTTP/1.1\r\nHost: shop.apps.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
    expect(await says(at.port, asked)).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: 90/i);
    const sent = `POST / HTTP/1.1\r\nHost: shop.apps.test\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(100_000)}`;
    expect(await says(at.port, sent)).toMatch(/^HTTP\/1\.1 503 /);
    expect(seen).toEqual([]);
  });

  it('cannot pass by saying what a proof says, and the app never gets to see what that is', async () => {
    const { proxy, at, seen, put } = await held();
    for (const key of ['', 'x', `${PROOF_KEY}x`]) {
      const headers = { 'x-quayside-proof': key, 'x-quayside-instance': 'one', 'x-quayside-pass': '1' };
      expect((await ask(at.port, 'shop.apps.test', { headers })).status).toBe(503);
    }
    const cookie = { cookie: 'quayside-stay=one', 'x-quayside-pass': '1' };
    expect((await ask(at.port, 'shop.apps.test', { headers: cookie })).status).toBe(503);
    expect(seen).toEqual([]);
    await unwrap(proxy.prove(put, GET, open()));
    expect(seen).toHaveLength(1);
    expect(Object.keys(seen[0] ?? {}).filter((name) => name.includes('quayside'))).toEqual([]);
  });

  it('count as nothing that the instance has answered, and a sticky route keeps its visitors for afterwards', async () => {
    const { proxy, at, put, lifted } = await held();
    const sticky = { ...put, sticky: true };
    await unwrap(proxy.put(sticky, open()));
    const told = await browse(at, 'shop.apps.test');
    expect([told.status, told.headers['set-cookie']]).toEqual([503, undefined]);
    const counts = await unwrap(proxy.statistics?.('one', open()) ?? Promise.reject());
    expect([counts.requests, counts.errors]).toEqual([0, 0]);
    await unwrap(proxy.put({ ...lifted, sticky: true }, open()));
    expect((await browse(at, 'shop.apps.test')).headers['set-cookie']).toContain('quayside-stay=one');
  });

  it('are held again after a restart of HAProxy, from the store', async () => {
    const { proxy, haproxy, at, put } = await held();
    await haproxy.restart();
    await eventually(async () => (await ask(at.port, 'shop.apps.test')).status === 503, 'they are held again');
    await unwrap(proxy.prove(put, GET, open()));
    expect((await unwrap(proxy.get('shop.apps.test', open())))?.holding).toEqual(HOLDING);
  });

  it('begin and end to be held with one command, which moves no server', async () => {
    const { proxy, haproxy, put, lifted } = await held();
    const before = await haproxy.say('show servers state');
    await unwrap(proxy.put(lifted, open()));
    await unwrap(proxy.put(put, open()));
    expect(await haproxy.say('show servers state')).toBe(before);
  });
});

describe('a put', () => {
  it('says what is wrong with a message that nobody could be told, and touches nothing', async () => {
    const { proxy, at, put } = await held();
    const failed = await proxy.put({ ...put, holding: { message: 'a\nb', retryAfterMs: 1 } }, open());
    expect(failed._unsafeUnwrapErr()).toMatchObject({ kind: 'proxy-refused', code: 'bad-holding' });
    expect((await browse(at, 'shop.apps.test')).body).toContain('Back at ten.');
  });

  it('is refused where the configuration was printed by an earlier version, and says to print it again', async () => {
    const opened = await world();
    const { haproxy } = opened;
    const text = await readFile(haproxy.config, 'utf8');
    const sections = text.split('\n\n').filter((section) => !section.startsWith('backend quayside-held'));
    await writeFile(haproxy.config, sections.join('\n\n').replace(/^ {2}use_backend quayside-held .*\n/m, ''));
    await haproxy.restart();
    const one = await opened.app('one');
    const proxy = opened.adapter();
    await unwrap(proxy.put(route('shop', one), open()));
    const failed = await proxy.put({ ...route('shop', one), holding: HOLDING }, open());
    expect(failed._unsafeUnwrapErr()).toMatchObject({ kind: 'unsupported', code: 'old-configuration' });
    expect(failed._unsafeUnwrapErr().hint).toContain('quayside proxy-config');
    expect((await ask(haproxy.port, 'shop.apps.test')).body).toBe('one');
    expect((await unwrap(proxy.get('shop.apps.test', open())))?.holding).toBeUndefined();
    await unwrap(proxy.prove(route('shop', one), GET, open()));
  });
});
