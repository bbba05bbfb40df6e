/** How tags that a pattern admits stand to each other: which of two is the newer one, by what their names say. */
import semver from 'semver';

export const ORDERS = ['pushed', 'alphabetical', 'numerical', 'semver'] as const;
export type Order = (typeof ORDERS)[number];

/** Negative: the first is older. Of two texts that are worth the same the greater text counts, so that every process decides alike. */
export type Compare = (a: string, b: string) => number;

const byText: Compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

/** Every whole number in the text, in their order: `main-12-rc3` is 12, 3. They may be longer than a number holds exactly. */
const numbersIn = (text: string): bigint[] => (text.match(/\d+/g) ?? []).map(BigInt);

const byNumbers: Compare = (a, b) => {
  const [left, right] = [numbersIn(a), numbersIn(b)];
  for (const [index, number] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    if (number !== other) return number < other ? -1 : 1;
  }
  return left.length < right.length ? -1 : byText(a, b);
};

/**
 * A whole version, with or without `v`: `1.4` and `1` are names that move, and no versions. Undefined where it is none.
 */
export function versionOf(text: string): semver.SemVer | undefined {
  return /^v?\d+\.\d+\.\d+/.test(text) ? (semver.parse(text) ?? undefined) : undefined;
}

const byVersion: Compare = (a, b) => {
  const [left, right] = [versionOf(a), versionOf(b)];
  if (!left || !right) return byText(a, b);
  return semver.compare(left, right) || byText(a, b);
};

/** Undefined: names say nothing about it. */
export const comparisonBy = (order: Order): Compare | undefined =>
  ({ pushed: undefined, alphabetical: byText, numerical: byNumbers, semver: byVersion })[order];

/** Whether the order can place this text at all. */
export const isOrderable = (order: Order, text: string): boolean =>
  order === 'semver' ? versionOf(text) !== undefined : order !== 'numerical' || /\d/.test(text);
