import { errAsync, okAsync, type ResultAsync } from 'neverthrow';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { aborted, type BugError, QuaysideError, type TaggedError } from '../domain/errors.js';
import type { CallOptions } from '../ports/call.js';
import type { ContainerRuntime } from '../ports/container-runtime.js';
import type { Store } from '../ports/store.js';
import { type ErrorOf, type FaultyMethod, faultsAt, outage, randomFaults, withFaults } from './faults.js';
import { conforms } from './laws/law.js';
import { storeLaws } from './laws/store.js';
import { virtualClock } from './memory/clock.js';
import { seededIds, seededRandom } from './memory/ids.js';
import { memoryStore } from './memory/store.js';

type CounterError = TaggedError<'aborted'> | TaggedError<'proxy-unreachable'> | BugError;

/** A small port: a counter, with everything that a port can have. */
class Counter {
  readonly name = 'counter';
  #value = 0;
  get value() {
    return this.#value;
  }
  add(by: number, { signal }: CallOptions): ResultAsync<number, CounterError> {
    if (signal.aborted) return errAsync(aborted('add'));
    if (by < 0) return errAsync({ kind: 'bug', message: 'negative', hint: 'x', retryable: false });
    this.#value += by;
    return okAsync(this.#value);
  }
  twice(options: CallOptions): ResultAsync<number, CounterError> {
    return this.add(1, options).andThen(() => this.add(1, options));
  }
  logs(_name: string, { signal }: CallOptions): AsyncIterable<string> {
    return entries(signal);
  }
  watch({ signal }: CallOptions): ResultAsync<AsyncIterable<string>, CounterError> {
    return okAsync(entries(signal));
  }
  subscribe(listener: () => void): () => void {
    return listener;
  }
  close(): ResultAsync<void, CounterError> {
    return okAsync(undefined);
  }
}
async function* entries(signal: AbortSignal) {
  for (const each of ['a', 'b', 'c']) {
    if (signal.aborted) return;
    yield each;
  }
}

const open = () => ({ signal: new AbortController().signal });
const made = () => {
  const clock = virtualClock();
  const counter = new Counter();
  return { clock, counter, faulty: withFaults(counter, { clock, error: outage.proxy }) };
};
async function read(stream: AsyncIterable<string>): Promise<{ seen: string[]; kind: string | undefined }> {
  const seen: string[] = [];
  try {
    for await (const each of stream) seen.push(each);
  } catch (thrown) {
    return { seen, kind: thrown instanceof QuaysideError ? thrown.kind : String(thrown) };
  }
  return { seen, kind: undefined };
}

describe('withFaults', () => {
  it('is the port itself while there are no faults: properties, getters, private fields and plain functions too', async () => {
    const { faulty, counter } = made();
    const { port } = faulty;
    expect((await port.add(2, open()))._unsafeUnwrap()).toBe(2);
    expect([port.name, port.value, counter.value]).toEqual(['counter', 2, 2]);
    const listener = () => undefined;
    expect(port.subscribe(listener)).toBe(listener);
    expect(port.add).toBe(port.add);
    expect('nothing' in port).toBe(false);
    expect((await read(port.logs('x', open()))).seen).toEqual(['a', 'b', 'c']);
    expect(faulty.struck).toEqual([]);
  });

  it('fail-before: the port is not asked', async () => {
    const { faulty, counter } = made();
    faulty.inject('add', { kind: 'fail-before' });
    expect((await faulty.port.add(1, open()))._unsafeUnwrapErr()).toBe(outage.proxy);
    expect(counter.value).toBe(0);
    expect((await faulty.port.add(1, open())).isOk()).toBe(true);
  });

  it('fail-after: the port has done it, and nobody knows', async () => {
    const { faulty, counter } = made();
    faulty.inject('add', { kind: 'fail-after' });
    expect((await faulty.port.add(1, open()))._unsafeUnwrapErr()).toBe(outage.proxy);
    expect(counter.value).toBe(1);
    faulty.inject('add', { kind: 'fail-after' });
    expect((await faulty.port.add(-1, open()))._unsafeUnwrapErr().message, 'its own error').toBe('negative');
  });

  it('brings an error of its own where one is given', async () => {
    const { faulty } = made();
    const error = { kind: 'bug', message: 'own', hint: 'x', retryable: false } as const;
    faulty.inject('add', { kind: 'fail-before', error });
    expect((await faulty.port.add(1, open()))._unsafeUnwrapErr()).toBe(error);
  });

  it.each(['before', 'after'] as const)('hang: until the signal is aborted, %s the port is asked', async (when) => {
    const { faulty, counter, clock } = made();
    const controller = new AbortController();
    faulty.inject('add', { kind: 'hang', when });
    let answer: string | undefined;
    void faulty.port.add(1, { signal: controller.signal }).mapErr((error) => {
      answer = error.kind;
    });
    await clock.advance(86_400_000);
    expect(answer).toBeUndefined();
    expect(counter.value).toBe(when === 'before' ? 0 : 1);
    controller.abort();
    await clock.advance(0);
    expect(answer).toBe('aborted');
    expect(counter.value).toBe(when === 'before' ? 0 : 1);
  });

  it('hang, ignoring its signal: never', async () => {
    const { faulty, clock } = made();
    const controller = new AbortController();
    faulty.inject('add', { kind: 'hang', ignoresSignal: true });
    let isAnswered = false;
    void faulty.port.add(1, { signal: controller.signal }).mapErr(() => {
      isAnswered = true;
    });
    controller.abort();
    await clock.advance(1_000);
    expect(isAnswered).toBe(false);
  });

  it.each(['before', 'after'] as const)(
    'slow: as long as it says, %s the port is asked, and no longer than the signal',
    async (when) => {
      const { faulty, counter, clock } = made();
      faulty.inject('add', { kind: 'slow', ms: 500, when }, 2);
      const beganMs = clock.monotonicMs();
      const waiting = faulty.port.add(1, open());
      await clock.advance(499);
      expect(counter.value).toBe(when === 'before' ? 0 : 1);
      expect((await clock.until(waiting))._unsafeUnwrap()).toBe(1);
      expect(clock.monotonicMs() - beganMs).toBe(500);
      const controller = new AbortController();
      const broken = faulty.port.add(1, { signal: controller.signal });
      await clock.advance(10);
      controller.abort();
      expect((await broken)._unsafeUnwrapErr().kind).toBe('aborted');
      expect(counter.value).toBe(when === 'before' ? 1 : 2);
      expect(clock.pending).toBe(0);
    },
  );

  it('duplicate: the port is asked twice, and the caller hears one answer', async () => {
    const { faulty, counter } = made();
    faulty.inject('add', { kind: 'duplicate' });
    faulty.inject('add', { kind: 'duplicate', answer: 'first' });
    expect((await faulty.port.add(1, open()))._unsafeUnwrap()).toBe(2);
    expect((await faulty.port.add(1, open()))._unsafeUnwrap()).toBe(3);
    expect(counter.value).toBe(4);
  });

  it('throw: what a port must not do', async () => {
    const { faulty } = made();
    faulty.inject('add', { kind: 'throw' });
    faulty.inject('add', { kind: 'throw', thrown: 'a string' });
    expect(() => faulty.port.add(1, open())).toThrow('injected');
    expect(() => faulty.port.add(1, open())).toThrow('a string');
  });

  it('streams: fail, break off, come twice, hang and start late', async () => {
    const { faulty, clock } = made();
    const { port } = faulty;
    const next = (fault: Parameters<typeof faulty.inject>[1]) => {
      faulty.inject('logs', fault);
      return read(port.logs('x', open()));
    };
    const kind = 'proxy-unreachable';
    expect(await next({ kind: 'fail-before' })).toEqual({ seen: [], kind });
    expect(await next({ kind: 'fail-after' })).toEqual({ seen: ['a', 'b', 'c'], kind });
    expect(await next({ kind: 'cut', after: 2 })).toEqual({ seen: ['a', 'b'], kind });
    expect(await next({ kind: 'cut', after: 0 })).toEqual({ seen: [], kind });
    expect((await next({ kind: 'duplicate' })).seen).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
    expect((await clock.until(next({ kind: 'slow', ms: 100 }))).seen).toEqual(['a', 'b', 'c']);
    expect(clock.monotonicMs()).toBe(100);
    const controller = new AbortController();
    faulty.inject('logs', { kind: 'hang', when: 'after' });
    const hanging = read(port.logs('x', controller));
    await clock.advance(1_000);
    controller.abort();
    expect(await hanging).toEqual({ seen: ['a', 'b', 'c'], kind: undefined });
  });

  it('cuts a stream that comes in a result, and says so where there is none', async () => {
    const { faulty } = made();
    faulty.inject('watch', { kind: 'cut', after: 1 });
    const stream = (await faulty.port.watch(open()))._unsafeUnwrap();
    expect(await read(stream)).toEqual({ seen: ['a'], kind: 'proxy-unreachable' });
    faulty.inject('add', { kind: 'cut', after: 1 });
    await expect(faulty.port.add(1, open())).rejects.toThrow('no stream');
  });

  it('strikes calls from outside only, in the order in which they were injected, and says what is left', async () => {
    const { faulty, counter } = made();
    faulty.inject('add', { kind: 'fail-before' }, 2);
    faulty.inject('close', { kind: 'fail-before' });
    expect((await faulty.port.twice(open()))._unsafeUnwrap(), 'its own calls are its own').toBe(2);
    expect(faulty.pending).toBe(3);
    expect((await faulty.port.add(1, open())).isErr()).toBe(true);
    expect((await faulty.port.close()).isErr()).toBe(true);
    expect(faulty.struck).toEqual([
      { method: 'add', number: 1, fault: { kind: 'fail-before' } },
      { method: 'close', number: 1, fault: { kind: 'fail-before' } },
    ]);
    faulty.clear();
    expect([faulty.pending, (await faulty.port.add(1, open())).isOk(), counter.value]).toEqual([0, true, 3]);
    expect(faulty.calls('add')).toBe(2);
  });

  it('leaves a call under an aborted signal to the port, and keeps the fault for the next', async () => {
    const { faulty } = made();
    faulty.inject('add', { kind: 'fail-before' });
    expect((await faulty.port.add(1, { signal: AbortSignal.abort() }))._unsafeUnwrapErr().kind).toBe('aborted');
    expect(faulty.pending).toBe(1);
  });
});

describe('plans', () => {
  it('faultsAt: by method, call number and arguments', async () => {
    const counter = new Counter();
    const { port, struck } = withFaults(counter, {
      clock: virtualClock(),
      error: outage.proxy,
      plan: faultsAt<Counter>(
        { method: 'add', call: [2, 4], fault: { kind: 'fail-before' } },
        { method: 'add', where: ([by]) => by === 10, fault: { kind: 'fail-after' } },
      ),
    });
    const went: boolean[] = [];
    for (const by of [1, 1, 1, 1, 1, 10]) went.push((await port.add(by, open())).isOk());
    expect(went).toEqual([true, false, true, false, true, false]);
    expect(counter.value).toBe(13);
    expect(struck.map(({ number }) => number)).toEqual([2, 4, 6]);
  });

  const trace = async (random: () => number, odds: Parameters<typeof randomFaults>[0]['odds'], methods?: ['add']) => {
    const clock = virtualClock();
    const plan = randomFaults<Counter>({ random, odds, ...(methods ? { methods } : {}), slowMsMax: 100 });
    const { port, struck } = withFaults(new Counter(), { clock, error: outage.proxy, plan });
    for (let index = 0; index < 400; index += 1) {
      const controller = new AbortController();
      const waiting = index % 3 === 0 ? port.twice(controller) : port.add(1, controller);
      await clock.advance(200);
      controller.abort();
      await waiting;
    }
    return struck.map(({ method, number, fault }) => `${method} ${number} ${JSON.stringify(fault)}`);
  };
  const odds = { 'fail-before': 0.1, 'fail-after': 0.1, hang: 0.05, slow: 0.1, duplicate: 0.05 };

  it('randomFaults: the same seed is the same run, bit for bit; another is another', async () => {
    const one = await trace(seededRandom(7), odds);
    expect(await trace(seededRandom(7), odds)).toEqual(one);
    expect(await trace(seededIds(7).random, odds)).toEqual(one);
    expect(await trace(seededRandom(8), odds)).not.toEqual(one);
    const reversed = Object.fromEntries(Object.entries(odds).reverse());
    expect(await trace(seededRandom(7), reversed)).toEqual(one);
    for (const kind of Object.keys(odds)) expect(one.some((each) => each.includes(`"${kind}"`))).toBe(true);
    expect(one.length).toBeGreaterThan(400 * 0.3);
    expect(one.length).toBeLessThan(400 * 0.5);
  });

  it('randomFaults: what is spared does not change what happens to the others', async () => {
    const all = await trace(seededRandom(3), odds);
    const some = await trace(seededRandom(3), odds, ['add']);
    expect(some).toEqual(all.filter((each) => each.startsWith('add ')));
    expect(some.length).toBeLessThan(all.length);
  });

  it('randomFaults: refuses odds that are none', () => {
    const random = seededRandom(1);
    expect(() => randomFaults({ random, odds: { hang: 0.6, slow: 0.6 } })).toThrow(RangeError);
    expect(() => randomFaults({ random, odds: { hang: -1 } })).toThrow(RangeError);
  });
});

describe('types', () => {
  it('know what can be struck, and with which errors', () => {
    expectTypeOf<FaultyMethod<Counter>>().toEqualTypeOf<'add' | 'twice' | 'logs' | 'watch' | 'close'>();
    expectTypeOf<ErrorOf<Counter>>().toEqualTypeOf<CounterError>();
    expectTypeOf<'commit' | 'list' | 'close'>().toExtend<FaultyMethod<Store>>();
    expectTypeOf<'subscribe'>().not.toExtend<FaultyMethod<Store>>();
    expectTypeOf<'logs' | 'watch' | 'exec' | 'create'>().toExtend<FaultyMethod<ContainerRuntime>>();
    expectTypeOf(outage.runtime).toExtend<ErrorOf<ContainerRuntime>>();
    expectTypeOf(outage.runtime).not.toExtend<ErrorOf<Store>>();
  });
});

describe('a port without faults, or with mere delays, keeps its laws through the wrapper', () => {
  conforms(it, storeLaws, async () => {
    const wrap = (store: Store) => withFaults(store, { clock: virtualClock(), error: outage.store }).port;
    const store = memoryStore();
    return {
      store: wrap(store),
      connect: async () => wrap(store.connect()),
      pause: async () => {},
      close: async () => {},
    };
  });
});
