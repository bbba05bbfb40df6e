/** What a progressive cutover asks of HAProxy: shares, visitors who stay, and counts that outlive a change of backends. */
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { type ProxyManager, type Route, type Target, unwrap } from '@quayside/core/ports';
import { describe, expect, it } from 'vitest';
import { type App, ask, eventually, open, PROOF_KEY, type World } from './support/world.js';
import { route, useWorlds } from './support/worlds.js';

const world = useWorlds();
const sticky = (name: string, ...targets: readonly Target[]): Route => ({ ...route(name, ...targets), sticky: true });
const statistics = (proxy: ProxyManager, instance: string) =>
  unwrap(proxy.statistics?.(instance, open()) ?? Promise.reject(new Error('it cannot count')));
const cookiesOf = ({ headers }: { readonly headers: NodeJS.Dict<string | string[]> }): readonly string[] =>
  [headers['set-cookie'] ?? []].flat();
const stayOf = (reply: { readonly headers: NodeJS.Dict<string | string[]> }): string =>
  cookiesOf(reply)
    .find((each) => each.startsWith('quayside-stay='))
    ?.split(';')[0] ?? '';

describe('a sticky route', () => {
  it('keeps each visitor with the target that answered first, whatever the shares become', async () => {
    const { haproxy, adapter, app } = await world();
    const proxy = adapter();
    const [one, two] = [await app('one'), await app('two')];
    const at = (first: number, second: number) =>
      unwrap(proxy.put(sticky('shop', { ...one, weight: first }, { ...two, weight: second }), open()));
    await at(50, 50);
    const visitors = await Promise.all(Array.from({ length: 20 }, () => ask(haproxy.port, 'shop.apps.test')));
    expect(visitors.filter(({ body }) => body === 'two').length).toBeGreaterThanOrEqual(8);
    expect(cookiesOf(visitors[0] ?? { headers: {} })[0]).toMatch(
      /^quayside-stay=(one|two); Path=\/; HttpOnly; SameSite=Lax$/,
    );
    await at(1, 99);
    for (const visitor of visitors) {
      const headers = { cookie: `theirs=1; ${stayOf(visitor)}; other=2` };
      const again = await ask(haproxy.port, 'shop.apps.test', { headers });
      expect(again.body).toBe(visitor.body);
      expect(cookiesOf(again)).toEqual([]);
    }
  });

  it('balances a visitor anew whose target has weight 0, or is gone, or cannot be connected to', async () => {
    const { haproxy, adapter, app } = await world();
    const proxy = adapter();
    const [one, two] = [await app('one'), await app('two')];
    await unwrap(proxy.put(sticky('shop', one), open()));
    const cookie = stayOf(await ask(haproxy.port, 'shop.apps.test'));
    expect(cookie).toBe('quayside-stay=one');
    const back = () => ask(haproxy.port, 'shop.apps.test', { headers: { cookie } });
    await unwrap(proxy.put(sticky('shop', { ...one, weight: 0 }, { ...two, weight: 1 }), open()));
    const moved = await back();
    expect([moved.body, stayOf(moved)]).toEqual(['two', 'quayside-stay=two']);
    await unwrap(proxy.put(sticky('shop', two), open()));
    expect((await back()).body).toBe('two');
    await unwrap(proxy.put(sticky('shop', { ...one, weight: 1 }, { ...two, weight: 1 }), open()));
    for (let round = 0; round < 4; round += 1) expect((await back()).body).toBe('one');
    await unwrap(proxy.put(sticky('shop', { ...one, weight: 0 }, { ...two, weight: 1 }), open()));
    expect((await back()).body).toBe('two');
    await unwrap(proxy.put(sticky('shop', { ...one, weight: 1 }, { ...two, weight: 1 }), open()));
    expect((await back()).body).toBe('one');
    await one.close();
    expect((await back()).body).toBe('two');
  });

  it('leaves the app its own cookies, and sets none for others, nor once it is not sticky any more', async () => {
    const { haproxy, adapter, app } = await world();
    const proxy = adapter();
    const one = await app('one', (_request, response) => {
      response.setHeader('set-cookie', ['session=1', 'theme=dark']);
      response.end('one');
    });
    await unwrap(proxy.put(sticky('shop', one), open()));
    await unwrap(proxy.put(route('blog', one), open()));
    const set = cookiesOf(await ask(haproxy.port, 'shop.apps.test'));
    expect(set.slice(0, 2)).toEqual(['session=1', 'theme=dark']);
    expect(set).toHaveLength(3);
    expect(cookiesOf(await ask(haproxy.port, 'blog.apps.test'))).toEqual(['session=1', 'theme=dark']);
    const servers = await haproxy.say('show servers state');
    await unwrap(proxy.put(route('shop', one), open()));
    expect(cookiesOf(await ask(haproxy.port, 'shop.apps.test'))).toEqual(['session=1', 'theme=dark']);
    // Neither this nor the way back fills another backend.
    await unwrap(proxy.put(sticky('shop', one), open()));
    expect(cookiesOf(await ask(haproxy.port, 'shop.apps.test'))).toHaveLength(3);
    const names = (text: string) => [...text.matchAll(/quayside-\d+ \d+ \S+/g)].map(([name]) => name);
    expect(names(await haproxy.say('show servers state'))).toEqual(names(servers));
  });

  it('is sticky again after a restart of HAProxy', async () => {
    const { haproxy, adapter, app } = await world();
    const proxy = adapter();
    const [one, two] = [await app('one'), await app('two')];
    await unwrap(proxy.put(sticky('shop', one, two), open()));
    const cookie = stayOf(await ask(haproxy.port, 'shop.apps.test'));
    await haproxy.restart();
    await unwrap(proxy.get('shop.apps.test', open()));
    for (let round = 0; round < 4; round += 1) {
      const { body } = await ask(haproxy.port, 'shop.apps.test', { headers: { cookie } });
      expect(`quayside-stay=${body}`).toBe(cookie);
    }
  });
});

