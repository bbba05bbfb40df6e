/** Several processes share a store: who serves, who waits for whom, and what a server that was away does first. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Store, unwrap } from '@quayside/core/ports';
import { ResultAsync } from 'neverthrow';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { embeddedProxy } from '../src/index.js';
import { ask, eventually, MARK, open, openWorld, routeTo, speak, type World } from './support/world.js';

const TTL_MS = 300;

let world: World;
beforeEach(() => {
  world = openWorld();
});
afterEach(() => world.close());

/** A connection to the store that can be made to hang, as one to a suspended process would. */
function holdable(store: Store) {
  let waiting: (() => void)[] = [];
  let isHeld = false;
  const gate = () => (isHeld ? new Promise<void>((resolve) => waiting.push(resolve)) : Promise.resolve());
  const behind = <A extends readonly unknown[], R>(call: (...args: A) => R): ((...args: A) => R) =>
    ((...args: A) => ResultAsync.fromSafePromise(gate()).andThen(() => call(...args) as never)) as never;
  return {
    store: { ...store, commit: behind(store.commit), get: behind(store.get), list: behind(store.list) } as Store,
    hold() {
      isHeld = true;
    },
    release() {
      isHeld = false;
      for (const go of waiting) go();
      waiting = [];
    },
  };
}

/** The record of a server whose process was killed. */
const ghost = (id: string, frontDoor = 'http://127.0.0.1:9') =>
  ({ id, proxy: 'embedded', beat: 7, ttlMs: TTL_MS, acknowledged: 0, frontDoor, key: 'gone', startedAt: 1 }) as const;

const servers = async (store: Store) =>
  (await unwrap(store.list('proxyServers', { where: { proxy: 'embedded' } }, open()))).map(({ value }) => value);

