import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { containerName, type DomainOwner, dashed, domainCandidate, isDomain, routeMark } from './names.js';

const owner = (project: string, stage: string, tag?: string): DomainOwner =>
  tag === undefined ? { kind: 'default', project, stage } : { kind: 'tagged', project, stage, tag };
const DEFAULT = 'stage-{stage}-{project}';
const TAGGED = 'stage-{stage}-{project}-{tag}';

describe('domainCandidate', () => {
  it('is what a person would expect where nothing is in the way', () => {
    expect(domainCandidate(DEFAULT, owner('shop', 'dev'), 'apps.test', 0)).toBe('stage-dev-shop.apps.test');
    expect(domainCandidate(TAGGED, owner('Shop', 'dev', 'v1.4.2'), 'apps.test', 0)).toBe(
      'stage-dev-shop-v1-4-2.apps.test',
    );
  });

  it('meets where owners meet, and parts at the next attempt', () => {
    const one = owner('c', 'a-b');
    const other = owner('b-c', 'a');
    expect(domainCandidate(DEFAULT, one, 'x.test', 0)).toBe(domainCandidate(DEFAULT, other, 'x.test', 0));
    expect(domainCandidate(DEFAULT, one, 'x.test', 1)).not.toBe(domainCandidate(DEFAULT, other, 'x.test', 1));
  });

  it('has a hash in what was cut, so that two long names part at once', () => {
    const long = 'a'.repeat(80);
    const one = domainCandidate(TAGGED, owner(long, 'dev', 'v1'), 'x.test', 0);
    const other = domainCandidate(TAGGED, owner(long, 'dev', 'v2'), 'x.test', 0);
    expect(one).not.toBe(other);
    expect(one.split('.')[0]).toHaveLength(63);
  });

  it('stays within 253 characters, however long the pattern and the base are', () => {
    const base = `${'x'.repeat(63)}.${'y'.repeat(63)}.${'z'.repeat(59)}.t`;
    const long = owner('p'.repeat(100), 's'.repeat(100), 't'.repeat(100));
    for (let attempt = 0; attempt < 8; attempt += 1) {
      const domain = domainCandidate('{stage}.{project}.{tag}.{stage}', long, base, attempt);
      expect(isDomain(domain), domain).toBe(true);
    }
  });

  it('is a domain for every owner and attempt, and another one at each attempt', () => {
    const text = fc.oneof(fc.string({ unit: 'grapheme', minLength: 1 }), fc.stringMatching(/^[a-z-]{1,70}$/));
    fc.assert(
      fc.property(text, text, text, fc.nat(7), (project, stage, tag, attempt) => {
        const each = owner(project, stage, tag);
        const domain = domainCandidate(TAGGED, each, 'apps.example.com', attempt);
        expect(isDomain(domain), domain).toBe(true);
        expect(domainCandidate(TAGGED, each, 'apps.example.com', attempt + 1)).not.toBe(domain);
      }),
    );
  });
});

describe('dashed', () => {
  it('leaves lower case letters, digits and single dashes within', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(dashed(text)).toMatch(/^([a-z0-9]+(-[a-z0-9]+)*)?$/);
      }),
    );
  });
});

describe('containerName', () => {
  it('has at most 63 of [a-z0-9-] and ends in the id', () => {
    const id = '0123456789abcdefgh';
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string({ maxLength: 200 }), (project, stage, tag) => {
        const name = containerName(project, stage, tag, id);
        expect(name).toMatch(/^[a-z0-9][a-z0-9-]{0,62}$/);
        expect(name.endsWith(id)).toBe(true);
      }),
    );
  });
});

describe('routeMark', () => {
  it('begins with the store and fits a proxy that keeps 63 characters', () => {
    const mark = routeMark('0123456789ab', `${'a'.repeat(63)}.${'b'.repeat(63)}.test`);
    expect(mark.startsWith('0123456789ab')).toBe(true);
    expect(mark.length).toBeLessThanOrEqual(63);
  });
});
