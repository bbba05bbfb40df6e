import { describe, expect, it } from 'vitest';
import { balancer } from './balance.js';

const turns = (
  weights: Record<string, number>,
  count: number,
  isFit?: (target: { name: string; weight: number }) => boolean,
) => {
  const next = balancer(Object.entries(weights).map(([name, weight]) => ({ name, weight })));
  return Array.from({ length: count }, () => next(isFit)?.name ?? '-').join('');
};

describe('whose turn it is', () => {
  it('follows the weights exactly, and spreads them', () => {
    expect(turns({ a: 5, b: 1, c: 1 }, 7)).toBe('aabacaa');
    expect(turns({ a: 1, b: 1 }, 4)).toBe('abab');
  });
  it('is never that of a target of no weight, unless it is the only one', () => {
    expect(turns({ a: 1, b: 0 }, 4)).toBe('aaaa');
    expect(turns({ a: 0, b: 0 }, 1)).toBe('-');
    expect(turns({ a: 0 }, 2)).toBe('aa');
  });
  it('passes by those that do not fit', () => {
    expect(turns({ a: 9, b: 1 }, 3, ({ name }) => name === 'b')).toBe('bbb');
    expect(turns({ a: 1 }, 1, () => false)).toBe('-');
  });
});
