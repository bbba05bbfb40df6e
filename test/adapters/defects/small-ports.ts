import type { Clock, Ids, Sealer } from '@quayside/core/ports';
import {
  type ClockSubject,
  clockLaws,
  type IdsSubject,
  idsLaws,
  memorySealer,
  type SealerSubject,
  sealerLaws,
  seededIds,
  virtualClock,
} from '@quayside/core/testing';
import { errAsync, okAsync } from 'neverthrow';
import type { Suite } from '../defect.js';

const close = async () => {};

// --- Clock ---------------------------------------------------------------------------------------------------------------

async function clockSubject(wrong: (right: Clock) => Partial<Clock> = () => ({})) {
  const right = virtualClock();
  return { clock: { ...right, ...wrong(right) }, pass: right.advance, close };
}

const badClock = (name: string, law: string, wrong: (right: Clock) => Partial<Clock>) => ({
  name,
  law,
  open: () => clockSubject(wrong),
});

const CALLS_ONCE = 'after calls back once, not before its time and not within the call';
const TAKEN_BACK = 'what is taken back is not called; taking back twice, or too late, does nothing';

export const clockSuite: Suite<ClockSubject> = {
  port: 'Clock',
  laws: clockLaws,
  right: [{ name: 'virtual', open: () => clockSubject() }],
  defects: [
    badClock('now is in seconds', 'now counts milliseconds since the epoch', ({ now }) => ({
      now: () => now() / 1_000,
    })),
    badClock(
      'the monotonic clock goes back',
      'the monotonic clock goes on with time, and never back',
      ({ monotonicMs }) => {
        let calls = 0;
        return {
          monotonicMs() {
            calls += 1;
            return monotonicMs() + (calls % 100 === 99 ? 5 : 0);
          },
        };
      },
    ),
    badClock('the monotonic clock stands still', 'the monotonic clock goes on with time, and never back', () => ({
      monotonicMs: () => 7,
    })),
    badClock('what is due now is called within the call', CALLS_ONCE, ({ after }) => ({
      after(ms, callback) {
        if (ms > 0) return after(ms, callback);
        callback();
        return () => {};
      },
    })),
    badClock('a callback comes again and again', CALLS_ONCE, ({ after }) => ({
      after(ms, callback) {
        const cancels: (() => void)[] = [];
        const again = () => {
          callback();
          if (cancels.length < 20) cancels.push(after(Math.max(1, ms), again));
        };
        cancels.push(after(ms, again));
        return () => {
          for (const cancel of cancels) cancel();
        };
      },
    })),
    badClock('a callback comes early', CALLS_ONCE, ({ after }) => ({
      after: (ms, callback) => after(ms / 2, callback),
    })),
    badClock(
      'callbacks come in the order in which they were asked for',
      'what is due earlier is called earlier, whoever was first',
      ({ after }) => {
        const waiting: (() => void)[] = [];
        return {
          after(ms, callback) {
            waiting.push(callback);
            return after(ms, () => waiting.shift()?.());
          },
        };
      },
    ),
    badClock('a delay below zero is never due', 'a delay below zero is none', ({ after }) => ({
      after: (ms, callback) => (ms < 0 ? () => {} : after(ms, callback)),
    })),
    badClock('what is taken back is called', TAKEN_BACK, ({ after }) => ({
      after(ms, callback) {
        after(ms, callback);
        return () => {};
      },
    })),
    badClock('taking back twice takes another one back', TAKEN_BACK, ({ after }) => {
      const cancels: (() => void)[] = [];
      return {
        after(ms, callback) {
          cancels.unshift(after(ms, callback));
          return () => cancels.pop()?.();
        },
      };
    }),
    badClock(
      'what is due together cannot be taken back any more',
      'one that is due can still be taken back by another that is due with it',
      ({ after, monotonicMs }) => ({
        after(ms, callback) {
          const dueMs = monotonicMs() + ms;
          const cancel = after(ms, callback);
          return () => {
            if (monotonicMs() < dueMs) cancel();
          };
        },
      }),
    ),
    badClock('a long delay overflows', 'a delay of months is not called now', ({ after }) => ({
      after: (ms, callback) => after(ms > 2_147_483_647 ? 1 : ms, callback),
    })),
  ],
};

// --- Ids -----------------------------------------------------------------------------------------------------------------

async function idsSubject(wrong: (right: Ids, host: number) => Partial<Ids> = () => ({})) {
  let host = 0;
  return {
    open() {
      host += 1;
      const right = seededIds(host);
      return { ...right, ...wrong(right, host) };
    },
    close,
  };
}

const badIds = (name: string, law: string, wrong: (right: Ids, host: number) => Partial<Ids>) => ({
  name,
  law,
  open: () => idsSubject(wrong),
});

const SHAPED = 'an id is 18 characters of [0-9a-z]';
const RISING = 'each is greater than those before it: within a millisecond, and where the wall clock goes back';
const DIFFERENT = 'ids of two hosts differ, at the same moment too';
const RANDOM = 'random numbers lie in [0, 1), spread, and differ';

