/**
 * Deliveries of every receiver, through its fetch handler, its inbox, the look at the registry and the decision, up to what is submitted. What was
 * recorded is changed, and signed as its registry signs it; or the signature is what is changed.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { okAsync } from 'neverthrow';
import { parseDeploy } from '../../../packages/core/src/deployer/requests.js';
import type { Registry, Store } from '../../../packages/core/src/ports.js';
import { systemClock } from '../../../packages/core/src/system.js';
import { type TriggerReport, triggers } from '../../../packages/trigger-adapter/src/index.js';
import { fixture, IMAGES, type Kind, SOURCES } from '../../triggers/bench.js';
import { PATHS, SECRET, SIGNING_SECRET } from '../../triggers/senders.js';
import { type Dice, mutatedText, mutatedTree } from '../mutate.js';
import {
  firstOf,
  unsafeAnswer,
  unsafeDigest,
  unsafeLine,
  unsafeRepository,
  unsafeTag,
  type Verdict,
} from '../oracles.js';
import type { Target } from '../target.js';

const NOW_MS = 1_900_000_000_000;
const DIGEST = `sha256:${'5'.repeat(64)}`;
const LISTED = ['v1.4.2', 'v0.1.6', 'latest', 'stable-1', 'other'];

/** Fields that a receiver could look at: most of a payload is nobody's business, and changing it changes nothing. */
const FIELDS = new Set(
  `action package registry_package name namespace package_type owner login username updated_at created_at package_version package_url
  container_metadata tag digest push_data pushed_at repository repo_name repo_full_name updated_tags events target timestamp object_kind
  object_attributes status ref finished_at project path_with_namespace type occur_at event_data resources specversion time data version image
  tags pushedAt`.split(/\s+/),
);

const FIXTURES = readdirSync(new URL('../../triggers/fixtures/', import.meta.url)).map((file) => {
  const { source, headers, body } = fixture(file.replace(/\.json$/, ''));
  return { source, headers, body, slim: slimmed(body) };
});

function slimmed(tree: unknown): unknown {
  if (Array.isArray(tree)) return tree.map(slimmed);
  if (typeof tree !== 'object' || tree === null) return tree;
  const kept = Object.entries(tree).filter(([key]) => FIELDS.has(key));
  // Whose keys are not known is a map: from tags to images.
  return kept.length === 0 ? tree : Object.fromEntries(kept.map(([key, value]) => [key, slimmed(value)]));
}

interface Delivery {
  readonly url: string;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array<ArrayBuffer>;
}

function make(roll: Dice, others: readonly unknown[]): Delivery {
  const { source, headers, body, slim } = roll.pick(FIXTURES);
  const bytes = bodyOf(roll, roll.chance(0.7) ? slim : body, others);
  const sent = new Map<string, string>(Object.entries({ 'content-type': 'application/json', ...headers }));
  const isInPath = source === 'docker-hub' || source === 'quay';
  let url = `/hooks/${PATHS[source]}${isInPath ? `/${SECRET}` : ''}`;
  // What is signed may be what comes; or else what somebody has changed on the way.
  const claimed = roll.chance(0.8) ? bytes : bodyOf(roll, slim, others);
  for (const [name, value] of signature(roll, source, body, claimed)) sent.set(name, value);
  if (roll.chance(0.25)) {
    const name = roll.pick([...sent.keys()]);
    if (roll.chance(0.3)) sent.delete(name);
    else sent.set(name, mutatedText(roll, sent.get(name) ?? ''));
  }
  if (roll.chance(0.05)) sent.set(mutatedText(roll, 'x-hub-signature'), mutatedText(roll, 'gzip'));
  if (roll.chance(0.03))
    sent.set(
      'content-type',
      roll.pick(['text/plain', 'application/x-www-form-urlencoded', '', 'application/cloudevents+json']),
    );
  if (roll.chance(0.1)) url = mutatedText(roll, url);
  return {
    url,
    method: roll.chance(0.02) ? roll.pick(['GET', 'PUT', 'HEAD']) : 'POST',
    headers: [...sent],
    body: bytes,
  };
}

