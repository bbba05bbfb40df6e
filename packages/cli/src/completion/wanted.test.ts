import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../commands/index.js';
import { wantedOf } from './wanted.js';

const SPECS = COMMANDS.map(({ spec }) => spec);
const wanted = (...words: string[]) => wantedOf(words, SPECS);

describe('what a word may be', () => {
  it('is a command at first, wherever global flags stand', () => {
    expect(wanted('')).toEqual({ kind: 'commands' });
    expect(wanted('de')).toEqual({ kind: 'commands' });
    expect(wanted('--json', 'de')).toEqual({ kind: 'commands' });
    expect(wanted('-c', 'x.ts', '')).toEqual({ kind: 'commands' });
  });

  it('is one argument after the other, whatever flags stand between them', () => {
    const values = (of: unknown, before: string[]) => ({ kind: 'values', of, before });
    expect(wanted('deploy', '')).toEqual(values(['project'], []));
    expect(wanted('deploy', '--force', 'shop', '')).toEqual(values(['stage'], ['shop']));
    expect(wanted('deploy', 'shop', '--by', 'me', 'dev', 'v1')).toEqual(values(['tag'], ['shop', 'dev']));
    expect(wanted('remove', '')).toEqual(values(['project', 'instance'], []));
    expect(wanted('maintenance', '')).toEqual(values([['on', 'off']], []));
    // What is none of these names nothing that the next word could be of.
    expect(wanted('maintenance', 'on', 'shop', '')).toEqual(values(['stage'], ['shop']));
    expect(wanted('secrets', 'r')).toEqual(values([['rotate']], []));
    expect(wanted('completion', 'z')).toEqual(values([['bash', 'zsh', 'fish']], []));
  });

  it('is the value of the flag before it, or a flag', () => {
    expect(wanted('rollback', 'shop', 'dev', '--to', '')).toEqual({
      kind: 'values',
      of: ['tag'],
      before: ['shop', 'dev'],
    });
    expect(wanted('ps', '--config', '')).toMatchObject({ kind: 'values', of: ['file'] });
    expect(wanted('ps', '-c', '')).toMatchObject({ kind: 'values', of: ['file'] });
    expect(wanted('history', '--status', 'f')).toMatchObject({
      kind: 'values',
      of: [expect.arrayContaining(['failed'])],
    });
    expect(wanted('deploy', '--f')).toMatchObject({ kind: 'flags', command: { name: 'deploy' } });
    // Everything that it takes stands there already.
    expect(wanted('deploy', 'shop', 'dev', 'v1', '')).toMatchObject({ kind: 'flags' });
  });

  it('is nothing where no such command is known', () => {
    expect(wanted('deplyo', '')).toEqual({ kind: 'nothing' });
  });
});