describe('a put', () => {
  it('with no process that serves fails, tells of `quayside serve`, and changes nothing', async () => {
    const proxy = world.proxy();
    const error = (await proxy.put(routeTo('shop.test', await world.app('one')), open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'proxy-unreachable', retryable: true, outcome: 'refused' });
    expect(error.hint).toContain('quayside serve');
    expect(await unwrap(proxy.get('shop.test', open()))).toBeUndefined();
    expect(await unwrap(proxy.remove({ domain: 'shop.test', mark: MARK }, open()))).toBe('absent');
    expect(
      (await proxy.prove(routeTo('shop.test', await world.app('two')), null, open()))._unsafeUnwrapErr().hint,
    ).toContain('quayside serve');
  });
  it('after the last server was killed takes back what it wrote, and fails too', async () => {
    const [one, two] = [await world.app('one'), await world.app('two')];
    const { proxy: served } = await world.serving({ serverTtl: TTL_MS });
    await unwrap(served.put(routeTo('shop.test', one), open()));
    await unwrap(served.close!());
    await unwrap(world.store.commit([{ op: 'insert', collection: 'proxyServers', record: ghost('killed') }], open()));
    const proxy = world.proxy();
    for (const [domain, held] of [
      ['shop.test', 'one'],
      ['new.test', undefined],
    ] as const) {
      await unwrap(world.store.commit([{ op: 'put', collection: 'proxyServers', record: ghost('killed') }], open()));
      const error = (await proxy.put(routeTo(domain, two), open()))._unsafeUnwrapErr();
      expect(error).toMatchObject({ kind: 'proxy-unreachable', code: 'no-server', outcome: 'refused' });
      expect((await unwrap(proxy.get(domain, open())))?.targets[0]?.instance).toBe(held);
    }
    expect(await servers(world.store)).toEqual([]);
  });
  it('from a process that only deploys answers when every server serves it', async () => {
    const doors = [(await world.serving()).door, (await world.serving()).door, (await world.serving()).door];
    const proxy = world.proxy();
    for (const name of ['one', 'two', 'three', 'four']) {
      await unwrap(proxy.put(routeTo('shop.test', await world.app(name)), open()));
      const replies = await Promise.all(doors.map((door) => ask(door.port, 'shop.test')));
      expect(replies.map(({ body }) => body)).toEqual([name, name, name]);
    }
  });
  it('waits for a live server that is slow to follow', async () => {
    const slow = holdable(world.store.connect());
    const { door } = await world.serving({ store: slow.store, serverTtl: 20_000 });
    const { proxy } = await world.serving();
    await unwrap(proxy.put(routeTo('shop.test', await world.app('one')), open()));
    slow.hold();
    let isDone = false;
    const putting = proxy.put(routeTo('shop.test', await world.app('two')), open()).map(() => {
      isDone = true;
    });
    await sleep(200);
    expect(isDone).toBe(false);
    expect((await ask(door.port, 'shop.test')).body).toBe('one');
    slow.release();
    await unwrap(putting);
    expect((await ask(door.port, 'shop.test')).body).toBe('two');
  });
  it('gives up on a server that lives and does not follow, saying which, and that the outcome is open', async () => {
    const { proxy } = await world.serving({ acknowledgeTimeout: 200 });
    let beat = 8;
    const beating = setInterval(() => {
      beat += 1;
      void world.store.commit(
        [{ op: 'put', collection: 'proxyServers', record: { ...ghost('deaf', 'http://10.9.9.9:80'), beat } }],
        open(),
      );
    }, 20);
    world.onClose(() => clearInterval(beating));
    await sleep(50);
    const error = (await proxy.put(routeTo('shop.test', await world.app('one')), open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'timeout', code: 'not-acknowledged', outcome: 'unknown' });
    expect(error.message).toContain('http://10.9.9.9:80');
  });
  it('that is aborted while it waits answers at once', async () => {
    const { proxy } = await world.serving();
    await unwrap(
      world.store.commit(
        [{ op: 'insert', collection: 'proxyServers', record: { ...ghost('killed'), ttlMs: 60_000 } }],
        open(),
      ),
    );
    const controller = new AbortController();
    const putting = proxy.put(routeTo('shop.test', await world.app('one')), { signal: controller.signal });
    await sleep(50);
    const abortedAt = Date.now();
    controller.abort();
    expect((await putting)._unsafeUnwrapErr().kind).toBe('aborted');
    expect(Date.now() - abortedAt).toBeLessThan(100);
  });
  it('waits for a killed server once, for its ttl, and takes its record out', async () => {
    const deploys = world.proxy();
    await world.serving();
    await unwrap(world.store.commit([{ op: 'insert', collection: 'proxyServers', record: ghost('killed') }], open()));
    const times: number[] = [];
    for (const name of ['one', 'two']) {
      const startedAt = performance.now();
      await unwrap(deploys.put(routeTo('shop.test', await world.app(name)), open()));
      times.push(performance.now() - startedAt);
    }
    expect(times[0]).toBeGreaterThan(TTL_MS);
    expect(times[1]).toBeLessThan(TTL_MS / 2);
    expect((await servers(world.store)).map(({ id }) => id)).not.toContain('killed');
  });
  it('is not held up where a server has noticed the death of another before', async () => {
    const { proxy } = await world.serving({ serverTtl: TTL_MS });
    await unwrap(world.store.commit([{ op: 'insert', collection: 'proxyServers', record: ghost('killed') }], open()));
    await eventually(async () => (await servers(world.store)).length === 1, 'the dead one is swept');
    const startedAt = performance.now();
    await unwrap(proxy.put(routeTo('shop.test', await world.app('one')), open()));
    expect(performance.now() - startedAt).toBeLessThan(100);
  });
});