describe('a route of several targets', () => {
  const GET = { method: 'GET', path: '/', headers: {}, expectStatus: [[200, 299]] as const };

  it('is proved by each of them that is sent requests, however small its share', async () => {
    const { adapter, app } = await world();
    const proxy = adapter();
    const [one, two] = [await app('one'), await app('two', (_request, response) => void response.writeHead(500).end())];
    const at = (second: number) => route('shop', { ...one, weight: 200 }, { ...two, weight: second });
    await unwrap(proxy.put(at(0), open()));
    await unwrap(proxy.prove(at(0), GET, open()));
    await unwrap(proxy.put(at(1), open()));
    const unproved = (await proxy.prove(at(1), GET, { ...open(), timeoutMs: 500 }))._unsafeUnwrapErr();
    expect(unproved).toMatchObject({ kind: 'route-unproved' });
    expect(unproved.message).toContain('500');
    await unwrap(proxy.prove(at(1), { ...GET, expectStatus: [[200, 599]] }, open()));
    await two.close();
    const gone = (await proxy.prove(at(1), null, { ...open(), timeoutMs: 2_500 }))._unsafeUnwrapErr();
    expect(gone.message).toContain('not two');
  });
});

/** Answers with the status that its path names, after 150 ms, or not at all. */
const moody = (app: World['app'], name: string): Promise<App> =>
  app(name, (request, response) => {
    const word = request.url?.slice(1) ?? '';
    if (word === 'hang') return;
    if (word === 'hang-up') return void request.socket.destroy();
    if (word === 'cut') {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('begin');
      return void setTimeout(() => request.socket.destroy(), 20);
    }
    if (word === 'nonsense') return void request.socket.end('nonsense\r\n\r\n');
    const status = Number(word) || 200;
    setTimeout(() => response.writeHead(status).end(), word === 'slow' ? 150 : 0);
  });

