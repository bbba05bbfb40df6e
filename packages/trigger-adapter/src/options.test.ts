import { expect, it } from 'vitest';
import { parseOptions } from './options.js';

const WATCH = { project: 'shop', stage: 'dev', image: 'registry.example.com/shop', tags: { semver: '*' } };
const SECRET = 'a-secret-of-enough-characters';

const issuesOf = (options: unknown) =>
  parseOptions(options).match(
    () => [],
    ({ issues }) => issues.map(({ path, received }) => `${path}: ${received}`),
  );

it('takes what is right', () => {
  expect(issuesOf({ watch: [WATCH], sources: { hub: { kind: 'docker-hub', secret: SECRET } } })).toEqual([]);
});

it('names every wrong field, and shows no secret', () => {
  const issues = issuesOf({
    watch: [{ ...WATCH, image: 'registry.example.com/shop:v1', stage: 'pr-*' }],
    sources: {
      hub: { kind: 'docker-hub', secret: 'tooshort' },
      ci: { kind: 'signed', secret: SECRET },
      harbor: { kind: 'harbor', secret: SECRET },
      'A name': { kind: 'ghcr', secret: SECRET },
    },
    poll: { every: '1s' },
  });
  const text = issues.join('\n');
  for (const path of [
    'watch[0].image',
    'watch[0].stage',
    'sources.hub.secret',
    'sources.ci.secret',
    'sources.harbor.registry',
    'sources["A name"]',
    'poll',
  ]) {
    expect(text).toContain(`triggers.${path}`);
  }
  expect(text).not.toContain('tooshort');
  expect(text).not.toContain(SECRET);
});

it('refuses a poll of what no list of tags can order, and says what to do', () => {
  const options = { watch: [{ ...WATCH, tags: { glob: 'main-*' } }] };
  expect(issuesOf(options)).toEqual(["triggers.watch[0].tags.order: 'pushed'"]);
  expect(issuesOf({ ...options, poll: false })).toEqual([]);
});

it('refuses two entries of one stage: they would undo each other', () => {
  expect(issuesOf({ watch: [WATCH, { ...WATCH, tags: 'latest' }] })).toEqual(['triggers.watch[1]: shop/dev again']);
});
