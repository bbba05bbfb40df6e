import { expect, it } from 'vitest';
import { quoted } from './quoted.js';

it('what would be obeyed by a terminal, a log viewer or an eye is written out, and the rest is left', () => {
  expect(quoted('a"b\n\x1b[2J\x7f\x9b\u2028\u202e\ufeff\ud800 é😀')).toBe(
    '"a\\"b\\n\\u001b[2J\\u007f\\u009b\\u2028\\u202e\\ufeff\\ud800 é😀"',
  );
  expect(JSON.parse(quoted('\u{e0001}\x85'))).toBe('\u{e0001}\x85');
});
