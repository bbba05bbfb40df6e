/** Real processes that share one SQLite file: they follow each other, are stopped, go on, and are killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Store, unwrap } from '@quayside/core/ports';
import { sqliteStore } from '@quayside/sql-adapter';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bundled } from '../../../test/support/bundle.js';
import { ask, eventually, open, openWorld, routeTo, type World } from './support/world.js';

const TTL_MS = 1_000;
const SCRIPT = new URL('./support/serve.ts', import.meta.url);

let world: World;
let folder: string;
let path: string;
let store: Store;
let script: string;
beforeAll(async () => {
  script = await bundled(SCRIPT);
});
beforeEach(async () => {
  world = openWorld();
  folder = await mkdtemp(join(tmpdir(), 'quayside-proxy-'));
  path = join(folder, 'store.db');
  store = unwrap(sqliteStore({ path }));
  await unwrap(store.storeId(open()));
});
afterEach(async () => {
  await world.close();
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

interface Child {
  readonly process: ChildProcess;
  readonly port: number;
  readonly exited: Promise<number | string | null>;
  said(): string;
}

async function serve(): Promise<Child> {
  const child = spawn(process.execPath, [script, path, String(TTL_MS)], { stdio: ['pipe', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (part: Buffer) => {
    said += part.toString();
  });
  const exited = new Promise<number | string | null>((resolve) =>
    child.once('exit', (code, signal) => resolve(signal ?? code)),
  );
  world.onClose(() => {
    child.kill('SIGKILL');
    return exited;
  });
  await eventually(() => said.includes('listening '), 'the process listens', 30_000);
  return { process: child, port: Number(/listening (\d+)/.exec(said)?.[1]), exited, said: () => said };
}

describe('processes that share a store', () => {
  it('follow a put of another one, and end by themselves', async () => {
    const [first, second] = await Promise.all([serve(), serve()]);
    const proxy = world.proxy({ store });
    const times: number[] = [];
    for (const name of ['one', 'two', 'three', 'four', 'five']) {
      const app = await world.app(name);
      const startedAt = performance.now();
      await unwrap(proxy.put(routeTo('shop.test', app), open()));
      times.push(performance.now() - startedAt);
      for (const { port } of [first, second]) expect((await ask(port, 'shop.test')).body).toBe(name);
      await unwrap(
        proxy.prove(
          routeTo('shop.test', app),
          { method: 'GET', path: '/', headers: {}, expectStatus: [[200, 200]] },
          open(),
        ),
      );
    }
    expect(Math.min(...times)).toBeLessThan(500);
    for (const child of [first, second]) child.process.stdin?.end();
    expect(await Promise.all([first.exited, second.exited])).toEqual([0, 0]);
    expect(first.said()).toContain('closed');
    const error = (await proxy.put(routeTo('shop.test', await world.app('six')), open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'proxy-unreachable', code: 'no-server' });
  });
  it('do not wait for one that was killed, beyond its ttl', async () => {
    const [killed, alive] = await Promise.all([serve(), serve()]);
    const proxy = world.proxy({ store });
    await unwrap(proxy.put(routeTo('shop.test', await world.app('one')), open()));
    killed.process.kill('SIGKILL');
    await killed.exited;
    const times: number[] = [];
    for (const name of ['two', 'three']) {
      const startedAt = performance.now();
      await unwrap(proxy.put(routeTo('shop.test', await world.app(name)), open()));
      times.push(performance.now() - startedAt);
      expect((await ask(alive.port, 'shop.test')).body).toBe(name);
    }
    expect(times[0]).toBeLessThan(TTL_MS * 3);
    expect(times[1]).toBeLessThan(TTL_MS / 2);
  });
  /** Stops it where it does not hold the database: one that stood still in the middle of a commit would stop everybody. */
  const standStill = async (process: { kill(signal: NodeJS.Signals): boolean }) => {
    for (let tries = 0; tries < 20; tries += 1) {
      process.kill('SIGSTOP');
      await sleep(20);
      const record = { id: 'test:stood-still', after: tries };
      const free = await store.commit([{ op: 'put', collection: 'cursors', record }], {
        signal: AbortSignal.timeout(500),
      });
      if (free.isOk()) return;
      process.kill('SIGCONT');
      await sleep(10 + tries);
    }
    throw new Error('It held the database every time it was stopped.');
  };
  it('serve nothing old after they stood still: not even to who asked meanwhile', async () => {
    const [stopped, alive] = await Promise.all([serve(), serve()]);
    const proxy = world.proxy({ store });
    await unwrap(proxy.put(routeTo('shop.test', await world.app('one')), open()));
    for (const name of ['two', 'three']) {
      expect((await ask(stopped.port, 'shop.test')).status).toBe(200);
      try {
        await standStill(stopped.process);
        const meanwhile = Array.from({ length: 10 }, () => ask(stopped.port, 'shop.test'));
        await unwrap(proxy.put(routeTo('shop.test', await world.app(name)), open()));
        expect((await ask(alive.port, 'shop.test')).body).toBe(name);
        stopped.process.kill('SIGCONT');
        for (const { body } of await Promise.all(meanwhile)) expect(body).toBe(name);
      } finally {
        stopped.process.kill('SIGCONT');
      }
    }
  });
  it('fail no request over forty cutovers under load, and never ask an instance after its put', async () => {
    const ownStore = unwrap(sqliteStore({ path }));
    world.onClose(() => ownStore.close());
    const [child, own] = [await serve(), await world.serving({ store: ownStore })];
    const proxy = own.proxy;
    const apps = [await world.app('blue'), await world.app('green')] as const;
    await unwrap(proxy.put(routeTo('shop.test', apps[0]), open()));
    const agent = new Agent({ keepAlive: true, maxSockets: 8 });
    world.onClose(() => agent.destroy());
    let isOver = false;
    let count = 0;
    const failures: string[] = [];
    const load = async (port: number, kept: boolean) => {
      while (!isOver) {
        try {
          const reply = kept
            ? await askKept(agent, port)
            : await ask(port, 'shop.test', count % 3 ? {} : { method: 'POST', body: 'x' });
          if (reply.status !== 200) failures.push(`${reply.status}`);
        } catch (error) {
          failures.push(String(error));
        }
        count += 1;
        await sleep(5);
      }
    };
    const visitors = [child.port, own.door.port].flatMap((port) => [
      load(port, true),
      load(port, true),
      load(port, false),
    ]);
    const wrong: string[] = [];
    for (let turn = 1; turn <= 40; turn += 1) {
      const next = apps[turn % 2]!;
      await unwrap(proxy.put(routeTo('shop.test', next), open()));
      for (const port of [child.port, own.door.port]) {
        const { body } = await ask(port, 'shop.test');
        if (body !== next.instance) wrong.push(`${turn}: ${body}`);
      }
      await sleep(20);
    }
    isOver = true;
    await Promise.all(visitors);
    expect(failures).toEqual([]);
    expect(wrong).toEqual([]);
    expect(count).toBeGreaterThan(300);
  });
});

/** On a connection that is kept. */
const askKept = (agent: Agent, port: number) =>
  new Promise<{ readonly status: number }>((resolve, reject) => {
    request({ host: '127.0.0.1', port, agent, headers: { host: 'shop.test' } }, (answer) => {
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0 })).resume();
    })
      .on('error', reject)
      .end();
  });
