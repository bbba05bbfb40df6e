/**
 * What is to become of payloads: those that registries send, those that come twice, late or in the wrong order, and those that somebody else has
 * made. Each case begins with an empty stage.
 */
import { unwrap } from '../../packages/core/src/index.js';
import type { TagPolicy } from '../../packages/trigger-adapter/src/index.js';
import { type Bench, fixture, type Kind, openBench } from './bench.js';
import type { Sender } from './senders.js';

export type Step =
  | { readonly send: string; readonly as?: Sender; readonly status: number }
  /** What the registry holds from now on: of each tag a word for what it points to. */
  | { readonly push: { readonly [tag: string]: string } }
  | { readonly do: 'poll' | 'settle' | 'kill' | 'close' | 'registry away' | 'registry back' }
  | { readonly do: 'deploy' | 'roll back'; readonly tag?: string };

export interface Case {
  readonly name: string;
  readonly kind: Kind;
  readonly tags: TagPolicy;
  readonly steps: readonly Step[];
  /** In their order. */
  readonly deploys: readonly string[];
  /** How often the registry may be asked at most. */
  readonly asks?: number;
}

export interface CaseVerdict {
  readonly name: string;
  readonly payloads: number;
  readonly problems: readonly string[];
  readonly doubles: number;
}

const SEMVER = { semver: '^1' } as const;
const send = (name: string, status: number, as?: Sender): Step => ({ send: name, status, ...(as ? { as } : {}) });
const ALL = { latest: 'a', v1: 'a', 'v1.4.2': 'a' };

/** A push that a registry tells of is deployed. */
const genuine = (
  name: string,
  tags: TagPolicy,
  tag: string,
  registry: { [tag: string]: string } = { [tag]: 'a' },
): Case => ({
  name: `${name}: deploys ${tag}`,
  kind: fixture(name).source,
  tags,
  steps: [{ push: registry }, send(name, 202), { do: 'settle' }],
  deploys: [tag],
});

/** Something that a registry tells of and that is no push. */
const passed = (name: string): Case => ({
  name: `${name}: is no push, and nothing is asked`,
  kind: fixture(name).source,
  tags: { glob: '*' },
  steps: [{ push: ALL }, send(name, 200), { do: 'settle' }],
  deploys: [],
  asks: 0,
});

/** What is not genuine, or not what it should be. */
const refused = (what: string, name: string, status: number, as: Sender): Case => ({
  name: `${name}: ${what} is refused`,
  kind: fixture(name).source,
  tags: { glob: '*' },
  steps: [{ push: ALL }, send(name, status, as), { do: 'settle' }],
  deploys: [],
  asks: 0,
});

const RECORDED: readonly Case[] = [
  genuine('docker-hub-push', { digest: 'latest' }, 'latest'),
  genuine('docker-hub-media-type', 'latest', 'latest'),
  genuine('docker-hub-decimals', SEMVER, 'v1.4.2'),
  genuine('docker-hub-hardened', { glob: '3.13-alpine*' }, '3.13-alpine3.21'),
  genuine('ghcr-registry-package', SEMVER, 'v1.4.2'),
  genuine('ghcr-package', { digest: 'latest' }, 'latest'),
  genuine('ghcr-updated', { exact: 'latest' }, 'latest'),
  genuine('ghcr-tag-in-url', { regex: '^v0\\.1\\.(?<order>\\d+)$', order: 'numerical' }, 'v0.1.6'),
  { ...passed('ghcr-nested-name'), name: 'ghcr-nested-name: is another repository, and nothing is asked' },
  passed('ghcr-untagged'),
  passed('ghcr-npm'),
  passed('ghcr-deleted'),
  passed('ghcr-ping'),
  genuine('gitlab-pipeline', SEMVER, 'v1.4.2', ALL),
  genuine('gitlab-pipeline-of-a-tag', { glob: 'v*.*.*' }, 'v1.4.2', ALL),
  genuine('gitlab-registry', SEMVER, 'v1.4.2'),
  passed('gitlab-pipeline-running'),
  passed('gitlab-push'),
  genuine('harbor-push', SEMVER, 'v1.4.2'),
  genuine('harbor-digest-as-tag', SEMVER, 'v1.4.2', ALL),
  genuine('harbor-cloudevents', { exact: 'v1.4.2' }, 'v1.4.2'),
  genuine('harbor-cloudevents-digest', { digest: 'latest' }, 'latest', ALL),
  passed('harbor-pull'),
  passed('harbor-delete'),
  passed('harbor-scan'),
  passed('harbor-quota'),
  genuine('quay-push', { digest: 'latest' }, 'latest'),
  genuine('quay-three-tags', SEMVER, 'v1.4.2', ALL),
  genuine('quay-tags-as-object', 'latest', 'latest'),
  passed('quay-build'),
  passed('quay-vulnerability'),
  genuine('gitea-package', SEMVER, 'v1.4.2'),
  genuine('forgejo-package', { digest: 'latest' }, 'latest'),
  passed('gitea-manifest-of-a-platform'),
  passed('gitea-deleted'),
  passed('gitea-npm'),
  passed('gitea-push'),
  genuine('distribution-push', SEMVER, 'v1.4.2'),
  genuine('distribution-envelope', SEMVER, 'v1.4.2'),
  genuine('distribution-three-tags', { glob: 'v*', order: 'alphabetical' }, 'v1.4.2', ALL),
  genuine('distribution-bare-event', 'latest', 'latest'),
  genuine('distribution-recorded', { exact: 'v1.4.2' }, 'v1.4.2'),
  passed('distribution-pull'),
  passed('distribution-blob'),
  passed('distribution-delete'),
  genuine('signed-reference', SEMVER, 'v1.4.2'),
  genuine('signed-tags', SEMVER, 'v1.4.2', ALL),
  genuine('signed-no-tag', SEMVER, 'v1.4.2', ALL),
  passed('signed-other-type'),
];

