/**
 * Calls of the API: paths, queries, headers and bodies, made of good ones. The deployer behind it notes what reaches it: that has to be allowed,
 * meant, and plain; and no answer shows what belongs to a project that the caller may not see.
 */
import { errAsync, okAsync } from 'neverthrow';
import { type Ask, apiHandler } from '../../../packages/api-adapter/src/index.js';
import { routes } from '../../../packages/api-adapter/src/routes/index.js';
import type { Deployer } from '../../../packages/core/src/index.js';
import type { Registry } from '../../../packages/core/src/ports.js';
import { type Dice, mutatedText, mutatedTree } from '../mutate.js';
import {
  firstOf,
  strangePrototype,
  unsafeAnswer,
  unsafeLine,
  unsafeTag,
  unsafeVariable,
  type Verdict,
} from '../oracles.js';
import type { Target } from '../target.js';

const SHOP = '01k6v1c9q0n2f7shop';
const BLOG = '01k6v1c9q0n2f7blog';
/** Stands in everything that is of the project that the caller may not see. */
const FOREIGN = 'foreign-canary';

const record = (id: string) => {
  const isShop = id === SHOP;
  return {
    id,
    project: isShop ? 'shop' : 'blog',
    stage: isShop ? 'dev' : 'prod',
    tag: isShop ? 'v1' : FOREIGN,
    endedAt: 1,
  };
};
const page = okAsync({ items: [record(SHOP), record(BLOG)], next: null });

interface Call {
  readonly name: string;
  readonly args: readonly unknown[];
}
let calls: Call[] = [];
let asks: Ask[] = [];

/** Answers as one that has a deployment and an instance of each project. */
const noting =
  (name: string, answer: (...args: never[]) => unknown) =>
  (...args: unknown[]) => {
    calls.push({ name, args });
    return answer(...(args as never[]));
  };
const found = (id: string) =>
  id === SHOP || id === BLOG
    ? okAsync(record(id))
    : errAsync({ kind: 'unknown-deployment', message: 'There is none.', hint: 'Look.', retryable: false });
/** Of a stream: what is behind the place that is asked for. */
const entries = async function* (...args: readonly unknown[]) {
  const { after = 0 } = (args.at(-1) ?? {}) as { after?: number };
  const all = [
    { seq: 1, id: 'a', type: 'x', time: 1, payload: { deployment: record(SHOP) }, message: 'shop' },
    { seq: 2, id: 'b', type: 'x', time: 1, payload: { deployment: record(BLOG) }, message: 'shop' },
  ];
  yield* all.filter(({ seq }) => seq > after);
};
/** Of one record: whose it is, the caller has asked for. */
const ownEntries = async function* (id: string, options: object) {
  for await (const { payload: _payload, ...entry } of entries(options))
    yield { ...entry, text: id === BLOG ? FOREIGN : 'shop' };
};
const DEEDS = ['submit', 'submitRollBack', 'remove', 'cancel', 'pin', 'unpin', 'maintenance'];
const deployer = {
  submit: noting('submit', () => okAsync({ id: SHOP })),
  submitRollBack: noting('submitRollBack', () => okAsync({ id: SHOP })),
  plan: noting('plan', () => okAsync({ action: 'create' })),
  remove: noting('remove', () => okAsync({ instances: [] })),
  cancel: noting('cancel', (id: string) => okAsync({ deployment: record(id), state: 'cancelled' })),
  pin: noting('pin', found),
  unpin: noting('unpin', found),
  maintenance: noting('maintenance', ({ project, stage }: { project: string; stage: string }) =>
    okAsync({ project, stage, current: null, previous: null, maintenance: null }),
  ),
  logs: noting('logs', ownEntries),
  events: noting('events', entries),
  instanceLogs: noting('instanceLogs', ownEntries),
  deployments: { list: noting('list', () => page), get: noting('get', found) },
  instances: { list: noting('list', () => page), get: noting('get', found) },
  stages: { list: noting('list', () => page) },
  routes: { list: noting('list', () => page) },
  audit: { list: noting('list', () => page) },
} as unknown as Deployer;

const PROJECTS = {
  shop: { image: 'registry.test/shop', stages: { dev: { port: 3000 } } },
  blog: { image: `registry.test/${FOREIGN}`, stages: { prod: { port: 3000 } } },
};
const handler = apiHandler({
  deployer,
  projects: PROJECTS,
  registry: { name: 'fuzz', resolve: () => okAsync({ digest: '' }), tags: () => okAsync(['v1', 'v2']) } as Registry,
  bodyLimit: '8k',
  // Ends a stream that a call opened, after what there is.
  heartbeat: '1s',
  authorize: (request, ask) => {
    asks.push(ask);
    if (request.headers.get('authorization') !== 'Bearer ann') return null;
    const { project, action } = ask;
    return (project === undefined && action !== 'read-store') || project === 'shop' ? { by: 'ann' } : 'forbidden';
  },
})._unsafeUnwrap();

