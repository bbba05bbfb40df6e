import { describe, expect, it } from 'vitest';
import { isWorthRetrying, retryAfterMs } from './retry-after.js';
import { socketFailure } from './socket-error.js';

describe('retryAfterMs', () => {
  const nowMs = Date.UTC(2026, 0, 1);
  it.each([
    ['3', 3_000],
    ['0.25', 250],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Wed, 31 Dec 2025 23:00:00 GMT', 0],
    ['soon', undefined],
    ['-5', undefined],
    ['', undefined],
  ])('%s', (text, expected) => {
    expect(retryAfterMs(new Headers({ 'retry-after': text }), nowMs)).toBe(expected);
  });
  it('is undefined where nothing is said', () => {
    expect(retryAfterMs(new Headers())).toBeUndefined();
  });
});

it('tells statuses that pass from those that stay', () => {
  expect([408, 425, 429, 500, 502, 503, 504].every(isWorthRetrying)).toBe(true);
  expect([200, 301, 400, 401, 403, 404, 409, 410, 422].some(isWorthRetrying)).toBe(false);
});

describe('socketFailure', () => {
  const withCode = (code: string) => Object.assign(new Error(`x ${code}`), { code });
  it.each([
    ['ECONNREFUSED', 'refused'],
    ['ECONNRESET', 'reset'],
    ['ENOTFOUND', 'dns'],
    ['EAI_AGAIN', 'dns'],
    ['ETIMEDOUT', 'timeout'],
    ['EHOSTUNREACH', 'unreachable'],
    ['CERT_HAS_EXPIRED', 'tls'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls'],
    ['HPE_INVALID_CONSTANT', 'reset'],
  ])('%s is %s', (code, reason) => {
    expect(socketFailure(withCode(code))).toMatchObject({ reason, code });
    expect(socketFailure(new TypeError('fetch failed', { cause: withCode(code) }))).toMatchObject({ reason, code });
    expect(socketFailure(new AggregateError([withCode(code)]))).toMatchObject({ reason, code });
  });
  it('makes something of anything', () => {
    expect(socketFailure('x')).toEqual({ reason: 'unreachable', code: 'unknown', text: 'x' });
    expect(socketFailure(undefined)).toMatchObject({ code: 'unknown' });
  });
});
