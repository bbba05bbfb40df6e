export const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

/** The q-th quantile (0 to 1), by the nearest rank. */
export function quantile(values: readonly number[], q: number): number {
  const all = sorted(values);
  return all[Math.min(all.length - 1, Math.max(0, Math.ceil(q * all.length) - 1))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => {
  const all = sorted(values);
  const middle = all.length / 2;
  return all.length % 2 === 1
    ? (all[Math.floor(middle)] ?? Number.NaN)
    : ((all[middle - 1] ?? 0) + (all[middle] ?? 0)) / 2;
};

export const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

export const ms = (value: number): string => value.toFixed(1).padStart(7);
