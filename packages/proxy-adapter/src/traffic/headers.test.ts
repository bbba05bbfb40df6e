import { describe, expect, it } from 'vitest';
import { responseHeaders } from './headers.js';

const raw = (...parts: string[]) => parts.map((part) => Buffer.from(part, 'latin1'));

describe('the headers of an answer', () => {
  it('keep their order, their case and those that come twice', () => {
    const sent = ['Content-Type', 'text/plain', 'Set-Cookie', 'a=1', 'set-cookie', 'b=\u00fc'];
    expect(responseHeaders(raw(...sent))).toEqual(sent);
  });
  it('lose what speaks of the connection, and what its Connection header names', () => {
    const sent = raw(
      'X-A',
      '1',
      'Connection',
      'X-A, close, Content-Length',
      'Transfer-Encoding',
      'chunked',
      'Upgrade',
      'h2c',
      'Content-Length',
      '3',
    );
    expect(responseHeaders(sent)).toEqual(['Content-Length', '3']);
  });
  it('keep Upgrade where the answer is one', () => {
    expect(responseHeaders(raw('Upgrade', 'websocket', 'Connection', 'Upgrade', 'X', '1'), true)).toEqual([
      'Upgrade',
      'websocket',
      'X',
      '1',
      'Connection',
      'Upgrade',
    ]);
  });
});
