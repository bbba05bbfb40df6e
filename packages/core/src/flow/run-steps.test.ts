/** The limits of steps: what no single call of them meets. */
import { ok, okAsync, type ResultAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { unwrap } from '../domain/errors.js';
import { routine } from '../kernel/routine.js';
import { sleep } from '../kernel/scope.js';
import { endFreeing } from './fail.js';
import type { Flow } from './flow.js';
import type { Host } from './host.js';
import { releaseHeld, runSteps, undoSteps } from './run-steps.js';
import type { Step } from './step.js';
import { openedLedger, signal } from './testbed.js';

const SETTINGS = { effectTimeoutMs: 15_000, undoTimeoutMs: 30_000, ttlMs: 30_000 };

async function opened() {
  const { clock, host, ledger, lease, ...more } = await openedLedger();
  const flow = {
    host: { ...host, settings: SETTINGS } as unknown as Host,
    ledger,
    held: [],
    foreseen: new Map(),
    cancelRelease: () => {},
    releasing: Promise.resolve(),
    unsettledMs: () => 0,
  } as unknown as Flow;
  const closed = async () => {
    await clock.until(ledger.close());
    await clock.until(lease.release({ signal: signal() }));
    expect(clock.pending).toBe(0);
  };
  return { clock, host, flow, closed, ...more };
}

const step = (more: Partial<Step>): Step => ({
  name: 'create',
  version: 1,
  intent: () => okAsync({}),
  limit: () => ({ ms: 40_000, setting: 'effectTimeoutMs' }),
  run: () => okAsync(undefined),
  undo: () => okAsync(undefined),
  ...more,
});

const forEver = <T>() => new Promise<T>(() => {}) as unknown as ResultAsync<T, never>;

describe('a step', () => {
  it('ends at its limit, however short each of its calls is', async () => {
    const { clock, flow, journal, closed } = await opened();
    let calls = 0;
    const steady = step({
      run: (flow, _intent, own) =>
        routine(async function* () {
          for (; calls < 1_000; calls += 1) yield* sleep(flow.host.clock, 7_000, own);
          return ok(undefined);
        }),
    });
    const startMs = clock.monotonicMs();
    const error = (await clock.until(runSteps([steady], flow, signal())))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'timeout', step: 'create' });
    expect(error.message).toBe('Step create took longer than its limit of 40000 ms.');
    expect(error.hint).toContain('`effectTimeoutMs`');
    expect(error.cause).toMatchObject({ message: 'Waiting was aborted.' });
    expect(clock.monotonicMs() - startMs).toBe(40_000);
    expect(calls).toBe(5);
    // What it did is not known: undo has to look twice.
    await clock.until(flow.ledger.commit({}));
    expect(await journal()).toMatchObject({ entries: [{ step: 'create', state: 'open' }] });
    await closed();
  });

  it.each<[string, Partial<Step>]>([
    ['its run', { run: forEver }],
    ['its intent', { intent: forEver }],
  ])('ends soon after its limit where %s listens to no signal', async (_what, more) => {
    const { clock, flow, closed } = await opened();
    const startMs = clock.monotonicMs();
    const error = (await clock.until(runSteps([step(more)], flow, signal())))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'timeout', step: 'create' });
    expect(clock.monotonicMs() - startMs).toBe(43_000);
    await closed();
  });

  it('ends at once when it is cancelled, and that is no time-out', async () => {
    const { clock, flow, closed } = await opened();
    const cancel = new AbortController();
    const waits = step({ run: (flow, _intent, own) => sleep(flow.host.clock, 30_000, own) });
    const ran = runSteps([waits], flow, cancel.signal);
    await clock.advance(1_000);
    cancel.abort();
    expect((await clock.until(ran))._unsafeUnwrapErr()).toMatchObject({ kind: 'aborted', step: 'create' });
    expect(clock.monotonicMs()).toBe(1_000);
    await closed();
  });

  it('is not undone for as long as somebody holds what undoing it needs, and says so within bounds', async () => {
    const { clock, host, flow, closed } = await opened();
    const needs = step({ leases: (_flow, _intent, phase) => (phase === 'undo' ? ['proxy:p'] : []) });
    await clock.until(unwrap(runSteps([needs], flow, signal())));
    const { leases } = await unwrap(host.leases.take(['proxy:p'], { signal: signal(), deployment: 'd2' }));
    const startMs = clock.monotonicMs();
    const error = (await clock.until(undoSteps([needs], flow, signal())))._unsafeUnwrapErr();
    expect(error).toMatchObject({
      kind: 'timeout',
      step: 'create',
      message: expect.stringContaining('Undoing create'),
    });
    expect(error.hint).toContain('`undoTimeoutMs`');
    expect(clock.monotonicMs() - startMs).toBe(60_000);
    for (const lease of leases) await clock.until(lease.release({ signal: signal() }));
    await clock.until(unwrap(undoSteps([needs], flow, signal())));
    releaseHeld(flow);
    await clock.until(flow.releasing);
    await closed();
  });

  it('leaves the leases of its undo to the last commit, and ends all the same where somebody else has one by then', async () => {
    const { clock, host, store, flow, kept, closed } = await opened();
    const needs = step({ leases: (_flow, _intent, phase) => (phase === 'undo' ? ['domain:x', 'domain:y'] : []) });
    await clock.until(unwrap(runSteps([needs], flow, signal())));
    await clock.until(unwrap(undoSteps([needs], flow, signal())));
    expect(flow.held.map(({ key }) => key)).toEqual(['domain:x', 'domain:y']);
    const row = await unwrap(store.get('leases', 'domain:y', { signal: signal() }));
    if (!row) throw new Error('not held');
    const taken = { ...row.value, holder: 'somebody else', token: row.value.token + 1 };
    await unwrap(
      store.commit([{ op: 'put', collection: 'leases', record: taken, version: row.version }], { signal: signal() }),
    );
    const ending = { record: { status: 'failed' } } as const;
    await clock.until(unwrap(endFreeing(flow.ledger, [], flow.held, ending)));
    expect(await kept()).toMatchObject({ status: 'failed' });
    releaseHeld(flow);
    await clock.until(flow.releasing);
    const { held } = await unwrap(host.leases.look('domain:x', { signal: signal() }));
    expect(held).toBeNull();
    await closed();
  });
});
