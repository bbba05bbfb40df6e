import type { Dice } from './mutate.js';
import type { Verdict } from './oracles.js';

/** Something that takes input from outside. */
export interface Target {
  readonly name: string;
  /** How often it is tried, against the others. */
  readonly share: number;
  /** The next input: mostly a good one that was changed. */
  make(roll: Dice, others: readonly unknown[]): unknown;
  /** Takes it as the product does. Null: it was accepted and is safe, or it was refused; a text says what of it is unsafe. What it throws is a crash. */
  judge(input: never): Verdict | Promise<Verdict>;
}
