import { expect, it } from 'vitest';
import { isAmong } from './options.js';

it.each([
  ['pr-*', 'pr-7', true],
  ['pr-*', 'pr-', true],
  ['pr-*', 'xpr-7', false],
  ['*', 'anything', true],
  ['prod', 'prod', true],
  ['prod', 'prod-2', false],
  ['a*b*c', 'a-b-c', true],
  ['a*b*c', 'acb', false],
  ['a*a', 'a', false],
  ['*x', 'x', true],
])('the pattern %s and the stage %s: %s', (pattern, name, expected) => {
  expect(isAmong(['none', pattern], name)).toBe(expected);
});
