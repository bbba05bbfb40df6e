import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { destinationOf, domainOf } from './address.js';

const asked = (url: string, ...hosts: string[]) =>
  destinationOf({
    url,
    rawHeaders: hosts.flatMap((host) => ['Host', host]),
    headers: { host: hosts[0] },
  } as unknown as IncomingMessage);

describe('the destination of a request', () => {
  it.each([
    ['shop.test', 'shop.test'],
    ['SHOP.Test:8080', 'shop.test'],
    ['shop.test.', 'shop.test'],
    ['shop.test.:80', 'shop.test'],
    ['127.0.0.1:80', '127.0.0.1'],
    ['[::1]:80', '[::1]'],
    ['[::1]', '[::1]'],
    ['', ''],
  ])('of Host %j is %j', (host, domain) => {
    expect(domainOf(host)).toBe(domain);
  });
  it('is that of its target where the target is absolute', () => {
    expect(asked('http://shop.test:81/a?b', 'other.test')).toEqual({
      domain: 'shop.test',
      host: 'shop.test:81',
      path: '/a?b',
    });
    expect(asked('HTTP://shop.test?b', 'other.test')).toMatchObject({ domain: 'shop.test', path: '/?b' });
    expect(asked('/http://shop.test/', 'other.test')).toMatchObject({
      domain: 'other.test',
      path: '/http://shop.test/',
    });
  });
  it.each([
    ['/', ['a.test', 'b.test']],
    ['/', ['a.test', 'a.test']],
    ['/', ['user@a.test']],
    ['/', ['a.test/b']],
    ['/', ['a b']],
    ['*', ['a.test']],
    ['https://a.test/', ['a.test']],
    ['http://a.test@b.test/', ['a.test']],
    ['http:///path', ['a.test']],
    ['', ['a.test']],
  ])('is unknown for the target %j with Host %j', (url, hosts) => {
    expect(asked(url, ...hosts)).toBeUndefined();
  });
});
