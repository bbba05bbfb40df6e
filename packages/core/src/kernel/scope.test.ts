import { ok } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../system.js';
import { bounded, scope, sleep } from './scope.js';

/** Timers for which this process stays; those that keep nothing alive are not among them. */
const keptTimers = () => process.getActiveResourcesInfo().filter((each) => each === 'Timeout').length;

describe('what somebody waits for keeps the process alive, and nothing else does', () => {
  const clock = systemClock();
  const { signal } = new AbortController();

  it('a pause does, until it is over', async () => {
    const before = keptTimers();
    const pause = sleep(clock, 20, signal);
    expect(keptTimers()).toBe(before + 1);
    await pause;
    expect(keptTimers()).toBe(before);
  });

  it('a call under a limit does, whatever it waits for, until it has answered', async () => {
    const before = keptTimers();
    let answer: (() => void) | undefined;
    const call = bounded(clock, [signal], { what: 'It', ms: 60_000 }, async () => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return ok(undefined);
    });
    expect(keptTimers()).toBe(before + 1);
    answer?.();
    await call;
    expect(keptTimers()).toBe(before);
  });

  it('a limit does while it is one', () => {
    const before = keptTimers();
    const limit = scope(clock, [signal], 60_000);
    expect(keptTimers()).toBe(before + 1);
    limit.end();
    expect(keptTimers()).toBe(before);
  });

  it('a timer by itself does not', () => {
    const before = keptTimers();
    const cancel = clock.after(60_000, () => {});
    expect(keptTimers()).toBe(before);
    cancel();
  });
});

describe('many under one signal', () => {
  it('draw no warning of a leak, and each of them lets go', async () => {
    const warnings: unknown[] = [];
    const onWarning = (warning: unknown) => warnings.push(warning);
    process.on('warning', onWarning);
    const clock = systemClock();
    const parent = new AbortController();
    const sleeping = Array.from({ length: 50 }, () => sleep(clock, 60_000, parent.signal));
    const scopes = Array.from({ length: 50 }, () => scope(clock, [parent.signal]));
    for (const each of scopes.slice(0, 25)) each.end();
    parent.abort('enough');
    expect((await Promise.all(sleeping)).every((each) => each.isErr())).toBe(true);
    expect(scopes.map(({ signal }) => signal.aborted)).toEqual(scopes.map((_, index) => index >= 25));
    expect(scopes[25]?.signal.reason).toBe('enough');
    expect(scope(clock, [parent.signal]).signal.aborted).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
  });
});
