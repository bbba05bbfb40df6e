/** The laws of `Clock`. Leases, limits and intervals stand on them. */
import type { Clock } from '../../ports/clock.js';
import { holds, same } from './assert.js';
import { contractsOf, type Law } from './law.js';

export interface ClockSubject {
  readonly clock: Clock;
  /** Lets at least so many milliseconds pass, and whatever falls due meanwhile happen. */
  pass(ms: number): Promise<void>;
}

/** Timers of a host count whole milliseconds, its monotonic clock does not: so much too early is on time. */
const ROUNDING_MS = 1;
/** The longest delay that hosts take (2^31 - 1 ms, 24.8 days); a longer one fires at once, if nobody sees to it. */
const HOST_MAX_MS = 2_147_483_647;

const CLOCK = contractsOf('docs/guides/replace-clock-ids-sealer.md', {
  clock:
    'now() is the wall clock in milliseconds and may jump; monotonicMs() never goes back; after() calls back once, not early, not within the call, and not once it is taken back.',
});

export const clockLaws: readonly Law<ClockSubject>[] = [
  {
    name: 'now counts milliseconds since the epoch',
    contract: CLOCK.clock,
    async holds({ clock }) {
      const now = clock.now();
      holds(Number.isFinite(now), `now is a number, not ${now}`);
      // Between 2020 and 2100: seconds or microseconds would be far out.
      holds(now > 1_577_836_800_000 && now < 4_102_444_800_000, `${now} is no time that a host runs at`);
    },
  },
  {
    name: 'the monotonic clock goes on with time, and never back',
    contract: CLOCK.clock,
    async holds({ clock, pass }) {
      let last = clock.monotonicMs();
      for (let round = 0; round < 1_000; round += 1) {
        const next = clock.monotonicMs();
        holds(next >= last, `it went from ${last} back to ${next}`);
        last = next;
      }
      await pass(20);
      holds(clock.monotonicMs() - last >= 20 - ROUNDING_MS, '20 ms are seen on it');
    },
  },
  {
    name: 'after calls back once, not before its time and not within the call',
    contract: CLOCK.clock,
    async holds({ clock, pass }) {
      const firedMs: number[] = [];
      const beganMs = clock.monotonicMs();
      clock.after(15, () => firedMs.push(clock.monotonicMs() - beganMs));
      clock.after(0, () => firedMs.push(0));
      same(firedMs, [], 'nothing is called before after() has returned');
      await pass(60);
      same(firedMs.length, 2, 'each is called once');
      holds((firedMs[1] ?? 0) >= 15 - ROUNDING_MS, `15 ms were asked for, and ${firedMs[1]} had passed`);
      await pass(30);
      same(firedMs.length, 2, 'and not again');
    },
  },
  {
    name: 'what is due earlier is called earlier, whoever was first',
    contract: CLOCK.clock,
    async holds({ clock, pass }) {
      const order: number[] = [];
      for (const ms of [40, 5, 20]) clock.after(ms, () => order.push(ms));
      await pass(80);
      same(order, [5, 20, 40], 'by what was asked for');
    },
  },
  {
    name: 'a delay below zero is none',
    contract: CLOCK.clock,
    async holds({ clock, pass }) {
      let fired = 0;
      clock.after(-1_000, () => {
        fired += 1;
      });
      same(fired, 0, 'not within the call either');
      await pass(10);
      same(fired, 1, 'it is due at once');
    },
  },
  {
    name: 'what is taken back is not called; taking back twice, or too late, does nothing',
    contract: CLOCK.clock,
    async holds({ clock, pass }) {
      const fired: string[] = [];
      const cancel = clock.after(10, () => fired.push('cancelled'));
      const late = clock.after(10, () => fired.push('kept'));
      cancel();
      cancel();
      await pass(40);
      late();
      late();
      same(fired, ['kept'], 'only the other one');
    },
  },
  {
    name: 'one that is due can still be taken back by another that is due with it',
    contract: CLOCK.clock,
    async holds({ clock, pass }) {
      let fired = 0;
      const cancels: (() => void)[] = [];
      for (let index = 0; index < 2; index += 1) {
        cancels.push(
          clock.after(10, () => {
            fired += 1;
            cancels[1 - index]?.();
          }),
        );
      }
      await pass(40);
      same(fired, 1, 'the first takes the second back');
    },
  },
  {
    name: 'a delay of months is not called now',
    contract: CLOCK.clock,
    async holds({ clock, pass }) {
      let fired = 0;
      const call = () => {
        fired += 1;
      };
      const cancels = [HOST_MAX_MS, HOST_MAX_MS + 1, HOST_MAX_MS * 3].map((ms) => clock.after(ms, call));
      await pass(20);
      for (const cancel of cancels) cancel();
      same(fired, 0, 'a host’s timer overflows beyond 24.8 days, and the clock must not show it');
    },
  },
];
