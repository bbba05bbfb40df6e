/** Whoever wrote a text, and however: a secret is found in it. */
import { Buffer } from 'node:buffer';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { redactedCause } from './redacted-cause.js';
import { redactor } from './redactor.js';

const SECRET = `p&ss"w<rd'/+ $ü\\x~`;
const utf8 = Buffer.from(SECRET);

describe('a redactor finds a secret', () => {
  it.each([
    ['as it is', SECRET],
    ['in JSON', JSON.stringify({ a: SECRET })],
    ['in JSON in JSON', JSON.stringify(JSON.stringify({ a: SECRET }))],
    ['in JSON of ASCII', JSON.stringify(SECRET).replace(/ü/g, '\\u00fc')],
    ['in a query', `?a=${encodeURIComponent(SECRET)}`],
    ['in a query, in small letters', `?a=${encodeURIComponent(SECRET).replace(/%../g, (code) => code.toLowerCase())}`],
    ['in a form', new URLSearchParams({ a: SECRET }).toString().replace(/^a=/, '')],
    [
      'in HTML',
      `<p>${SECRET.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;')}</p>`,
    ],
    ['in a shell', `declare -x A="${SECRET.replace(/["$`\\]/g, '\\$&')}"`],
    ['in base 64', utf8.toString('base64')],
    ['in base 64 for URLs', utf8.toString('base64url')],
    ['in base 64 behind a user', Buffer.from(`u:${SECRET}`).toString('base64')],
    ['in base 64 behind another user', Buffer.from(`ab:${SECRET}`).toString('base64')],
    ['in base 64 amid more', Buffer.from(`{"password":"${SECRET}","more":1}`).toString('base64')],
    ['in hex', utf8.toString('hex')],
    ['in large hex', utf8.toString('hex').toUpperCase()],
    ['as bytes are printed', inspect(utf8)],
  ])('%s', (_how, text) => {
    const shown = redactor([SECRET]).text(`before ${text} behind`);
    expect(shown).toContain('***');
    expect(shown).not.toContain(text);
    expect(shown).toMatch(/^before .* behind$/);
  });

  it('line by line, and without outer space', () => {
    const key = '-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n';
    const hide = redactor([key, ' padded-secret\n']);
    expect(hide.text('read hkiG9w0BAQEFAASC')).toBe('read ***');
    expect(hide.text('got padded-secret.')).toBe('got ***.');
  });

  it('the password of an address, as it is written there and as it is meant', () => {
    const hide = redactor(['postgres://app:s3cr%2Ft-word@db:5432/shop']);
    expect(hide.text('password "s3cr/t-word" refused')).toBe('password "***" refused');
    expect(hide.text('PGPASSWORD=s3cr%2Ft-word')).toBe('PGPASSWORD=***');
    expect(hide.text('db:5432/shop is away')).toBe('db:5432/shop is away');
  });

  it('where a line was cut amid it', () => {
    const hide = redactor(['correct-horse-battery']);
    expect(hide.text('env PASSWORD=correct-horse')).toBe('env PASSWORD=***');
    expect(hide.text('battery and more')).toBe('battery and more');
    expect(hide.text('rse-battery and more')).toBe('*** and more');
    expect(hide.text('a correct-hound')).toBe('a correct-hound');
  });
});

it('what is public, and what is too short to be a secret, stays', () => {
  const hide = redactor(['shop', 'dev', '1'], ['shop']);
  expect(hide.text('shop on dev 1')).toBe('shop on dev 1');
});

describe('what was caught', () => {
  const hide = redactor([SECRET]);
  const shown = (cause: unknown): string => inspect(redactedCause(cause, hide), { depth: 20, showHidden: true });

  it('keeps its name, message, code and causes, and shows no secret in any of them', () => {
    const inner = Object.assign(new TypeError(`refused ${SECRET}`), {
      code: 'ECONNREFUSED',
      syscall: `connect ${SECRET}`,
    });
    const outer = new AggregateError([inner, SECRET], `all of ${SECRET}`, { cause: { why: SECRET, cause: inner } });
    const text = shown(outer);
    expect(text).not.toContain(SECRET);
    expect(text).toContain('ECONNREFUSED');
    expect(text).toContain('TypeError');
    expect(redactedCause(inner, hide)).toMatchObject({
      name: 'TypeError',
      message: 'refused ***',
      code: 'ECONNREFUSED',
    });
  });

  it('loses what no redactor can look into', () => {
    const request = new Request('https://example.test', { headers: { authorization: 'Bearer opaque-token' } });
    const thrown = Object.assign(new Error('401'), { request, body: Buffer.from(SECRET), set: new Set([SECRET]) });
    expect(shown(thrown)).not.toMatch(/opaque-token|Bearer/);
    expect(shown(thrown)).not.toContain('<Buffer');
  });

  it('may be made of itself, and may throw when it is looked at', () => {
    const round: Error & { cause?: unknown } = new Error(SECRET);
    round.cause = round;
    const angry = {
      get name(): string {
        throw new Error(SECRET);
      },
    };
    expect(shown(round)).not.toContain(SECRET);
    expect(shown(angry)).not.toContain(SECRET);
    expect(shown(() => SECRET)).toContain('a function');
  });
});