function bodyOf(roll: Dice, tree: unknown, others: readonly unknown[]): Uint8Array<ArrayBuffer> {
  if (roll.chance(0.002)) {
    const depth = roll.pick([5_000, 100_000]);
    return encoded(
      roll.chance(0.5)
        ? `${'['.repeat(depth)}${']'.repeat(depth)}`
        : `${'{"events":'.repeat(depth)}1${'}'.repeat(depth)}`,
    );
  }
  if (roll.chance(0.002)) return encoded(JSON.stringify({ events: Array.from({ length: 6_000 }, () => tree) }));
  const text = written(roll.chance(0.9) ? mutatedTree(roll, tree, others) : tree);
  if (roll.chance(0.1)) return encoded(mutatedText(roll, text));
  const bytes = encoded(roll.chance(0.02) ? `\ufeff${text}` : text);
  if (roll.chance(0.03) && bytes.length > 0) bytes[roll.int(bytes.length)] = roll.int(256);
  return bytes;
}

const written = (tree: unknown): string =>
  JSON.stringify(tree, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)) ?? 'null';
const encoder = new TextEncoder();
const encoded = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text);

function signature(
  roll: Dice,
  source: Kind,
  original: unknown,
  body: Uint8Array,
): readonly (readonly [string, string])[] {
  const hex = createHmac('sha256', SECRET).update(body).digest('hex');
  switch (source) {
    case 'ghcr':
      return [
        ['x-hub-signature-256', `sha256=${hex}`],
        ['x-github-delivery', `d-${roll.int(50)}`],
      ];
    case 'gitea':
      return [
        ['x-gitea-signature', hex],
        ['x-gitea-delivery', `d-${roll.int(50)}`],
      ];
    case 'harbor':
      return [['authorization', SECRET]];
    case 'distribution':
      return [['authorization', `Bearer ${SECRET}`]];
    case 'gitlab':
      if ('events' in (original as object)) return [['authorization', `Bearer ${SECRET}`]];
      return roll.chance(0.5) ? [['x-gitlab-token', SECRET]] : standard(roll, body);
    case 'signed':
      return standard(roll, body);
    default:
      return [];
  }
}

function standard(roll: Dice, body: Uint8Array): readonly (readonly [string, string])[] {
  const id = `msg_${roll.int(50)}`;
  const at = String(Math.floor(NOW_MS / 1000) + roll.pick([0, 0, 0, -290, 290, -310, 310]));
  return [
    ['webhook-id', id],
    ['webhook-timestamp', at],
    ['webhook-signature', `v1,${standardMac(id, at, body)}`],
  ];
}

const standardMac = (id: string, at: string, body: Uint8Array): string =>
  createHmac('sha256', Buffer.from(SIGNING_SECRET.slice('whsec_'.length), 'base64'))
    .update(`${id}.${at}.`)
    .update(body)
    .digest('base64');

/** What came of a delivery. */
interface Seen {
  readonly submitted: Record<string, unknown>[];
  readonly asked: string[];
  readonly reports: TriggerReport[];
}

let seen: Seen = { submitted: [], asked: [], reports: [] };
const kept = new Map<string, { value: { id: string }; version: number }>();

/** As much of a store as triggers use; emptied after each delivery. */
const store = {
  name: 'fuzz',
  get: (collection: string, id: string) => okAsync(kept.get(`${collection} ${id}`)),
  list: () => okAsync([]),
  commit(changes: readonly { collection: string; record: { id: string } }[]) {
    for (const { collection, record } of changes) kept.set(`${collection} ${record.id}`, { value: record, version: 1 });
    return okAsync({});
  },
} as unknown as Store;

const registry = {
  name: 'fuzz',
  resolve(reference: string) {
    seen.asked.push(reference);
    return okAsync({ digest: DIGEST });
  },
  tags(repository: string) {
    seen.asked.push(`${repository}:listed`);
    return okAsync(LISTED);
  },
} as unknown as Registry;

