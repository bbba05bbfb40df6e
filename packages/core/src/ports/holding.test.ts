import { describe, expect, it } from 'vitest';
import { holdingPage, retryAfterSeconds, wrongHolding } from './holding.js';

const said = (message: string, retryAfterMs = 60_000) => ({ message, retryAfterMs });

describe('what visitors are told', () => {
  it.each(['Back at 10 o’clock.', '100 % <b> & "more" \\ $host', 'tab\there', 'Grüße 🚢 漢', 'x'.repeat(500)])(
    'may be any text of one line: %.30j',
    (message) => {
      expect(wrongHolding(said(message))).toBeUndefined();
      const { html, json, text } = holdingPage(said(message));
      expect(JSON.parse(json)).toEqual({ status: 503, title: 'In maintenance', detail: message });
      expect(text).toBe(`503 In maintenance: ${message}\n`);
      expect(html).not.toMatch(/<b>|[\r\n]/);
    },
  );

  it.each([
    '',
    '  ',
    'a\nb',
    'a\r\nSet-Cookie: x=1',
    'a\0b',
    'a\x1b[31m',
    'a\u0085b',
    'a\u2028b',
    'a\ud83d',
    'x'.repeat(501),
  ])('is nothing else: %.30j', (message) => {
    expect(wrongHolding(said(message))).toMatch(/message/);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -1])('is no time such as %d', (ms) => {
    expect(wrongHolding(said('Back soon.', ms))).toContain('come again');
  });

  it.each([
    [0, 0],
    [1, 1],
    [1000, 1],
    [1001, 2],
  ])('to come again after %d ms is %d s', (ms, seconds) => {
    expect(retryAfterSeconds(said('Back soon.', ms))).toBe(seconds);
  });

  it('stays below what an nginx configuration takes as one word, whatever has to be escaped', () => {
    for (const message of ['"'.repeat(500), '漢'.repeat(500), '🚢'.repeat(250)])
      expect(new TextEncoder().encode(holdingPage(said(message)).html).length).toBeLessThanOrEqual(3_600);
  });
});