describe('a server', () => {
  it('that was away for its ttl holds nobody up, and serves nothing old when it is back', async () => {
    const away = holdable(world.store.connect());
    const { door } = await world.serving({ store: away.store, serverTtl: TTL_MS });
    const { proxy } = await world.serving({ serverTtl: TTL_MS });
    await unwrap(proxy.put(routeTo('shop.test', await world.app('one')), open()));
    expect((await ask(door.port, 'shop.test')).body).toBe('one');
    away.hold();
    const startedAt = performance.now();
    await unwrap(proxy.put(routeTo('shop.test', await world.app('two')), open()));
    expect(performance.now() - startedAt).toBeLessThan(TTL_MS * 2);
    const waiting = ask(door.port, 'shop.test');
    await sleep(100);
    away.release();
    expect((await waiting).body).toBe('two');
    await unwrap(proxy.put(routeTo('shop.test', await world.app('three')), open()));
    expect((await ask(door.port, 'shop.test')).body).toBe('three');
  });
  it('whose beat was sent in time and arrives too late reads before it forwards', async () => {
    // The beat is on its way when the ttl ends; the putter, who saw none, does not wait; then it arrives.
    const away = holdable(world.store.connect());
    const { door } = await world.serving({ store: away.store, serverTtl: TTL_MS });
    const { proxy } = await world.serving({ serverTtl: 60_000 });
    await unwrap(proxy.put(routeTo('shop.test', await world.app('one')), open()));
    for (let round = 0; round < 3; round += 1) {
      away.hold();
      const name = `next-${round}`;
      await unwrap(proxy.put(routeTo('shop.test', await world.app(name)), open()));
      away.release();
      const replies = await Promise.all(Array.from({ length: 5 }, () => ask(door.port, 'shop.test')));
      expect(replies.map(({ body }) => body)).toEqual(Array.from({ length: 5 }, () => name));
    }
  });
  it('serves on while the store is away for less than its ttl; then says that it is not ready, and recovers', async () => {
    const inner = world.store.connect();
    let isAway = false;
    const unavailable = { kind: 'store-unavailable', message: 'away', hint: 'wait', retryable: true } as const;
    const { errAsync } = await import('neverthrow');
    const store: Store = {
      ...inner,
      commit: (changes, options) => (isAway ? errAsync(unavailable) : inner.commit(changes, options)),
      get: (collection, id, options) => (isAway ? errAsync(unavailable) : inner.get(collection, id, options)),
      list: (collection, query, options) => (isAway ? errAsync(unavailable) : inner.list(collection, query, options)),
    };
    const { proxy, door } = await world.serving({ store, serverTtl: 600 });
    await unwrap(proxy.put(routeTo('shop.test', await world.app('one')), open()));
    isAway = true;
    expect((await ask(door.port, 'shop.test')).status).toBe(200);
    const failed = (await proxy.put(routeTo('shop.test', await world.app('two')), open()))._unsafeUnwrapErr();
    expect(failed.kind).toBe('proxy-unreachable');
    await sleep(700);
    const reply = await ask(door.port, 'shop.test');
    expect(reply.status).toBe(503);
    expect(reply.headers['retry-after']).toBe('2');
    isAway = false;
    expect((await ask(door.port, 'shop.test')).body).toBe('one');
  });
  it('serves on from a store that takes no beats and can be read, and nothing old', async () => {
    const inner = world.store.connect();
    let isFull = false;
    const full = { kind: 'store-refused', message: 'the disk is full', hint: 'make room', retryable: false } as const;
    const { errAsync } = await import('neverthrow');
    const store: Store = {
      ...inner,
      commit: (changes, options) => (isFull ? errAsync(full) : inner.commit(changes, options)),
    };
    const { door } = await world.serving({ store, serverTtl: TTL_MS });
    const { proxy } = await world.serving({ serverTtl: TTL_MS });
    await unwrap(proxy.put(routeTo('shop.test', await world.app('one')), open()));
    isFull = true;
    await sleep(TTL_MS + 100);
    expect((await ask(door.port, 'shop.test')).body).toBe('one');
    // Nobody waits for it, and it has what is true all the same.
    await unwrap(proxy.put(routeTo('shop.test', await world.app('two')), open()));
    expect((await ask(door.port, 'shop.test')).body).toBe('two');
    isFull = false;
    await eventually(async () => (await servers(world.store)).length === 2, 'both are there again');
    expect((await ask(door.port, 'shop.test')).body).toBe('two');
  });
  it('that starts serves every route that is there, and follows from then on', async () => {
    const { proxy } = await world.serving();
    for (let index = 0; index < 20; index += 1)
      await unwrap(proxy.put(routeTo(`s${index}.test`, await world.app(`app-${index}`)), open()));
    const { door } = await world.serving();
    for (let index = 0; index < 20; index += 1)
      expect((await ask(door.port, `s${index}.test`)).body).toBe(`app-${index}`);
  });
  it('that was further behind than the head can tell reads all, removals too', async () => {
    const slow = holdable(world.store.connect());
    const { door } = await world.serving({ store: slow.store, serverTtl: TTL_MS });
    const { proxy } = await world.serving({ serverTtl: TTL_MS });
    const app = await world.app('one');
    await unwrap(proxy.put(routeTo('gone.test', app), open()));
    expect((await ask(door.port, 'gone.test')).status).toBe(200);
    slow.hold();
    await unwrap(proxy.remove({ domain: 'gone.test', mark: MARK }, open()));
    for (let index = 0; index < 80; index += 1) await unwrap(proxy.put(routeTo(`s${index}.test`, app), open()));
    slow.release();
    expect((await ask(door.port, 'gone.test')).status).toBe(404);
    for (const index of [0, 40, 79]) expect((await ask(door.port, `s${index}.test`)).status).toBe(200);
  });
  it('that starts in the middle of a put serves what was put, whoever was first', async () => {
    const { proxy } = await world.serving();
    for (let round = 0; round < 30; round += 1) {
      const app = await world.app(`app-${round}`);
      const putting = proxy.put(routeTo('shop.test', app), open());
      const started = round % 2 ? world.serving() : sleep(1).then(() => world.serving());
      const [{ proxy: other, door }] = [await started, await unwrap(putting)];
      expect((await ask(door.port, 'shop.test')).body).toBe(`app-${round}`);
      await unwrap(other.close!());
    }
  });
  it('has routes of its own name alone', async () => {
    const { proxy } = await world.serving();
    const inner = await world.serving({ name: 'inner' });
    await unwrap(proxy.put(routeTo('shop.test', await world.app('one')), open()));
    expect((await ask(inner.door.port, 'shop.test')).status).toBe(404);
    expect(await unwrap(inner.proxy.list({ storeId: 'abcdefghij12' }, open()))).toEqual([]);
  });
});

