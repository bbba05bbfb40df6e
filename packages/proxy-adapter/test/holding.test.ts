/** A stage in maintenance: what its visitors get beyond what the laws look at. */
import { unwrap } from '@quayside/core/ports';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { browse } from '../../../test/support/visitor.js';
import { ask, open, openWorld, routeTo, speak, type World } from './support/world.js';

const GET = { method: 'GET', path: '/', headers: {}, expectStatus: [[200, 299]] as const };
const HOLDING = { message: 'Back at ten.', retryAfterMs: 90_000 };

let world: World;
beforeEach(() => {
  world = openWorld();
});
afterEach(() => world.close());

async function held() {
  const { proxy, door } = await world.serving();
  const app = await world.app('one');
  const route = { ...routeTo('shop.test', app), holding: HOLDING };
  await unwrap(proxy.put(route, open()));
  return { proxy, door, app, route };
}

describe('visitors who are held', () => {
  it('are told in the form that they prefer', async () => {
    const { door } = await held();
    const at = { host: '127.0.0.1', port: door.port };
    const [html, json, text] = [
      await browse(at, 'shop.test'),
      await browse(at, 'shop.test', { accept: 'application/json' }),
      await browse(at, 'shop.test', { accept: '*/*' }),
    ];
    for (const { status, headers } of [html, json, text]) {
      expect(status).toBe(503);
      expect(headers).toMatchObject({ 'retry-after': '90', 'cache-control': 'no-store', vary: 'accept' });
    }
    expect(html.body).toMatch(/^<!doctype html>.*<p>Back at ten\.<\/p>/);
    expect(JSON.parse(json.body)).toEqual({ status: 503, title: 'In maintenance', detail: 'Back at ten.' });
    expect(json.headers['content-type']).toBe('application/problem+json');
    expect(text.body).toBe('503 In maintenance: Back at ten.\n');
    const head = await browse(at, 'shop.test', { accept: '*/*', method: 'HEAD' });
    expect([head.status, head.headers['content-length'], head.body]).toEqual([503, `${text.body.length}`, '']);
  });

  it('are told so although they ask for a WebSocket', async () => {
    const { door, app } = await held();
    const asked =
      'GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
    const said = await speak(door.port, asked);
    expect(said).toMatch(/^HTTP\/1\.1 503 In maintenance\r\n/);
    expect(said.toLowerCase()).toContain('retry-after: 90');
    expect(app.seen).toEqual([]);
  });

  it('are told so in the middle of an upload, and may go on using their connection', async () => {
    const { door, proxy, route } = await held();
    const upload = await ask(door.port, 'shop.test', { method: 'POST', body: Buffer.alloc(5_000_000) });
    expect(upload.status).toBe(503);
    const said = speak(
      door.port,
      'POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n',
    );
    expect((await said).match(/HTTP\/1\.1 503/g)).toHaveLength(2);
    const { holding: _lifted, ...lifted } = route;
    await unwrap(proxy.put(lifted, open()));
    expect((await ask(door.port, 'shop.test')).body).toBe('one');
  });

  it('cannot pass by saying what a proof says, and the app never gets to see what that is', async () => {
    const { proxy, door, app, route } = await held();
    for (const key of ['', 'x', 'a'.repeat(32)]) {
      const headers = { 'x-quayside-key': key, 'x-quayside-instance': 'one', 'x-quayside-pass': '1' };
      expect((await ask(door.port, 'shop.test', { headers })).status).toBe(503);
    }
    expect(app.seen).toEqual([]);
    await unwrap(proxy.prove(route, GET, open()));
    expect(app.seen).toHaveLength(1);
    expect(Object.keys(app.seen[0]?.headers ?? {}).filter((name) => name.includes('quayside'))).toEqual([]);
  });

  it('count as nothing that the instance has answered', async () => {
    const { proxy, door } = await held();
    for (let count = 0; count < 5; count += 1) await ask(door.port, 'shop.test');
    const counts = await unwrap(proxy.statistics?.('one', open()) ?? Promise.reject());
    expect([counts.requests, counts.errors]).toEqual([0, 0]);
  });

  it('are held by every server that shares the store, and by one that starts later', async () => {
    const { proxy, route } = await held();
    const later = await world.serving();
    expect((await ask(later.door.port, 'shop.test')).status).toBe(503);
    const { holding: _lifted, ...lifted } = route;
    await unwrap(proxy.put(lifted, open()));
    expect((await ask(later.door.port, 'shop.test')).body).toBe('one');
    await unwrap(proxy.put(route, open()));
    expect((await ask(later.door.port, 'shop.test')).status).toBe(503);
  });
});

describe('a put', () => {
  it('says what is wrong with a message that nobody could be told, and touches nothing', async () => {
    const { proxy, door, route } = await held();
    const put = await proxy.put({ ...route, holding: { message: 'a\nb', retryAfterMs: 1 } }, open());
    expect(put._unsafeUnwrapErr()).toMatchObject({ kind: 'proxy-refused', code: 'bad-holding' });
    expect(put._unsafeUnwrapErr().message).toContain('shop.test');
    expect((await ask(door.port, 'shop.test')).body).toContain('Back at ten.');
  });
});
