/** What is wrong with a value is told in one short error, whatever the value is. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { check } from './kit.js';

const schema = z.strictObject({ name: z.string().max(3).optional(), env: z.record(z.string(), z.string()).optional() });
const wrong = (value: unknown) => check('invalid-request', schema, value, '')._unsafeUnwrapErr();

it('however deep it is', () => {
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
  expect(wrong(deep).issues).toHaveLength(1);
  expect(wrong({ env: { A: deep } }).issues).toMatchObject([{ path: 'env.A', received: 'an array of 1' }]);
  const hidden = JSON.parse(`${'['.repeat(50_000)}{"__proto__":1}${']'.repeat(50_000)}`);
  expect(wrong(hidden).message.length).toBeLessThan(1_000);
});

it('where a key is __proto__, wherever it stands', () => {
  const found = wrong(JSON.parse('{"env":{"A":"b","more":[1,{"__proto__":{"polluted":true}}]}}'));
  expect(found.issues).toMatchObject([{ path: 'env.more[1].__proto__' }]);
});

it('however much of it is wrong', () => {
  const wide = Object.fromEntries(Array.from({ length: 50_000 }, (_, at) => [`f${at}`, 1]));
  expect(wrong(wide).issues).toHaveLength(100);
  expect(wrong({ env: wide }).issues).toHaveLength(100);
  expect(wrong({ ['x'.repeat(100_000)]: 1 }).message.length).toBeLessThan(1_000);
});

it('on one line, with nothing in it that a terminal or an eye would obey', () => {
  const { message, hint } = wrong({ name: 'a\n\x9b\u2028\u202eb', 'c\x7f\u2066d': 1 });
  expect(message).toContain('"a\\n\\u009b\\u2028\\u202eb"');
  expect(`${message}${hint}`).toContain('["c\\u007f\\u2066d"]');
  expect(/[\p{Cc}\p{Cf}\u2028]/u.test(message + hint)).toBe(false);
});
