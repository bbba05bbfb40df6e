import { describe, expect, it } from 'vitest';
import { PolicySchema, type TagPolicy } from './options.js';
import { newest, policyOf } from './policy.js';

const policy = (tags: TagPolicy) => policyOf(PolicySchema.parse(tags));
const admitted = (tags: TagPolicy, of: readonly string[]) => of.filter((tag) => policy(tags).admits(tag));
const best = (tags: TagPolicy, of: readonly string[]) => newest(policy(tags), of);

describe('a tag that is named', () => {
  it('is the only one, in whatever way it is named', () => {
    for (const tags of ['latest', { exact: 'latest' }, { digest: 'latest' }] as const) {
      expect(admitted(tags, ['latest', 'latest-1', 'Latest', 'late'])).toEqual(['latest']);
      expect(policy(tags).only).toBe('latest');
    }
  });
});

describe('versions', () => {
  const TAGS = [
    '1',
    '1.4',
    'v1.4.2',
    '1.10.0',
    'v2.0.0-rc.1',
    'v1.11.0-beta.2',
    'v2.0.0',
    'latest',
    '1.4.2.1',
    'v01.2.3',
    'main-1.2.3',
  ];

  it('are whole ones alone: names that move are none', () => {
    expect(admitted({ semver: '*' }, TAGS)).toEqual(['v1.4.2', '1.10.0', 'v2.0.0']);
  });

  it('are compared by their numbers', () => {
    expect(best({ semver: '^1' }, TAGS)).toBe('1.10.0');
    expect(best({ semver: '*' }, TAGS)).toBe('v2.0.0');
    expect(best({ semver: '>=3' }, TAGS)).toBeUndefined();
  });

  it('have prereleases only where they are asked for, within the range', () => {
    expect(best({ semver: '^1', prereleases: true }, TAGS)).toBe('v1.11.0-beta.2');
    expect(best({ semver: '^1', prereleases: ['rc'] }, TAGS)).toBe('1.10.0');
    expect(best({ semver: '>=2.0.0-rc.1' }, ['v2.0.0-rc.2', 'v2.1.0-rc.1'])).toBe('v2.0.0-rc.2');
    expect(best({ semver: '*', prereleases: ['rc'] }, ['v1.0.0-rc.2', 'v1.0.0-rc.10', 'v1.0.0-beta.99'])).toBe(
      'v1.0.0-rc.10',
    );
  });
});

describe('patterns', () => {
  it('match the whole tag of a glob, and what a regular expression says', () => {
    expect(admitted({ glob: 'main-*' }, ['main-1', 'xmain-1', 'main-', 'MAIN-1', 'main'])).toEqual(['main-1', 'main-']);
    expect(admitted({ glob: 'v[0-9].{1,2}' }, ['v1.1', 'v1.3', 'va.1'])).toEqual(['v1.1']);
    expect(admitted({ regex: /^release-\d+$/g }, ['release-1', 'release-2', 'xrelease-3'])).toEqual([
      'release-1',
      'release-2',
    ]);
  });

  it('are ordered as it is said', () => {
    expect(best({ glob: 'main-*', order: 'numerical' }, ['main-9', 'main-10', 'main-x'])).toBe('main-10');
    expect(best({ glob: 'main-*', order: 'alphabetical' }, ['main-9', 'main-10'])).toBe('main-9');
    expect(best({ glob: 'rel-*', order: 'numerical' }, ['rel-2026.9.1', 'rel-2026.10.1', 'rel-2026.10'])).toBe(
      'rel-2026.10.1',
    );
    expect(best({ regex: '^.*-(?<order>.+)$', order: 'semver' }, ['b-1.9.0', 'a-1.10.0', 'c-nightly'])).toBe(
      'a-1.10.0',
    );
    expect(policy({ glob: '*' }).compare).toBeUndefined();
  });

  it('compare numbers of any length exactly', () => {
    expect(best({ glob: '*', order: 'numerical' }, ['9007199254740993', '9007199254740992'])).toBe('9007199254740993');
  });
});

it.each([
  { semver: 'not a range' },
  { glob: '' },
  { glob: '!(a)' },
  { glob: 'a/b' },
  { regex: '(' },
  { regex: '(a+)+$' },
  { exact: 'registry.example.com/shop:v1' },
  { exact: '-v' },
  { glob: '*', order: 'newest' },
  { semver: '*', glob: '*' },
  {},
])('%j is refused', (tags) => {
  expect(PolicySchema.safeParse(tags).success).toBe(false);
});
