import { describe, expect, it } from 'vitest';
import { addressBlock, plainAddress, trusting } from './trust.js';

describe('trust', () => {
  it('is nobody’s where nothing is given', () => {
    expect(trusting([])('127.0.0.1')).toBe(false);
  });
  it('is that of the addresses and networks given, and of no other', () => {
    const trust = trusting(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1']);
    for (const address of ['10.0.0.1', '10.255.0.1', '192.0.2.7', '2001:db8::5', '::1'])
      expect(trust(address), address).toBe(true);
    for (const address of ['11.0.0.1', '192.0.2.8', '2001:db9::5', '::2', 'unknown', ''])
      expect(trust(address), address).toBe(false);
  });
  it.each([
    '10.0.0.0/33',
    '10.0.0',
    'localhost',
    '::1/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '',
    'fe80::1%eth0',
    '10.0.0.0/-1',
  ])('takes no %j', (text) => {
    expect(addressBlock(text)).toBeUndefined();
  });
  it('knows an IPv4 visitor of a dual-stack socket', () => {
    expect(plainAddress('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(plainAddress('2001:db8::1')).toBe('2001:db8::1');
    expect(plainAddress(undefined)).toBe('unknown');
  });
});
