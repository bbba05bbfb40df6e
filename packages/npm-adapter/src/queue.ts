import { untilAborted } from '@quayside/core/ports';

/** One at a time, in the order of the calls. Who gives up while waiting leaves the queue; who is at work is not interrupted. */
export interface SerialQueue {
  /** Runs the work when it is its turn; undefined where the signal was aborted before that. */
  run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T | undefined>;
  /** Resolves when nobody is at work or waits. */
  idle(): Promise<void>;
}

export function serialQueue(): SerialQueue {
  let last: Promise<void> = Promise.resolve();
  return {
    async run(signal, work) {
      const before = last;
      let leave = () => {};
      last = new Promise((resolve) => {
        leave = resolve;
      });
      await untilAborted(before, signal, () => {});
      if (signal.aborted) {
        // The turn is passed on when it comes, not before: the one ahead may still be at work.
        before.then(leave);
        return undefined;
      }
      try {
        return await work();
      } finally {
        leave();
      }
    },
    async idle() {
      for (let seen = last; ; seen = last) {
        await seen;
        if (seen === last) return;
      }
    },
  };
}