const hub = (tag: string, at: number) => ({
  body: (body: { push_data: object }) => ({ ...body, push_data: { ...body.push_data, tag, pushed_at: at } }),
});
const repo = (repo_name: string) => ({
  body: (body: { repository: object }) => ({ ...body, repository: { ...body.repository, repo_name } }),
});

const HOSTILE: readonly Case[] = [
  refused('another secret in the path', 'docker-hub-push', 401, { secret: 'not-the-secret-at-all' }),
  refused('no secret in the path', 'docker-hub-push', 401, { signature: 'none' }),
  refused('a part of the secret', 'docker-hub-push', 401, { secret: 'correct-horse-battery-stapl' }),
  refused('another signature', 'ghcr-registry-package', 401, { secret: 'not-the-secret-at-all' }),
  refused('no signature', 'ghcr-registry-package', 401, { signature: 'none' }),
  refused('a signature of SHA-1 alone', 'ghcr-registry-package', 401, {
    signature: 'none',
    headers: { 'x-hub-signature': 'sha1=7d38cdd689735b008b3c702edd92eea23791c5f6' },
  }),
  refused('another token', 'gitlab-pipeline', 401, { secret: 'not-the-secret-at-all' }),
  refused('no token', 'gitlab-pipeline', 401, { signature: 'none' }),
  refused('another authorization', 'harbor-push', 401, { secret: 'not-the-secret-at-all' }),
  refused('another authorization', 'distribution-push', 401, { secret: 'not-the-secret-at-all' }),
  refused('another signature', 'gitea-package', 401, { secret: 'not-the-secret-at-all' }),
  refused('another secret in the path', 'quay-push', 401, { secret: 'not-the-secret-at-all' }),
  refused('another signature', 'signed-reference', 401, { secret: `whsec_${Buffer.alloc(32).toString('base64')}` }),
  refused('a signature of ten minutes ago', 'signed-reference', 401, { skewMs: -600_000 }),
  refused('a signature from the future', 'signed-reference', 401, { skewMs: 600_000 }),
  refused('a tag that is an option of a shell', 'docker-hub-push', 400, hub('--privileged', 1)),
  refused('a tag with a path in it', 'docker-hub-push', 400, hub('../../etc/passwd', 1)),
  refused('a tag with a command in it', 'docker-hub-push', 400, hub('v1;reboot', 1)),
  refused('a tag of 10 000 characters', 'docker-hub-push', 400, hub('v'.repeat(10_000), 1)),
  refused('a tag with a line break', 'docker-hub-push', 400, hub('v1\r\nx-evil: 1', 1)),
  refused('a repository with a path in it', 'docker-hub-push', 400, repo('acme/../shop')),
  refused('a repository with a login in it', 'docker-hub-push', 400, repo('user:password@evil.example.com/shop')),
  {
    ...refused('', 'docker-hub-push', 200, repo('acme/shop-admin-2')),
    name: 'docker-hub-push: a repository whose name begins with a known one is another one',
  },
  {
    ...refused('', 'docker-hub-push', 200, repo('evil.example.com/acme/shop')),
    name: 'docker-hub-push: another registry in the repository’s name is another repository',
  },
  refused('a list where a text belongs', 'docker-hub-push', 400, {
    body: () => ({ push_data: { tag: ['v1'] }, repository: { repo_name: 'acme/shop' } }),
  }),
  refused('a body that is null', 'docker-hub-push', 400, { text: 'null' }),
  refused('a body that is no JSON', 'docker-hub-push', 400, { text: '{"push_data":' }),
  refused('an empty body', 'docker-hub-push', 400, { text: '' }),
  refused('a body of 100 000 brackets', 'docker-hub-push', 400, { text: '['.repeat(100_000) }),
  refused('a body of 2 MiB', 'ghcr-registry-package', 413, {
    text: JSON.stringify({ padding: 'x'.repeat(2_097_152) }),
  }),
  refused('a form', 'ghcr-registry-package', 415, { headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
  refused('a compressed body', 'ghcr-registry-package', 415, { headers: { 'content-encoding': 'gzip' } }),
  refused('a GET', 'ghcr-registry-package', 405, { method: 'GET' }),
  refused('another path', 'ghcr-registry-package', 404, { path: '/hooks/unknown' }),
  refused('an envelope of 300 pushes', 'distribution-push', 400, {
    body: ({ events }: { events: object[] }) => ({ events: Array.from({ length: 300 }, () => events[0]) }),
  }),
  {
    name: 'docker-hub-push: a tag that the registry does not have is deployed by nobody’s word',
    kind: 'docker-hub',
    tags: { glob: '*' },
    steps: [{ push: { other: 'a' } }, send('docker-hub-push', 202), { do: 'settle' }],
    deploys: [],
  },
];

const DELIVERIES: readonly Case[] = [
  {
    name: 'a delivery that comes again is known, and means nothing more',
    kind: 'ghcr',
    tags: SEMVER,
    steps: [
      { push: ALL },
      send('ghcr-registry-package', 202, { delivery: 'one' }),
      send('ghcr-registry-package', 200, { delivery: 'one' }),
      { do: 'settle' },
      send('ghcr-registry-package', 200, { delivery: 'one' }),
      { do: 'settle' },
    ],
    deploys: ['v1.4.2'],
    asks: 2,
  },
  {
    name: 'a delivery that is replayed under another id is known by its body',
    kind: 'ghcr',
    tags: SEMVER,
    steps: [
      { push: ALL },
      send('ghcr-registry-package', 202, { delivery: 'one' }),
      { do: 'settle' },
      send('ghcr-registry-package', 200, { delivery: 'another' }),
      { do: 'settle' },
    ],
    deploys: ['v1.4.2'],
    asks: 2,
  },
  {
    name: 'a delivery is known after a restart, too',
    kind: 'harbor',
    tags: SEMVER,
    steps: [
      { push: ALL },
      send('harbor-push', 202),
      { do: 'settle' },
      { do: 'close' },
      send('harbor-push', 200),
      { do: 'settle' },
    ],
    deploys: ['v1.4.2'],
  },
  {
    name: 'what was accepted when the process dies is deployed by the next',
    kind: 'ghcr',
    tags: SEMVER,
    steps: [{ push: ALL }, send('ghcr-registry-package', 202), { do: 'kill' }, { do: 'settle' }],
    deploys: ['v1.4.2'],
  },
  {
    name: 'Quay sends the same body for each push: the registry says whether it is a new one',
    kind: 'quay',
    tags: { digest: 'latest' },
    steps: [
      { push: { latest: 'a' } },
      send('quay-push', 202),
      { do: 'settle' },
      send('quay-push', 202),
      { do: 'settle' },
      { push: { latest: 'b' } },
      send('quay-push', 202),
      { do: 'settle' },
    ],
    deploys: ['latest', 'latest'],
  },
  {
    name: 'three deliveries of one push with three tags are one deployment',
    kind: 'docker-hub',
    tags: { glob: '*', order: 'semver' },
    steps: [
      { push: ALL },
      send('docker-hub-push', 202, hub('latest', 10)),
      send('docker-hub-push', 202, hub('v1', 10)),
      send('docker-hub-push', 202, hub('v1.4.2', 10)),
      { do: 'settle' },
    ],
    deploys: ['v1.4.2'],
  },
  {
    name: 'the same digest under another tag, long after, is nothing new',
    kind: 'docker-hub',
    tags: { glob: '*' },
    steps: [
      { push: { 'v1.4.2': 'a' } },
      send('docker-hub-push', 202, hub('v1.4.2', 10)),
      { do: 'settle' },
      { push: { stable: 'a' } },
      send('docker-hub-push', 202, hub('stable', 20)),
      { do: 'settle' },
    ],
    deploys: ['v1.4.2'],
  },
  {
    name: 'of versions an older one that comes late is not deployed',
    kind: 'docker-hub',
    tags: SEMVER,
    steps: [
      { push: { 'v1.5.0': 'b', 'v1.4.9': 'a' } },
      send('docker-hub-push', 202, hub('v1.5.0', 20)),
      { do: 'settle' },
      send('docker-hub-push', 202, hub('v1.4.9', 10)),
      { do: 'settle' },
    ],
    deploys: ['v1.5.0'],
  },
  {
    name: 'of pushes by time an earlier one that comes late is not deployed',
    kind: 'docker-hub',
    tags: { glob: 'main-*' },
    steps: [
      { push: { 'main-ff': 'b', 'main-aa': 'a' } },
      send('docker-hub-push', 202, hub('main-ff', 20)),
      { do: 'settle' },
      send('docker-hub-push', 202, hub('main-aa', 10)),
      { do: 'settle' },
      { push: { 'main-bb': 'c' } },
      send('docker-hub-push', 202, hub('main-bb', 30)),
      { do: 'settle' },
    ],
    deploys: ['main-ff', 'main-bb'],
  },
  {
    name: 'of a tag that moves only what it points to now is deployed, whichever push is told of',
    kind: 'docker-hub',
    tags: { digest: 'latest' },
    steps: [
      { push: { latest: 'a' } },
      { push: { latest: 'b' } },
      send('docker-hub-push', 202, hub('latest', 20)),
      { do: 'settle' },
      send('docker-hub-push', 202, hub('latest', 10)),
      { do: 'settle' },
    ],
    deploys: ['latest'],
  },
  {
    name: 'a tag that moves there and back again is deployed each time',
    kind: 'docker-hub',
    tags: { digest: 'latest' },
    steps: [
      { push: { latest: 'a' } },
      send('docker-hub-push', 202, hub('latest', 10)),
      { do: 'settle' },
      { push: { latest: 'b' } },
      send('docker-hub-push', 202, hub('latest', 20)),
      { do: 'settle' },
      { push: { latest: 'a' } },
      send('docker-hub-push', 202, hub('latest', 30)),
      { do: 'settle' },
    ],
    deploys: ['latest', 'latest', 'latest'],
  },
  {
    name: 'prereleases are none of the range’s, unless they are asked for',
    kind: 'docker-hub',
    tags: SEMVER,
    steps: [
      { push: { 'v1.5.0-rc.1': 'b', 'v1.4.9': 'a' } },
      send('docker-hub-push', 202, hub('v1.5.0-rc.1', 10)),
      { do: 'settle' },
      send('docker-hub-push', 202, hub('v1.4.9', 10)),
      { do: 'settle' },
    ],
    deploys: ['v1.4.9'],
  },
  {
    name: 'prereleases that are asked for by their name are deployed, and no others',
    kind: 'docker-hub',
    tags: { semver: '>=1.0.0', prereleases: ['rc'] },
    steps: [
      { push: { 'v1.5.0-rc.10': 'b', 'v1.5.0-rc.9': 'a', 'v2.0.0-beta.1': 'c' } },
      ...['v2.0.0-beta.1', 'v1.5.0-rc.9', 'v1.5.0-rc.10'].map((tag) => send('docker-hub-push', 202, hub(tag, 10))),
      { do: 'settle' },
    ],
    deploys: ['v1.5.0-rc.10'],
  },
  {
    name: 'a registry that does not answer is asked again, and the push is not lost',
    kind: 'ghcr',
    tags: SEMVER,
    steps: [
      { push: ALL },
      { do: 'registry away' },
      send('ghcr-registry-package', 202),
      { do: 'kill' },
      { do: 'registry back' },
      { do: 'settle' },
    ],
    deploys: ['v1.4.2'],
  },
  {
    name: 'GitLab’s signing token is taken as well as its secret token',
    kind: 'gitlab',
    tags: SEMVER,
    steps: [{ push: ALL }, send('gitlab-pipeline', 202, { signature: 'own' }), { do: 'settle' }],
    deploys: ['v1.4.2'],
  },
];

/** With a poller over the same registry. */
const POLLS: readonly Case[] = [
  {
    name: 'a webhook and a poll together deploy one digest once',
    kind: 'ghcr',
    tags: SEMVER,
    steps: [
      { push: ALL },
      send('ghcr-registry-package', 202),
      { do: 'poll' },
      { do: 'settle' },
      { do: 'poll' },
      { do: 'settle' },
    ],
    deploys: ['v1.4.2'],
  },
  {
    name: 'a push whose webhook is lost is found by a poll, and its late webhook means nothing more',
    kind: 'ghcr',
    tags: SEMVER,
    steps: [{ push: ALL }, { do: 'poll' }, { do: 'settle' }, send('ghcr-registry-package', 202), { do: 'settle' }],
    deploys: ['v1.4.2'],
  },
  {
    name: 'a poll after a restart knows what was deployed before',
    kind: 'ghcr',
    tags: SEMVER,
    steps: [
      { push: ALL },
      send('ghcr-registry-package', 202),
      { do: 'settle' },
      { do: 'close' },
      { do: 'poll' },
      { do: 'settle' },
    ],
    deploys: ['v1.4.2'],
  },
  {
    name: 'no poll undoes a roll back',
    kind: 'docker-hub',
    tags: SEMVER,
    steps: [
      { push: { 'v1.4.2': 'a' } },
      send('docker-hub-push', 202, hub('v1.4.2', 10)),
      { do: 'settle' },
      { push: { 'v1.5.0': 'b' } },
      { do: 'poll' },
      { do: 'settle' },
      { do: 'roll back' },
      { do: 'poll' },
      { do: 'settle' },
      { push: { 'v1.5.1': 'c' } },
      { do: 'poll' },
      { do: 'settle' },
    ],
    deploys: ['v1.4.2', 'v1.5.0', 'v1.4.2', 'v1.5.1'],
  },
  {
    name: 'what a person has deployed is not deployed again, and nothing older over it',
    kind: 'docker-hub',
    tags: SEMVER,
    steps: [
      { push: { 'v1.4.2': 'a', 'v1.5.0': 'b' } },
      { do: 'deploy', tag: 'v1.5.0' },
      { do: 'poll' },
      { do: 'settle' },
      send('docker-hub-push', 202, hub('v1.4.2', 10)),
      { do: 'settle' },
    ],
    deploys: ['v1.5.0'],
  },
  {
    name: 'a poll of a tag that is named asks for no list',
    kind: 'quay',
    tags: { digest: 'latest' },
    steps: [
      { push: { latest: 'a' } },
      { do: 'poll' },
      { do: 'settle' },
      { do: 'poll' },
      send('quay-push', 202),
      { do: 'settle' },
    ],
    deploys: ['latest'],
    // The two polls, the webhook, and the deployment itself.
    asks: 4,
  },
];

export const CASES: readonly Case[] = [...RECORDED, ...HOSTILE, ...DELIVERIES, ...POLLS];

export async function runCase(each: Case): Promise<CaseVerdict> {
  const problems: string[] = [];
  let payloads = 0;
  await using bench = await openBench({ kind: each.kind, tags: each.tags, polls: POLLS.includes(each) });
  for (const step of each.steps) {
    if ('send' in step) {
      payloads += 1;
      const response = await bench.send(step.send, step.as);
      const text = await response.text();
      if (response.status !== step.status) problems.push(`${step.send} was answered with ${response.status} ${text}`);
    } else await take(bench, step);
  }
  const deployed = await bench.deployed();
  if (deployed.join() !== each.deploys.join()) problems.push(`deployed were ${deployed.join(', ') || 'none'}`);
  const asks = bench.asked.length;
  if (each.asks !== undefined && asks > each.asks)
    problems.push(`the registry was asked ${asks} times: ${bench.asked}`);
  return { name: each.name, payloads, problems, doubles: await bench.doubles() };
}

async function take(bench: Bench, step: Exclude<Step, { send: string }>): Promise<void> {
  if ('push' in step) return bench.push(step.push);
  const { clock } = bench.world;
  const on = { project: 'shop', stage: 'dev' };
  switch (step.do) {
    case 'poll':
      return bench.poll();
    case 'settle':
      return bench.settle();
    case 'kill':
      return bench.restart('killed');
    case 'close':
      return bench.restart('closed');
    case 'registry away':
      bench.away = true;
      return;
    case 'registry back':
      bench.away = false;
      return;
    case 'roll back':
      unwrap(await clock.until(bench.deployer.rollBack(on)));
      return;
    case 'deploy':
      unwrap(await clock.until(bench.deployer.deploy({ ...on, tag: step.tag ?? '' })));
      return;
  }
}