describe('listening', () => {
  it('needs a store first, and says so', async () => {
    const proxy = embeddedProxy()._unsafeUnwrap();
    const error = (await proxy.listen({ host: '127.0.0.1', port: 0 }))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'unsupported', code: 'not-attached' });
    expect(error.hint).toContain('createDeployer');
  });
  it('happens at every address that was asked for, and ends at one alone', async () => {
    const { proxy, door } = await world.serving();
    const second = await unwrap(proxy.listen({ host: '127.0.0.1', port: 0 }));
    await unwrap(proxy.put(routeTo('shop.test', await world.app('one')), open()));
    for (const { port } of [door, second]) expect((await ask(port, 'shop.test')).body).toBe('one');
    expect(await servers(world.store)).toHaveLength(1);
    await unwrap(door.close());
    await unwrap(door.close());
    await expect(ask(door.port, 'shop.test')).rejects.toThrow();
    expect((await ask(second.port, 'shop.test')).body).toBe('one');
    await eventually(
      async () => (await servers(world.store))[0]?.frontDoor === second.url,
      'the front door is the one that is left',
    );
    await unwrap(second.close());
    expect(await servers(world.store)).toEqual([]);
    const third = await unwrap(proxy.listen({ host: '127.0.0.1', port: 0 }));
    expect((await ask(third.port, 'shop.test')).body).toBe('one');
  });
  it('at an address that is taken, or is none of this machine, is refused with what to do', async () => {
    const { proxy, door } = await world.serving();
    const taken = (await proxy.listen({ host: '127.0.0.1', port: door.port }))._unsafeUnwrapErr();
    expect(taken).toMatchObject({ kind: 'proxy-refused', code: 'EADDRINUSE' });
    expect(taken.hint).toContain(String(door.port));
    const foreign = (await proxy.listen({ host: '192.0.2.1', port: 0 }))._unsafeUnwrapErr();
    expect(foreign).toMatchObject({ kind: 'proxy-refused', code: 'EADDRNOTAVAIL' });
  });
  it('ends with close(): what is in flight finishes, then nobody answers and no put waits', async () => {
    const { proxy, door } = await world.serving({ drainTimeout: 5_000 });
    const other = await world.serving();
    let finish = () => {};
    const slow = await world.app('slow', (_request, response) => {
      finish = () => response.end('finished');
    });
    await unwrap(proxy.put(routeTo('shop.test', slow), open()));
    const asked = ask(door.port, 'shop.test');
    await eventually(() => slow.seen.length === 1, 'the request is there');
    const closing = proxy.close!();
    await sleep(50);
    await expect(ask(door.port, 'shop.test')).rejects.toThrow();
    finish();
    expect((await asked).body).toBe('finished');
    await unwrap(closing);
    expect(await servers(world.store)).toHaveLength(1);
    await unwrap(other.proxy.put(routeTo('shop.test', await world.app('two')), open()));
    expect((await proxy.listen({ host: '127.0.0.1', port: 0 }))._unsafeUnwrapErr().kind).toBe('closed');
  });
  it('ends within its bound although a request does not', async () => {
    const { proxy, door } = await world.serving({ drainTimeout: 200 });
    await unwrap(proxy.put(routeTo('shop.test', await world.app('stuck', () => undefined)), open()));
    const asked = ask(door.port, 'shop.test').catch(() => 'cut');
    await sleep(50);
    const startedAt = performance.now();
    await unwrap(proxy.close!());
    expect(performance.now() - startedAt).toBeLessThan(1500);
    expect(await asked).toBe('cut');
  });
  it('ends at one address as soon as its last answer is given, although the visitor keeps the connection', async () => {
    const { proxy, door } = await world.serving({ drainTimeout: 20_000 });
    await unwrap(proxy.listen({ host: '127.0.0.1', port: 0 }));
    let finish = () => {};
    const slow = await world.app('slow', (_request, response) => {
      finish = () => response.end('finished');
    });
    await unwrap(proxy.put(routeTo('shop.test', slow), open()));
    const said = speak(door.port, 'GET / HTTP/1.1\r\nhost: shop.test\r\n\r\n');
    await eventually(() => slow.seen.length === 1, 'the request is there');
    const closing = door.close();
    finish();
    expect(await said).toContain('finished');
    const startedAt = performance.now();
    await unwrap(closing);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });
  it('takes no front door that is no address', async () => {
    const { proxy } = await world.serving();
    const wrong = await proxy.listen({ host: '127.0.0.1', port: 0, frontDoor: 'example.com' });
    expect(wrong._unsafeUnwrapErr()).toMatchObject({ kind: 'proxy-refused', code: 'bad-front-door' });
  });
  it('moves a visitor on a kept connection to another: the answer during close() ends it', async () => {
    const { proxy, door } = await world.serving({ drainTimeout: 5_000 });
    let finish = () => {};
    const slow = await world.app('slow', (_request, response) => {
      finish = () => response.end('finished');
    });
    await unwrap(proxy.put(routeTo('shop.test', slow), open()));
    const said = speak(door.port, 'GET / HTTP/1.1\r\nhost: shop.test\r\n\r\n');
    await eventually(() => slow.seen.length === 1, 'the request is there');
    const closing = proxy.close!();
    finish();
    expect((await said).toLowerCase()).toContain('connection: close');
    await unwrap(closing);
  });
});
