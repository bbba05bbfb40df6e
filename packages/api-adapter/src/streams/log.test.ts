/** A deployment's log, followed. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bed, bed } from '../../test/support/bed.js';
import { type Frames, framesOf } from '../../test/support/frames.js';
import { logSource } from './sources.js';

let api: Bed;
let id: string;
/** How many entries its log has. */
let known: number;
const { signal } = new AbortController();
const SSE = { accept: 'text/event-stream' };

beforeEach(async () => {
  // Nobody takes a deployment for dead that is only said to run.
  api = await bed({ streamBuffer: '64k' }, { recover: 'manual' });
  id = await api.deployed('v1');
  known = (await api.world.store.read(`log:${id}`, { after: 0 }, { signal }))._unsafeUnwrap().length;
});
afterEach(() => api.close());

const follow = async (headers: Record<string, string> = {}, query = ''): Promise<Frames> =>
  framesOf(await api.call('GET', `/v1/deployments/${id}/log${query}`, undefined, { ...SSE, ...headers }));

/** As if its host were still at it. */
async function goesOn(): Promise<void> {
  const found = (await api.world.store.get('deployments', id, { signal }))._unsafeUnwrap();
  if (!found) throw new Error('gone');
  const record = { ...found.value, status: 'running' as const, endedAt: null };
  (await api.world.store.commit([{ op: 'put', collection: 'deployments', record }], { signal }))._unsafeUnwrap();
}

async function says(...messages: readonly string[]): Promise<void> {
  const entries = messages.map((message) => ({ time: 1, level: 'info', step: null, message, data: null }));
  (await api.world.store.commit([{ op: 'append', stream: `log:${id}`, entries }], { signal }))._unsafeUnwrap();
}

const seqs = (frames: readonly { readonly event: string | null; readonly data: { readonly seq: number } }[]) =>
  frames.filter(({ event }) => event === 'log').map(({ data }) => data.seq);

const upTo = (last: number, from = 1) => Array.from({ length: last - from + 1 }, (_, index) => from + index);

