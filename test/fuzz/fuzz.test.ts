import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import * as oracles from './oracles.js';

it('neither breaks nor accepts what is unsafe, of made-up input', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', 'test/fuzz/run.ts', '--runs', '10000'],
    { timeout: 50_000 },
  );
  expect(stdout.trim().split('\n').at(-1)).toBe('fuzz: 10000 inputs, 0 crashes, 0 accepted that are unsafe');
}, 60_000);

describe('an oracle tells', () => {
  const { unsafeTag, unsafeDigest, unsafeRepository, unsafeDomain, unsafeVariable, unsafePath } = oracles;
  const { unsafeHeader, unsafeLine, unsafeObjectName, unsafeRequestPath, strangePrototype } = oracles;

  it.each([
    ['a tag', unsafeTag, ['v1', '_', 'A.b-c'], ['', '.a', '-a', 'a b', 'a/b', 'a'.repeat(129), 'é', 'a\n']],
    [
      'a digest',
      unsafeDigest,
      [`sha256:${'0'.repeat(64)}`],
      ['sha256:', `sha256:${'A'.repeat(64)}`, `md5:${'0'.repeat(64)}`],
    ],
    [
      'a repository',
      unsafeRepository,
      ['a', 'ghcr.io/a/b', 'h:5000/a__b', '[::1]:1/a'],
      ['', 'A', 'a//b', 'a___b', 'a/../b', 'h:x/a', '-h/a/b:c'],
    ],
    [
      'a domain',
      unsafeDomain,
      ['a.b', 'x-1.example.com'],
      ['a', '-a.b', 'a-.b', 'A.b', 'a..b', 'a_b.c', `${'a'.repeat(64)}.b`],
    ],
    ['a path', unsafePath, ['/', '/a/b..c'], ['a', '/a/../b', '/..', '/a\nb', '/a\0']],
    ['a name of an object', unsafeObjectName, ['a', 'a.b-c_d'], ['', '.a', '_a', '../a', 'a/b']],
    ['a path of a request', unsafeRequestPath, ['/', '/a?b=c'], ['a', '/a b', '/a\r\nx: y', '/é']],
  ] as const)('%s', (_what, judge, good, bad) => {
    for (const each of good) expect(judge(each), each).toBeNull();
    for (const each of bad) expect(judge(each), JSON.stringify(each)).not.toBeNull();
  });

  it('a variable, a header, a line, a prototype', () => {
    expect(unsafeVariable('A.b-c', 'x=y')).toBeNull();
    for (const [name, value] of [
      ['', ''],
      ['1A', ''],
      ['A=B', ''],
      ['A', '\0'],
      ['__proto__', ''],
      ['A', 7],
    ] as const)
      expect(unsafeVariable(name, value)).not.toBeNull();
    expect(unsafeHeader('x-a', 'b c')).toBeNull();
    for (const [name, value] of [
      ['', ''],
      ['a b', ''],
      ['a', 'b\r\nc: d'],
      ['a', '\0'],
      ['a', 'ł'],
    ] as const)
      expect(unsafeHeader(name, value)).not.toBeNull();
    expect(unsafeLine('Jane', 10)).toBeNull();
    for (const text of ['a\nb', '\u2028', 'x'.repeat(11), '\u009b']) expect(unsafeLine(text, 10)).not.toBeNull();
    expect(strangePrototype({ a: [{ b: 1 }] })).toBeNull();
    expect(strangePrototype({ a: Object.create({ polluted: true }) })).not.toBeNull();
  });

  it('a prototype that somebody has written to', () => {
    expect(oracles.polluted()).toBeNull();
    Object.defineProperty(Object.prototype, 'polluted', { value: true, configurable: true });
    try {
      expect(oracles.polluted()).not.toBeNull();
    } finally {
      Reflect.deleteProperty(Object.prototype, 'polluted');
    }
  });
});
