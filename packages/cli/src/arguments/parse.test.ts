import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../commands/index.js';
import { GLOBAL_FLAGS } from './grammar.js';
import { parseArguments } from './parse.js';

const SPECS = COMMANDS.map(({ spec }) => spec);
const parse = (...argv: string[]) => parseArguments(argv, SPECS);
const wrong = (...argv: string[]) => parse(...argv)._unsafeUnwrapErr().issues;

describe('a command line', () => {
  it('is read wherever its flags stand', () => {
    const expected = { command: 'deploy', positionals: ['shop', 'dev', 'v1'], flags: { json: [''], by: ['me'] } };
    expect(parse('deploy', 'shop', 'dev', 'v1', '--json', '--by', 'me')._unsafeUnwrap()).toEqual(expected);
    expect(parse('--json', 'deploy', '--by=me', 'shop', 'dev', 'v1')._unsafeUnwrap()).toEqual(expected);
  });

  it('takes short flags, their values, and what is given several times', () => {
    expect(parse('deploy', 'a', 'b', 'c', '-e', 'A=1', '-eB=2')._unsafeUnwrap().flags).toEqual({ env: ['A=1', 'B=2'] });
    expect(parse('logs', 'x', '-fn', '3')._unsafeUnwrap().flags).toEqual({ follow: [''], tail: ['3'] });
  });

  it('takes what stands behind -- as it is', () => {
    expect(parse('logs', '--', '--strange')._unsafeUnwrap().positionals).toEqual(['--strange']);
  });

  it('asks for nothing more where help or the version was asked for', () => {
    expect(parse('deploy', '--help').isOk()).toBe(true);
    expect(parse('deploy', 'shop', '--version').isOk()).toBe(true);
    expect(parse().isOk()).toBe(true);
  });

  it('names the first thing that is wrong, and what was expected', () => {
    expect(wrong('deploy', 'shop')).toEqual([{ path: 'stage', expected: 'the name of a stage', received: 'nothing' }]);
    expect(wrong('ps', '--forse')).toEqual([
      { path: '--forse', expected: 'a known flag of `quayside ps`', received: 'an unknown one' },
    ]);
    expect(wrong('hsitory')[0]?.expected).toContain('(did you mean "history"?)');
    expect(wrong('ps', '--cofnig', 'x')[0]?.expected).toContain('(did you mean "--config"?)');
  });
});

describe('the commands', () => {
  it('give each flag one meaning: a name that takes a value takes one everywhere, and so with its short form', () => {
    const all = [...GLOBAL_FLAGS, ...SPECS.flatMap(({ flags }) => flags)];
    for (const flag of all)
      for (const other of all)
        if (flag.name === other.name)
          expect([flag.name, Boolean(flag.value)]).toEqual([other.name, Boolean(other.value)]);
    // One letter may stand for two flags of two commands only where both take a value or neither does.
    for (const flag of all)
      for (const other of all)
        if (flag.short && flag.short === other.short) expect(Boolean(flag.value)).toBe(Boolean(other.value));
  });
});
