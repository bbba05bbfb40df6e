import type { Clock } from '@quayside/core/ports';

/** The host's time. Its timers keep no process alive. */
export const systemClock = (): Clock => ({
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
});