interface Sent {
  readonly path: string;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string | null;
}

const BODIES: { readonly [path: string]: unknown } = {
  '/plan': { project: 'shop', stage: 'dev', tag: 'v1', env: { A: 'b' } },
  '/deployments': {
    project: 'shop',
    stage: 'dev',
    tag: 'v1',
    digest: `sha256:${'0'.repeat(64)}`,
    force: true,
    env: { LOG: 'debug' },
    policy: 'supersede',
    idempotencyKey: 'k1',
  },
  '/rollbacks': { project: 'shop', stage: 'dev', to: 'v1', force: false },
  '/deployments/{id}/cancel': { reason: 'wrong version' },
  '/projects/{project}/stages/{stage}/maintenance': { message: 'Back at noon.', retryAfterMs: 60_000 },
};
const QUERIES = [
  'project=shop',
  'stage=dev',
  'limit=10',
  'cursor=abc',
  'after=1',
  'follow=0',
  'tail=5',
  'status=failed',
  'project=blog',
];

function make(roll: Dice, others: readonly unknown[]): Sent {
  const route = roll.pick(routes);
  const part = (text: string) => (roll.chance(0.15) ? escaped(roll, mutatedText(roll, text)) : text);
  let path = `/v1${route.path}`
    .replace('{id}', () => part(roll.pick([SHOP, SHOP, BLOG])))
    .replace('{project}', () => part(roll.pick(['shop', 'shop', 'blog'])))
    .replace('{stage}', () => part('dev'));
  const query = QUERIES.filter(() => roll.chance(0.12)).map((each) =>
    roll.chance(0.2) ? mutatedText(roll, each) : each,
  );
  if (query.length > 0) path += `?${query.join('&')}`;
  if (roll.chance(0.12)) path = mutatedText(roll, path);
  const headers = new Map([['authorization', 'Bearer ann']]);
  if (route.body !== null) headers.set('content-type', 'application/json');
  if (roll.chance(0.2)) headers.set('idempotency-key', mutatedText(roll, 'k1'));
  if (roll.chance(0.15))
    headers.set(
      'last-event-id',
      roll.chance(0.5) ? roll.pick(['1', '0', '999999', '-1', '1e3']) : mutatedText(roll, '12'),
    );
  if (roll.chance(0.15))
    headers.set('accept', roll.chance(0.5) ? 'application/json' : mutatedText(roll, 'text/event-stream'));
  if (roll.chance(0.1))
    headers.set(
      'origin',
      roll.pick(['https://evil.test', 'null', 'http://host.test', mutatedText(roll, 'http://host.test')]),
    );
  if (roll.chance(0.1))
    headers.set(
      'sec-fetch-site',
      roll.pick(['cross-site', 'same-site', 'same-origin', 'none', mutatedText(roll, 'same-origin')]),
    );
  if (roll.chance(0.06))
    headers.set('content-type', roll.pick(['text/plain', 'application/jsonp', mutatedText(roll, 'application/json')]));
  if (roll.chance(0.06)) headers.set('authorization', mutatedText(roll, 'Bearer ann'));
  const method = roll.chance(0.08)
    ? roll.pick(['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'])
    : route.method;
  return { path, method, headers: [...headers], body: bodyOf(roll, BODIES[route.path], others) };
}

