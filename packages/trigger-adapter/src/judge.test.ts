import { expect, it } from 'vitest';
import { type Candidate, judge, type Serving } from './judge.js';
import { PolicySchema, type TagPolicy } from './policy/options.js';
import { policyOf } from './policy/policy.js';

const judged = (
  tags: TagPolicy,
  candidate: Partial<Candidate>,
  before?: Partial<Candidate>,
  serving?: Partial<Serving>,
) => {
  const whole = { tag: 'v1.0.0', digest: 'a', pushedAt: null, ...candidate };
  const record = before && {
    id: 'x',
    key: 'k',
    at: 0,
    attempt: 1,
    deployment: 'd',
    tag: 'v1.0.0',
    digest: 'z',
    pushedAt: null,
    ...before,
  };
  const now = serving && { id: 'i', tag: 'v1.0.0', digest: 'z', ...serving };
  const verdict = judge(policyOf(PolicySchema.parse(tags)), whole, record, now);
  return verdict.kind === 'deploy' ? 'deploy' : `${verdict.reason}${verdict.note ? ', noted' : ''}`;
};

const SEMVER = { semver: '*' };

it('deploys what is new', () => {
  expect(judged(SEMVER, {})).toBe('deploy');
  expect(judged(SEMVER, { tag: 'v1.1.0' }, {}, {})).toBe('deploy');
});

it('deploys one digest once, by whatever name it comes', () => {
  expect(judged(SEMVER, {}, { digest: 'a' })).toBe('same-digest');
  expect(judged(SEMVER, { tag: 'v2.0.0' }, { digest: 'a' })).toBe('same-digest, noted');
  expect(judged(SEMVER, {}, undefined, { digest: 'a' })).toBe('serving, noted');
});

it('never deploys an older version over a newer one, of those that its policy takes', () => {
  expect(judged(SEMVER, { tag: 'v1.9.0' }, { tag: 'v1.10.0' })).toBe('older');
  expect(judged(SEMVER, { tag: 'v1.9.0' }, undefined, { tag: 'v1.10.0' })).toBe('older');
  expect(judged({ semver: '^1' }, { tag: 'v1.9.0' }, { tag: 'v2.0.0' }, { tag: 'v2.0.0' })).toBe('deploy');
});

it('deploys the same version again where its tag has moved', () => {
  expect(judged(SEMVER, { digest: 'b' }, { digest: 'a' }, { digest: 'a' })).toBe('deploy');
});

it('goes by the time of the push where names say nothing', () => {
  const glob = { glob: '*' };
  expect(judged(glob, { tag: 'x', pushedAt: 1 }, { tag: 'y', pushedAt: 2 })).toBe('older');
  expect(judged(glob, { tag: 'x', pushedAt: 3 }, { tag: 'y', pushedAt: 2 })).toBe('deploy');
  expect(judged(glob, { tag: 'x' }, { tag: 'y', pushedAt: 2 })).toBe('deploy');
});

it('follows a tag that is named wherever it goes, and deploys nothing after a roll back that it knew before', () => {
  expect(
    judged('latest', { tag: 'latest', digest: 'a', pushedAt: 1 }, { tag: 'latest', digest: 'b', pushedAt: 2 }),
  ).toBe('deploy');
  // Rolled back from b to a: the tag still points to b.
  expect(judged('latest', { tag: 'latest', digest: 'b' }, { tag: 'latest', digest: 'b' }, { digest: 'a' })).toBe(
    'same-digest',
  );
});