describe('a log that is followed', () => {
  it('is sent from its first entry to its end, each with its number', async () => {
    const frames = await (await follow()).rest();
    const entries = (await api.call('GET', `/v1/deployments/${id}/log?limit=1000`)).json();
    const { items } = (await entries) as { items: unknown[] };
    expect(frames[0]).toEqual({ event: 'ready', id: '0', data: { after: 0 } });
    const log = frames.filter(({ event }) => event === 'log');
    expect(log.map(({ data }) => data)).toEqual(items);
    expect(log.map((frame) => frame.id)).toEqual(log.map(({ data }) => String(data.seq)));
    expect(frames.at(-1)).toEqual({ event: 'end', id: null, data: { after: log.length } });
  });

  it('goes on behind the last event that a reader has seen', async () => {
    const all = seqs(await (await follow()).rest());
    const resumed = await follow({ 'last-event-id': '3' }, '?after=1');
    expect(seqs(await resumed.rest())).toEqual(upTo(all.length, 4));
    const asked = await follow({}, '?after=2');
    expect(seqs(await asked.rest())).toEqual(upTo(all.length, 3));
  });

  it('tells a reader that comes again after the end that there is no more', async () => {
    const first = await follow();
    await first.rest();
    const again = await api.call('GET', `/v1/deployments/${id}/log`, undefined, {
      ...SSE,
      'last-event-id': first.lastId,
    });
    expect([again.status, again.body]).toEqual([204, null]);
  });

  it('is sent as it grows, and ends when its deployment does', async () => {
    await goesOn();
    const frames = await follow();
    let last = 0;
    const until = async (message: string) => {
      for (;;) {
        const frame = await api.world.clock.until(frames.event());
        if (!frame) throw new Error('ended');
        expect(frame.data.seq ?? 0).toBe(frame.event === 'log' ? last + 1 : (frame.data.seq ?? 0));
        last = frame.data.seq ?? last;
        if (frame.data.message === message) return;
      }
    };
    await says('one');
    await until('one');
    const waiting = until('three');
    await says('two', 'three');
    await waiting;
    const ending = frames.event();
    const found = (await api.world.store.get('deployments', id, { signal }))._unsafeUnwrap();
    const record = { ...found!.value, status: 'succeeded' as const, endedAt: 5 };
    await api.world.store.commit([{ op: 'put', collection: 'deployments', record }], { signal });
    expect(await api.world.clock.until(ending)).toMatchObject({ event: 'end', data: { after: last } });
  });

  it('is read from the store once for everybody', async () => {
    for (let count = 0; count < 5; count += 1) await says(...upTo(200).map((number) => `line ${number}`));
    let reads = 0;
    const { store } = api.world;
    const read = store.read.bind(store);
    Object.assign(store, {
      read: (...args: Parameters<typeof read>) => {
        reads += 1;
        return read(...args);
      },
    });
    const one = await (await follow({}, '?after=1')).rest();
    const forOne = reads;
    reads = 0;
    const followers = await Promise.all(upTo(100).map(() => follow()));
    const all = await Promise.all(followers.map((each) => each.rest()));
    expect(all.every((frames) => seqs(frames).length === one.length - 1)).toBe(true);
    expect(reads).toBeLessThanOrEqual(forOne + 5);
  });

  it('tells who falls behind what is kept in memory, and misses nothing', async () => {
    await goesOn();
    const slow = await follow();
    const quick = await follow();
    await readTo(slow, known);
    await readTo(quick, known);
    // Both wait for more now; the one takes a first entry of it, and the other goes on.
    const first = readTo(slow, known + 1);
    const more = readTo(quick, known + 1);
    await says('more');
    await Promise.all([first, more]);
    known += 1;
    for (let count = 0; count < 20; count += 1) {
      await says(...upTo(200).map((number) => `${number} `.padEnd(100, '.')));
      await readTo(quick, known + (count + 1) * 200);
    }
    const behind = await readTo(slow, known + 4_000);
    expect(behind.filter(({ event }) => event === 'lagging').map(({ data }) => data)).toEqual([
      { after: expect.any(Number), newest: known + 4_000, ends: false },
    ]);
    expect(seqs(behind)).toEqual(upTo(known + 4_000, known + 1));
  });

  it('is let go of by everybody who leaves', async () => {
    await goesOn();
    const before = api.world.clock.pending;
    const followers = await Promise.all(upTo(10).map(() => follow()));
    await Promise.all(followers.map((each) => readTo(each, known)));
    const waiting = followers.map((each) => each.event());
    await api.passes(0);
    expect(api.world.clock.pending).toBeGreaterThan(before);
    for (const each of followers) await each.cancel();
    await Promise.all(waiting);
    await api.passes(0);
    expect(api.world.clock.pending).toBe(before);
  });

  it('tells of an error, ends, and goes on when it is asked for again', async () => {
    const { store } = api.world;
    const read = store.read.bind(store);
    const { errAsync } = await import('neverthrow');
    const down = { kind: 'store-unavailable', message: 'The store is away.', hint: 'Wait.', retryable: true } as const;
    Object.assign(store, { read: () => errAsync(down) });
    const frames = await (await follow()).rest();
    expect(frames.map(({ event }) => event)).toEqual(['ready', 'failed']);
    expect(frames[1]?.data).toMatchObject({ kind: 'store-unavailable', hint: 'Wait.', status: 503 });
    Object.assign(store, { read });
    expect(seqs(await (await follow()).rest()).length).toBeGreaterThan(3);
  });
});

describe('what a reader has not asked for', () => {
  it('is not opened by HEAD', async () => {
    const head = await api.call('HEAD', `/v1/deployments/${id}/log`, undefined, SSE);
    expect([head.status, head.headers.get('content-type'), head.body]).toEqual([200, 'text/event-stream', null]);
  });

  it('is one channel per log', () => {
    expect(logSource(api.deployer, 'a').name).not.toBe(logSource(api.deployer, 'b').name);
  });
});

/** Reads up to that entry. */
async function readTo(frames: Frames, last: number) {
  const found: { event: string | null; data: { seq: number } }[] = [];
  for (;;) {
    const frame = await api.world.clock.until(frames.event());
    if (!frame) throw new Error(`The stream ended before ${last}.`);
    found.push(frame);
    if (frame.data?.seq === last) return found;
  }
}