describe('statistics', () => {
  it('count answers, errors, and what HAProxy answers in the place of the instance; nothing of anybody else', async () => {
    const { haproxy, adapter, app } = await world({ answerTimeout: '300ms' });
    const proxy = adapter();
    const [one, other] = [await moody(app, 'one'), await app('other')];
    expect(await statistics(proxy, 'one')).toMatchObject({ requests: 0, errors: 0 });
    await unwrap(proxy.put(route('shop', one), open()));
    await unwrap(proxy.put(route('too', one), open()));
    await unwrap(proxy.put(route('blog', other), open()));
    const visit = async (path: string, name = 'shop') =>
      (await ask(haproxy.port, `${name}.apps.test`, { path: `/${path}` }).catch(() => ({ status: 0 }))).status;
    expect(await visit('')).toBe(200);
    expect(await visit('404', 'too')).toBe(404);
    expect(await visit('500')).toBe(500);
    expect(await visit('503', 'too')).toBe(503);
    expect(await visit('', 'blog')).toBe(200);
    expect(await statistics(proxy, 'one')).toMatchObject({ requests: 4, errors: 2 });
    expect(await visit('hang')).toBe(504);
    expect(await statistics(proxy, 'one')).toMatchObject({ requests: 5, errors: 3 });
    expect(await visit('nonsense')).toBe(502);
    expect(await statistics(proxy, 'one')).toMatchObject({ requests: 6, errors: 4 });
    // It had a status before it was cut off.
    await visit('cut');
    await eventually(async () => (await statistics(proxy, 'one')).requests === 7, 'the cut one is counted once');
    expect((await statistics(proxy, 'one')).errors).toBe(4);
    const { latencies } = await statistics(proxy, 'one');
    expect(latencies.reduce((sum, { count }) => sum + count, 0)).toBe(5);
    expect(await visit('slow')).toBe(200);
    const slow = (await statistics(proxy, 'one')).latencies.filter(({ upToMs, count }) => upToMs >= 150 && count > 0);
    expect(slow).toHaveLength(1);
    expect(slow[0]?.upToMs).toBeLessThanOrEqual(300);
    await one.close();
    expect(await visit('')).toBe(503);
    expect(await statistics(proxy, 'one')).toMatchObject({ requests: 9, errors: 5 });
    expect(await statistics(proxy, 'other')).toMatchObject({ requests: 1, errors: 0 });
  });

  it('count a WebSocket when it begins, keep its visitor too, and count no interim answer', async () => {
    const { haproxy, adapter, app } = await world();
    const proxy = adapter();
    const one = await app('one', (_request, response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' });
      response.end('one');
    });
    one.server.on('upgrade', (_request, socket) => {
      socket.on('error', () => socket.destroy());
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
      );
    });
    await unwrap(proxy.put(sticky('shop', one), open()));
    expect((await ask(haproxy.port, 'shop.apps.test')).body).toBe('one');
    const visitor = connect(haproxy.port, '127.0.0.1');
    let said = '';
    visitor.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
    visitor.write(
      'GET /ws HTTP/1.1\r\nhost: shop.apps.test\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await eventually(() => said.includes('\r\n\r\n'), 'the connection is upgraded');
    expect(said).toMatch(/101[\s\S]*Set-Cookie: quayside-stay=one/i);
    expect(await statistics(proxy, 'one')).toMatchObject({ requests: 2, errors: 0 });
    visitor.destroy();
  });

  it('go on over changes of backends, with the errors of those that were emptied, and do not count proofs', {
    timeout: 20_000,
  }, async () => {
    const { haproxy, adapter, app } = await world({ answerTimeout: '200ms' });
    const [proxy, elsewhere] = [adapter(), adapter()];
    const [one, two] = [await moody(app, 'one'), await app('two')];
    const GET = { method: 'GET', path: '/', headers: {}, expectStatus: [[200, 299]] as const };
    await unwrap(proxy.put(route('shop', one), open()));
    await unwrap(proxy.prove(route('shop', one), GET, open()));
    expect(await statistics(proxy, 'one')).toMatchObject({ requests: 0, errors: 0 });
    const visit = (path: string, headers = {}) => ask(haproxy.port, 'shop.apps.test', { path: `/${path}`, headers });
    await visit('');
    await visit('hang');
    await visit('hang');
    await unwrap(proxy.put(route('shop', { ...one, weight: 1 }, { ...two, weight: 0 }), open()));
    await visit('');
    expect(await statistics(proxy, 'one')).toMatchObject({ requests: 4, errors: 2 });
    const isEmptied = async () =>
      [...(await haproxy.say('show servers state')).matchAll(/quayside-\d+ \d+ one /g)].length === 1;
    let lowest = Number.POSITIVE_INFINITY;
    await eventually(
      async () => {
        lowest = Math.min(lowest, (await statistics(elsewhere, 'one')).requests);
        return isEmptied();
      },
      'the backend that was left is empty',
      8_000,
    );
    expect(lowest).toBe(4);
    expect(await statistics(proxy, 'one')).toMatchObject({ requests: 4, errors: 2 });
    await visit('hang');
    expect(await statistics(proxy, 'one')).toMatchObject({ requests: 5, errors: 3 });
    await visit('', { 'x-quayside-proof': PROOF_KEY });
    expect(await statistics(proxy, 'one')).toMatchObject({ requests: 5, errors: 3 });
  });
});