export const idsSuite: Suite<IdsSubject> = {
  port: 'Ids',
  laws: idsLaws,
  right: [{ name: 'seeded', open: () => idsSubject() }],
  defects: [
    badIds('an id is in capitals', SHAPED, ({ next }) => ({ next: (nowMs) => next(nowMs).toUpperCase() })),
    badIds('an id of an early time is shorter', SHAPED, ({ next }) => ({
      next: (nowMs) => next(nowMs).replace(/^0{3,}/, ''),
    })),
    badIds('ids within a millisecond are in no order', RISING, ({ next }) => ({
      next: (nowMs) => next(nowMs).replace(/^(.{10})(.{8})$/, (_, time, rest) => time + [...rest].reverse().join('')),
    })),
    badIds('ids go back with the wall clock', RISING, ({ next }, host) => {
      let last = 0;
      let ids = { next };
      return {
        next(nowMs) {
          if (nowMs < last) ids = seededIds(host + 1_000);
          last = nowMs;
          return ids.next(nowMs);
        },
      };
    }),
    badIds('all hosts draw the same', DIFFERENT, () => seededIds(1)),
    badIds(
      'the time is at the end of an id',
      'an id of a later moment is greater, whichever host gave it',
      ({ next }) => ({
        next: (nowMs) => next(nowMs).replace(/^(.{10})(.{8})$/, '$2$1'),
      }),
    ),
    badIds('a random number can be 1', RANDOM, ({ random }) => ({ random: () => Math.ceil(random() * 50) / 50 })),
    badIds('every random number is the same', RANDOM, () => ({ random: () => 0.5 })),
    badIds('random numbers keep to the lower half', RANDOM, ({ random }) => ({ random: () => random() / 2 })),
  ],
};

// --- Sealer --------------------------------------------------------------------------------------------------------------

async function sealerSubject(wrong: (right: Sealer) => Partial<Sealer> = () => ({})) {
  const of = (key: string) => {
    const right = memorySealer(key);
    return { ...right, ...wrong(right) };
  };
  return { sealer: of('one'), other: of('two'), close };
}

const badSealer = (name: string, law: string, wrong: (right: Sealer) => Partial<Sealer>, how?: 'throw') => ({
  name,
  law,
  ...(how ? { how } : {}),
  open: () => sealerSubject(wrong),
});

const unreadable = {
  kind: 'secret-unreadable' as const,
  message: 'A value cannot be opened.',
  hint: 'Give the host the key that it was sealed with.',
  retryable: false,
};

const HIDDEN = 'the same value twice gives two texts, and neither shows it';
const CONTEXT = 'a sealed value opens under its own context only';
const CHANGED = 'a text that was changed anywhere opens nothing, and neither does one that was never sealed';
const FINGERPRINT = 'a fingerprint is the same for equal texts, and tells nothing without the key';
const SAYS_NOTHING = 'no error shows the value or the sealed text';

export const sealerSuite: Suite<SealerSubject> = {
  port: 'Sealer',
  laws: sealerLaws,
  right: [{ name: 'in memory', open: () => sealerSubject() }],
  defects: [
    badSealer('only ASCII comes back', 'what was sealed is opened again, whatever it is', ({ seal }) => ({
      seal: (value, context) => seal(value.replace(/[^\0-\x7f]/gu, '?'), context),
    })),
    badSealer('equal values give equal texts', HIDDEN, ({ seal }) => {
      const known = new Map<string, ReturnType<Sealer['seal']>>();
      return {
        seal(value, context) {
          const sealed = known.get(value + context) ?? seal(value, context);
          known.set(value + context, sealed);
          return sealed;
        },
      };
    }),
    badSealer('the value stands beside the sealed text, in base 64', HIDDEN, ({ seal, open }) => ({
      seal: (value, context) =>
        seal(value, context).map((sealed) => `${sealed}.${Buffer.from(value).toString('base64')}`),
      open: (sealed, context) => open(sealed.slice(0, sealed.lastIndexOf('.')), context),
    })),
    badSealer('the context is not sealed in', CONTEXT, ({ seal, open }) => ({
      seal: (value) => seal(value, ''),
      open: (sealed) => open(sealed, ''),
    })),
    badSealer('the context is compared without its case', CONTEXT, ({ seal, open }) => ({
      seal: (value, context) => seal(value, context.toLowerCase()),
      open: (sealed, context) => open(sealed, context.toLowerCase()),
    })),
    badSealer('every key opens', 'another key opens nothing', () => memorySealer('any')),
    badSealer('a wrong key is worth another try', 'another key opens nothing', ({ open }) => ({
      open: (sealed, context) => open(sealed, context).mapErr((error) => ({ ...error, retryable: true })),
    })),
    badSealer('what follows the sealed text is not looked at', CHANGED, ({ seal, open }) => ({
      seal: (value, context) => seal(value, context).map((sealed) => `${sealed}.v1`),
      open: (sealed, context) => open(sealed.slice(0, sealed.lastIndexOf('.')), context),
    })),
    badSealer('what was never sealed is opened as it is', CHANGED, ({ open }) => ({
      open: (sealed, context) =>
        open(sealed, context).orElse((error) => (sealed.startsWith('[') ? errAsync(error) : okAsync(sealed))),
    })),
    badSealer(
      'what is no sealed text throws',
      CHANGED,
      ({ open }) => ({
        open(sealed, context) {
          JSON.parse(sealed);
          return open(sealed, context);
        },
      }),
      'throw',
    ),
    badSealer('a fingerprint has no key', FINGERPRINT, () => ({ fingerprint: memorySealer('any').fingerprint })),
    badSealer('a fingerprint is drawn anew', FINGERPRINT, ({ fingerprint }) => {
      let count = 0;
      return {
        fingerprint(text) {
          count += 1;
          return fingerprint(`${count}${text}`);
        },
      };
    }),
    badSealer('the error shows the sealed text', SAYS_NOTHING, ({ open }) => ({
      open: (sealed, context) =>
        open(sealed, context).mapErr(() => ({ ...unreadable, message: `${sealed} cannot be opened.` })),
    })),
    badSealer('the cause shows the sealed text', SAYS_NOTHING, ({ open }) => ({
      open: (sealed, context) =>
        open(sealed, context).mapErr(() => ({ ...unreadable, cause: new Error(`bad input: ${sealed}`) })),
    })),
  ],
};
