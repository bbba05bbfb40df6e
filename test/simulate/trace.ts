/** What happened: a number that is the same for the same run, bit for bit, and, where somebody wants to read it, line by line. */
import { mix } from './dice.js';

export interface Trace {
  /** The text is made only where somebody reads it. */
  say(who: string, what: () => string): void;
  mix(one: number, other: number): void;
  readonly hash: string;
  readonly lines: readonly string[];
}

export function trace(nowMs: () => number, isRead: boolean): Trace {
  let low = 0x9e3779b9;
  let high = 0x85ebca6b;
  const lines: string[] = [];
  return {
    say(who, what) {
      if (isRead) lines.push(`${(nowMs() / 1000).toFixed(3).padStart(9)} s  ${who.padEnd(8)} ${what()}`);
    },
    mix(one, other) {
      low = mix(low ^ one);
      high = (Math.imul(high ^ other, 0x01000193) + low) >>> 0;
    },
    get hash() {
      return low.toString(16).padStart(8, '0') + high.toString(16).padStart(8, '0');
    },
    lines,
  };
}
