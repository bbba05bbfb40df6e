import type { AnyError, Deployment, ErrorKind } from '@quayside/core';
import { describe, expect, it } from 'vitest';
import { exitCodeOf } from './exit-codes.js';

const error = (kind: ErrorKind, deployment?: Partial<Deployment>) =>
  ({ kind, message: '', hint: '', retryable: false, ...(deployment ? { deployment } : {}) }) as AnyError & {
    deployment?: Deployment;
  };
const ran = { startedAt: 1, cleanup: 'none' } as const;

describe('exit codes', () => {
  it.each([
    ['bad input', error('invalid-request'), 2],
    ['a bad configuration', error('invalid-config'), 2],
    ['an unknown name', error('unknown-stage'), 2],
    ['a certificate that is none', { ...error('proxy-refused'), code: 'bad-certificate' }, 2],
    ['a proxy that refuses', error('proxy-refused'), 1],
    ['an engine that is not there', error('engine-unreachable'), 1],
    ['a deployment that failed and was rolled back', error('unhealthy', ran), 1],
    ['one that met a wrong configuration once it ran', error('unsupported', ran), 1],
    ['one that could not be rolled back whole', error('unhealthy', { ...ran, cleanup: 'pending' }), 3],
    ['one that was cancelled', error('cancelled', ran), 130],
    ['one that was cancelled in the queue', error('cancelled', { startedAt: null, cleanup: 'none' }), 130],
    ['one that was cancelled and is not undone whole', error('cancelled', { ...ran, cleanup: 'pending' }), 3],
    ['a call that Ctrl-C ended', error('aborted'), 130],
  ])('tell of %s', (_what, given, code) => {
    expect(exitCodeOf(given)).toBe(code);
  });
});