function bodyOf(roll: Dice, tree: unknown, others: readonly unknown[]): string | null {
  if (tree === undefined) return roll.chance(0.05) ? '{}' : null;
  if (roll.chance(0.01)) return `${'['.repeat(3_000)}${']'.repeat(3_000)}`;
  if (roll.chance(0.01)) return `{${Array.from({ length: 900 }, (_, at) => `"${at}":1`).join()}}`;
  const text =
    JSON.stringify(roll.chance(0.6) ? mutatedTree(roll, tree, others) : tree, (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    ) ?? '';
  return roll.chance(0.1) ? mutatedText(roll, text) : text;
}

const escaped = (roll: Dice, text: string): string => {
  if (roll.chance(0.3)) return text;
  const coded = encodeURIComponent(text.replace(/\p{Cs}/gu, ''));
  return roll.chance(0.2) ? encodeURIComponent(coded) : coded;
};

async function judge(sent: Sent): Promise<Verdict> {
  const request = requestOf(sent);
  if (!request) return null;
  calls = [];
  asks = [];
  const response = await handler.fetch(request);
  const isStream = response.headers.get('content-type') === 'text/event-stream' && response.body !== null;
  const text = isStream ? await beginningOf(response) : await response.text();
  const deeds = calls.filter(({ name }) => DEEDS.includes(name));
  return firstOf([
    response.status >= 500 && response.status !== 501 ? `an answer ${response.status}: ${text.slice(0, 200)}` : null,
    isStream ? null : unsafeAnswer(text),
    text.includes(FOREIGN) ? 'something of another project' : null,
    calls.length > 0 && !new URL(request.url).pathname.startsWith('/v1/') ? 'a path that is none of ours' : null,
    calls.length > 0 && request.headers.get('authorization') !== 'Bearer ann' ? 'a caller whom nobody knows' : null,
    deeds.length > 0 ? unsafeDeed(request) : null,
    ...asks.map(unsafeAsk),
    ...calls.map(unsafeCall),
    unsafeLocation(response.headers.get('location')),
  ]);
}

function requestOf({ path, method, headers, body }: Sent): Request | undefined {
  try {
    const hasBody = body !== null && method !== 'GET' && method !== 'HEAD';
    return new Request(new URL(path, 'http://host.test'), {
      method,
      headers: new Headers(headers as [string, string][]),
      ...(hasBody ? { body } : {}),
    });
  } catch {
    // No client can send it.
    return undefined;
  }
}

/** Two portions of a stream have all that there is: that it is open, and its entries. */
async function beginningOf(response: Response): Promise<string> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let text = '';
  const decoder = new TextDecoder();
  for (let portion = 0; portion < 2; portion += 1) {
    const read = await Promise.race([reader.read(), settled()]);
    if (!read || read.done) break;
    text += decoder.decode(read.value);
  }
  await reader.cancel();
  return text;
}

/** Behind everything that can happen without waiting. */
const settled = (): Promise<undefined> =>
  new Promise((resolve) => setImmediate(() => setImmediate(() => resolve(undefined))));

/** What changes something comes as JSON, where it has a body, and from no other site. */
function unsafeDeed(request: Request): Verdict {
  const { headers, method } = request;
  const readsBody = method === 'POST' || (method === 'PUT' && new URL(request.url).pathname.endsWith('/maintenance'));
  const site = headers.get('sec-fetch-site');
  const origin = headers.get('origin');
  const isSame =
    site === 'same-origin' || site === 'none' || (site === null && (origin === null || hostOf(origin) === 'host.test'));
  return firstOf([
    ['POST', 'PUT', 'DELETE'].includes(method) ? null : 'a change by a method that changes nothing',
    isSame ? null : 'a change that another site asked for',
    !readsBody || /^application\/json\s*(;|$)/i.test(headers.get('content-type') ?? '') ? null : 'a form',
  ]);
}

const hostOf = (origin: string): string => (URL.canParse(origin) ? new URL(origin).host : '');

/** What a host is asked it may write into its log. */
const unsafeAsk = ({ project, stage }: Ask): Verdict =>
  firstOf(
    [project, stage].map((name) => (name === undefined ? null : unsafeLine(name, 1_000) && 'a name that is no line')),
  );

function unsafeCall({ name, args }: Call): Verdict {
  const [first, second] = args as [unknown, unknown];
  const isRequest = typeof first === 'object' && first !== null;
  const given = (isRequest ? first : {}) as Record<string, unknown>;
  const options = (isRequest ? {} : (second ?? {})) as Record<string, unknown>;
  const { signal: _signal, ...plain } = given;
  const isDeed = DEEDS.includes(name) || name === 'plan';
  const line = (value: unknown, max: number) => (value === undefined ? null : unsafeLine(value, max));
  return firstOf([
    strangePrototype(plain),
    isDeed && given['project'] !== undefined && given['project'] !== 'shop' ? 'a deed in another project' : null,
    isDeed && first === BLOG ? 'a deed to a record of another project' : null,
    ['logs', 'instanceLogs'].includes(name) && first === BLOG ? 'a log of another project' : null,
    typeof first === 'string' && !/^[0-9A-Za-z_.-]{1,128}$/.test(first) ? 'an id that is none' : null,
    line(given['project'], 100),
    line(given['stage'], 100),
    line(given['cursor'], 400),
    line(given['by'] ?? options['by'], 200),
    line(options['reason'], 200),
    given['tag'] === undefined ? null : unsafeTag(given['tag']),
    given['to'] === undefined ? null : unsafeTag(given['to']),
    isDeed && given['by'] !== undefined && given['by'] !== 'ann' ? 'somebody else who is said to have asked' : null,
    ...Object.entries((given['env'] ?? {}) as object).map(([key, value]) => unsafeVariable(key, value)),
  ]);
}

const unsafeLocation = (location: string | null): Verdict =>
  location === null || /^\/v1\/deployments\/[0-9a-z]{18}$/.test(location) ? null : 'a location that is none of ours';

export const apiTargets: readonly Target[] = [{ name: 'call of the API', share: 24, make, judge }];