const KINDS = Object.entries(IMAGES) as [Kind, string][];
const hooks = triggers({
  deployer: {
    submit: (request: object) => {
      seen.submitted.push(request as Record<string, unknown>);
      return okAsync({ id: '01k6v1c9q0n2f7abcd' });
    },
    deployments: { get: () => okAsync({ status: 'succeeded', error: null }) },
    instances: { list: () => okAsync({ items: [], next: null }) },
  } as never,
  registry,
  store,
  // What is put off is done at once.
  clock: {
    ...systemClock(),
    now: () => NOW_MS,
    after: (_ms, callback) => {
      let isOver = false;
      queueMicrotask(() => {
        if (!isOver) callback();
      });
      return () => {
        isOver = true;
      };
    },
  },
  gather: 0,
  watch: KINDS.flatMap(([kind, image]) => [
    { project: `shop-${kind}`, stage: 'dev', image, tags: { regex: '^(v[01]\\.|latest$|3\\.13)' }, poll: false },
    { project: `admin-${kind}`, stage: 'prod', image: `${image}-admin`, tags: { glob: 'stable-*' }, poll: false },
  ]),
  sources: SOURCES,
  onReport: (report) => seen.reports.push(report),
})._unsafeUnwrap();

async function judge(delivery: Delivery): Promise<Verdict> {
  const request = requestOf(delivery);
  if (!request) return null;
  seen = { submitted: [], asked: [], reports: [] };
  kept.clear();
  const response = await hooks.fetch(request);
  await hooks.idle();
  const text = await response.text();
  const isTaken = response.status < 300;
  return firstOf([
    response.status >= 500 ? `an answer ${response.status}: ${text.slice(0, 200)}` : null,
    isTaken && !isGenuine(request, delivery) ? 'a signature that is none' : null,
    isTaken && delivery.method !== 'POST' ? 'another method' : null,
    !isTaken && seen.submitted.length + seen.asked.length > 0
      ? 'something that was done for a delivery that was refused'
      : null,
    unsafeAnswer(text),
    ...seen.reports.map(unsafeReport),
    ...seen.asked.map(unsafeReference),
    ...seen.submitted.map((submitted) => unsafeSubmission(submitted, delivery)),
  ]);
}

function requestOf({ url, method, headers, body }: Delivery): Request | undefined {
  try {
    const sent = new Headers(headers as [string, string][]);
    const hasBody = method !== 'GET' && method !== 'HEAD';
    return new Request(new URL(url, 'http://receiver.test'), { method, headers: sent, ...(hasBody ? { body } : {}) });
  } catch {
    // No client can send it.
    return undefined;
  }
}

const isSame = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

/** What each registry's documentation says, over the bytes that came. */
function isGenuine({ url, headers }: Request, { body }: Delivery): boolean {
  const parts = new URL(url).pathname.split('/').filter((part) => part !== '');
  const names = new Map<string, Kind>(KINDS.map(([kind]) => [PATHS[kind], kind]));
  const kind = names.get(parts.at(-1) ?? '') ?? names.get(parts.at(-2) ?? '');
  const hex = createHmac('sha256', SECRET).update(body).digest('hex');
  const signedBy = (text: string | null | undefined) => isSame((text ?? '').replace(/^sha256=/, '').toLowerCase(), hex);
  const authorization = (headers.get('authorization') ?? '').replace(/^bearer +/i, '');
  const first = (...all: string[]) => all.map((name) => headers.get(name)).find((value) => value !== null);
  switch (kind) {
    case 'docker-hub':
    case 'quay':
      return !names.has(parts.at(-1) ?? '') && isSame(parts.at(-1) ?? '', SECRET);
    case 'ghcr':
      return signedBy(headers.get('x-hub-signature-256'));
    case 'gitea':
      return signedBy(first('x-gitea-signature', 'x-forgejo-signature', 'x-hub-signature-256'));
    case 'harbor':
    case 'distribution':
      return isSame(authorization, SECRET);
    case 'gitlab':
      if (headers.has('webhook-signature')) return isStandard(headers, body);
      return [SECRET, SIGNING_SECRET].some((secret) => isSame(headers.get('x-gitlab-token') ?? authorization, secret));
    case 'signed':
      return isStandard(headers, body);
    default:
      return false;
  }
}

