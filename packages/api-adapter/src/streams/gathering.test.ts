import { virtualClock } from '@quayside/core/testing';
import { expect, it } from 'vitest';
import { countListeners } from '../../../../test/support/listeners.js';
import { Gathering } from './gathering.js';

async function* numbers(): AsyncGenerator<number> {
  for (let number = 1; ; number += 1) yield number;
}

it('gathers what is there, and nothing of it is left behind', async () => {
  const clock = virtualClock();
  const { signal } = new AbortController();
  const listeners = countListeners(signal);
  const added: number[] = [];
  const gathering = new Gathering(numbers(), clock, signal, (number) => added.push(number) % 50 !== 0);
  for (let round = 1; round <= 20; round += 1) {
    await clock.until(gathering.advance());
    expect(added).toHaveLength(round * 50);
  }
  expect(listeners).toMatchObject({ now: 0, most: 1 });
  expect(clock.pending).toBe(0);
});

it('hands on a lone entry soon, and keeps what it has asked for', async () => {
  const clock = virtualClock();
  const waiting: ((value: IteratorResult<string>) => void)[] = [];
  const slow: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => ({ next: () => new Promise((resolve) => waiting.push(resolve)) }),
  };
  const added: string[] = [];
  const gathering = new Gathering(slow, clock, new AbortController().signal, (entry) => added.push(entry) > 0);
  const first = gathering.advance();
  expect(gathering.advance()).toBe(first);
  waiting.shift()?.({ done: false, value: 'one' });
  await clock.until(first);
  expect(added).toEqual(['one']);
  expect(clock.monotonicMs()).toBeLessThanOrEqual(5);
  const second = gathering.advance();
  expect(waiting).toHaveLength(1);
  waiting.shift()?.({ done: true, value: undefined });
  await second;
  expect(gathering.hasEnded).toBe(true);
});