describe('a configuration of before there were tables', () => {
  it('serves on, and is told apart where something is asked that it cannot do', async () => {
    const { haproxy, adapter, app } = await world();
    const text = await readFile(haproxy.config, 'utf8');
    const old = text
      .split('\n')
      .filter(
        (line) =>
          !/http-response|stick-table|use-server|^backend quayside-(statistics|kept|held)|quayside-held|return status 503|_(begun|stay|pass)\)/.test(
            line,
          ),
      )
      .join('\n')
      .replace(/ {2}http-request set-var\(txn\.quayside_route\).*\n/, '')
      .replace(
        /use_backend %\[var\(txn\.quayside_route\),/,
        `use_backend %[req.hdr(host),field(1,:),lower,map(${haproxy.map},quayside-none),`,
      );
    expect(old).not.toContain('quayside_route');
    await writeFile(haproxy.config, old);
    await haproxy.restart();
    const proxy = adapter();
    const one = await app('one');
    await unwrap(proxy.put(route('shop', one), open()));
    expect((await ask(haproxy.port, 'shop.apps.test')).body).toBe('one');
    for (const asked of [proxy.put(sticky('shop', one), open()), proxy.statistics?.('one', open())]) {
      const error = (await asked)?._unsafeUnwrapErr();
      expect(error).toMatchObject({ kind: 'proxy-refused', code: 'old-configuration' });
      expect(error?.hint).toContain('proxy-config');
    }
    expect((await ask(haproxy.port, 'shop.apps.test')).body).toBe('one');
  });

  it('is not proved where the configuration does not say among how many servers it chose, and says to print it again', async () => {
    const { haproxy, adapter, app } = await world();
    const text = await readFile(haproxy.config, 'utf8');
    await writeFile(
      haproxy.config,
      text.replaceAll(/^ {2}http-after-response set-header x-quayside-servers .*\n/gm, ''),
    );
    await haproxy.restart();
    const proxy = adapter();
    const one = route('shop', await app('one'));
    await unwrap(proxy.put(one, open()));
    const failed = (await proxy.prove(one, null, { ...open(), timeoutMs: 200 }))._unsafeUnwrapErr();
    expect(failed.kind).toBe('route-unproved');
    expect(failed.message).toContain('among how many servers');
    expect(failed.hint).toContain('quayside proxy-config');
  });
});
