import { describe, expect, it } from 'vitest';
import { serialQueue } from './queue.js';

const never = new AbortController().signal;

describe('the queue', () => {
  it('runs one at a time, in the order of the calls, and goes on after one that throws', async () => {
    const queue = serialQueue();
    const log: string[] = [];
    const job = (name: string, fails = false) =>
      queue.run(never, async () => {
        log.push(`${name} begins`);
        await new Promise((resolve) => setTimeout(resolve, 5));
        log.push(`${name} ends`);
        if (fails) throw new Error(name);
      });
    const ended = await Promise.allSettled([job('a'), job('b', true), job('c')]);
    expect(ended.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  });

  it('lets go at once of who gives up, and still nobody overtakes the one at work', async () => {
    const queue = serialQueue();
    const log: string[] = [];
    let finish = () => {};
    const first = queue.run(never, async () => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      log.push('first');
    });
    const controller = new AbortController();
    const second = queue.run(controller.signal, async () => log.push('second'));
    const third = queue.run(never, async () => log.push('third'));
    controller.abort();
    expect(await second).toBeUndefined();
    expect(log).toEqual([]);
    finish();
    await Promise.all([first, third, queue.idle()]);
    expect(log).toEqual(['first', 'third']);
  });
});
