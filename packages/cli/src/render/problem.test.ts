import type { AnyError } from '@quayside/core';
import { invalid } from '@quayside/core/ports';
import { describe, expect, it } from 'vitest';
import { configError } from '../config/error.js';
import { lookOf } from '../terminal/style.js';
import { problemJson, problemLines } from './problem.js';

const look = lookOf({ isTTY: false, env: {}, platform: 'linux', noColor: true });
const issue = (path: string) => ({ path, expected: 'a number', received: '"x"' });

describe('an error', () => {
  it('is one line for one field', () => {
    expect(problemLines(invalid('invalid-request', [issue('tag')]), look)).toEqual([
      'error: tag: expected a number, got "x"',
    ]);
    expect(problemLines(configError([issue('a.port')], '/srv/quayside.config.ts'), look)).toEqual([
      'error: a.port: expected a number, got "x"',
      '  in /srv/quayside.config.ts',
    ]);
  });

  it('is one line per field where several are wrong', () => {
    expect(problemLines(configError([issue('a'), issue('b')], '/srv/q.json'), look)).toEqual([
      'error: The configuration is not usable (/srv/q.json):',
      '  · a: expected a number, got "x"',
      '  · b: expected a number, got "x"',
    ]);
  });

  it('says what to do, and cannot command the terminal', () => {
    const error: AnyError = {
      kind: 'engine-unreachable',
      message: 'No\u001b[2J engine.',
      hint: 'Start it.',
      retryable: true,
    };
    expect(problemLines(error, look)).toEqual(['error: No engine.', '  Start it.']);
  });

  it('is told to machines without its cause, which may hold anything', () => {
    const error: AnyError = { kind: 'bug', message: 'm', hint: 'h', retryable: false, cause: new Error('secret') };
    expect(problemJson(error)).toEqual({ kind: 'bug', message: 'm', hint: 'h', retryable: false });
    expect(problemJson(configError([issue('a')], '/q.ts'))).toMatchObject({ file: '/q.ts', issues: [issue('a')] });
  });
});
