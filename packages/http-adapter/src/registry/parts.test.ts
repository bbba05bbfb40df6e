import { describe, expect, it } from 'vitest';
import { insecureBy, parseManifest } from './address.js';
import { parseChallenges } from './challenge.js';
import { nextTarget } from './tags.js';

describe('parseManifest', () => {
  const at = (text: string, hosts: readonly string[] = []) => {
    const { registry, origin, path, reference } = parseManifest(text, insecureBy(hosts))._unsafeUnwrap();
    return `${registry} ${origin} ${path} ${reference}`;
  };
  it.each([
    ['nginx', 'docker.io https://registry-1.docker.io library/nginx latest'],
    ['team/shop:v1', 'docker.io https://registry-1.docker.io team/shop v1'],
    ['docker.io/nginx:1', 'docker.io https://registry-1.docker.io library/nginx 1'],
    ['index.docker.io/library/nginx:1', 'docker.io https://registry-1.docker.io library/nginx 1'],
    ['registry-1.docker.io/nginx:1', 'docker.io https://registry-1.docker.io library/nginx 1'],
    ['ghcr.io/a/b/c:1', 'ghcr.io https://ghcr.io a/b/c 1'],
    ['localhost:5000/shop:v1', 'localhost:5000 http://localhost:5000 shop v1'],
    ['127.0.0.1:5000/shop:v1', '127.0.0.1:5000 http://127.0.0.1:5000 shop v1'],
    ['[::1]:5000/shop:v1', '[::1]:5000 http://[::1]:5000 shop v1'],
    ['127.0.0.1.evil.test/shop:v1', '127.0.0.1.evil.test https://127.0.0.1.evil.test shop v1'],
  ])('%s', (text, expected) => {
    expect(at(text)).toBe(expected);
  });
  it('speaks plain HTTP to the hosts that were named, by port or whole', () => {
    expect(at('registry.lan:5000/a:1', ['registry.lan'])).toContain('http://registry.lan:5000');
    expect(at('registry.lan:5000/a:1', ['registry.lan:5000'])).toContain('http://registry.lan:5000');
    expect(at('registry.lan:5001/a:1', ['registry.lan:5000'])).toContain('https://registry.lan:5001');
  });
});

describe('parseChallenges', () => {
  it('reads one with quoted and bare values', () => {
    expect(parseChallenges('Bearer realm="https://a/t?x=1,2",service=reg, scope="repository:a:pull,push"')).toEqual([
      { scheme: 'bearer', parameters: { realm: 'https://a/t?x=1,2', service: 'reg', scope: 'repository:a:pull,push' } },
    ]);
  });
  it('reads several in one header', () => {
    expect(parseChallenges('Basic realm="a \\"b\\"", Bearer realm="https://t", Negotiate')).toEqual([
      { scheme: 'basic', parameters: { realm: 'a "b"' } },
      { scheme: 'bearer', parameters: { realm: 'https://t' } },
      { scheme: 'negotiate', parameters: {} },
    ]);
  });
  it('ends on what does not fit, and at once', () => {
    expect(parseChallenges(null)).toEqual([]);
    expect(parseChallenges('"')).toEqual([]);
    expect(parseChallenges('Bearer realm="never closed')).toEqual([{ scheme: 'bearer', parameters: {} }]);
    const beganMs = performance.now();
    parseChallenges(`Bearer ${'a="\\'.repeat(100_000)}`);
    expect(performance.now() - beganMs).toBeLessThan(200);
  });
});

describe('nextTarget', () => {
  const current = 'https://r.test/v2/a/tags/list?n=2';
  it.each([
    [null, undefined],
    ['</v2/a/tags/list?last=b&n=2>; rel="next"', '/v2/a/tags/list?last=b&n=2'],
    ['<list?last=b>; rel=next', '/v2/a/tags/list?last=b'],
    ['<https://other.test/v2/a/tags/list?last=b>; rel="next"', '/v2/a/tags/list?last=b'],
    ['</v2/x>; rel="prev", </v2/y>; rel="next"', '/v2/y'],
    ['</v2/x>; rel="prev"', undefined],
    ['<https://other.test/steal>; rel="next"', undefined],
  ])('%s', (link, target) => {
    expect(nextTarget(link, current)).toBe(target);
  });
});