function isStandard(headers: Headers, body: Uint8Array): boolean {
  const [id = '', at = '', all = ''] = ['id', 'timestamp', 'signature'].map(
    (name) => headers.get(`webhook-${name}`) ?? '',
  );
  const isFresh = at !== '' && Math.abs(Number(at) - NOW_MS / 1000) <= 300;
  return id !== '' && isFresh && all.split(' ').some((each) => isSame(each, `v1,${standardMac(id, at, body)}`));
}

/** Whatever a report holds may become a line of a log. */
function unsafeReport(report: unknown): Verdict {
  if (typeof report === 'string') return unsafeLine(report, 4_000) && `a report that is ${unsafeLine(report, 4_000)}`;
  return typeof report === 'object' && report !== null ? firstOf(Object.values(report).map(unsafeReport)) : null;
}

const unsafeReference = (reference: string): Verdict => {
  const colon = reference.lastIndexOf(':');
  return firstOf([unsafeRepository(reference.slice(0, colon)), unsafeTag(reference.slice(colon + 1))]);
};

/** Only for a stage that is configured, a tag that it takes, and a repository that the body tells of. */
function unsafeSubmission(submitted: Record<string, unknown>, { body }: Delivery): Verdict {
  const parsed = parseDeploy(submitted);
  if (parsed.isErr()) return 'a request that the deployer refuses';
  const { project, stage, tag, digest, by } = parsed.value;
  const [what = '', kind = ''] = [project.slice(0, project.indexOf('-')), project.slice(project.indexOf('-') + 1)];
  const isShop = what === 'shop' && stage === 'dev';
  if (!(isShop || (what === 'admin' && stage === 'prod')) || !(kind in IMAGES)) return 'a stage that nobody follows';
  const words = wordsIn(JSON.parse(new TextDecoder().decode(body)));
  const image = IMAGES[kind as Kind].slice(IMAGES[kind as Kind].lastIndexOf('/') + 1) + (isShop ? '' : '-admin');
  const owner = IMAGES[kind as Kind].split('/').at(-2) ?? '';
  const isEnd = (word: string) =>
    word === image || word.endsWith(`/${image}`) || word.includes(`${image}:`) || word.includes(`${image}@`);
  // A pipeline of a group's project is a reason to look at what is below it.
  const isBelow = (word: string) => kind === 'gitlab' && (word === owner || word.startsWith(`${owner}/`));
  return firstOf([
    unsafeTag(tag),
    unsafeDigest(digest),
    unsafeLine(by, 200),
    isShop && !/^(v[01]\.|latest$|3\.13)/.test(tag) ? 'a tag that the stage does not take' : null,
    !isShop && !tag.startsWith('stable-') ? 'a tag that the stage does not take' : null,
    LISTED.includes(tag) || words.some((word) => word.includes(tag.toLowerCase())) ? null : 'a tag that nobody told of',
    words.some((word) => isEnd(word) || isBelow(word)) ? null : 'a repository that nobody told of',
    words.some((word) => word.includes(owner)) ? null : 'a repository of somebody else',
  ]);
}

function wordsIn(tree: unknown, found: string[] = []): string[] {
  if (typeof tree === 'string') found.push(tree.toLowerCase());
  if (typeof tree !== 'object' || tree === null) return found;
  for (const [key, value] of Object.entries(tree)) {
    found.push(key.toLowerCase());
    wordsIn(value, found);
  }
  return found;
}

export const webhookTargets: readonly Target[] = [{ name: 'webhook', share: 24, make, judge }];
