/** Who was in whose way, and what is missing: judged by the world's own notes and by the store, over a connection of its own. */
import type { DeploymentRecord, StageRecord } from '../../packages/core/src/domain/records.js';
import { isTerminal } from '../../packages/core/src/domain/records.js';
import { type StoredEvent, unwrap } from '../../packages/core/src/index.js';
import type { Store } from '../../packages/core/src/ports/store.js';
import type { Effect, World } from './world.js';

export interface Judgement {
  readonly deployments: number;
  /** How they ended, for people. */
  readonly statuses: string;
  /** Two deployments of one stage that had an effect, or held the stage, at one time. */
  readonly overlaps: readonly string[];
  /** An accepted deployment without its one end, or an update that another one has undone. */
  readonly lost: readonly string[];
}

const TERMINAL = /^deployment\.(succeeded|unchanged|failed|cancelled|superseded|abandoned)$/;
const FOREVER = { signal: new AbortController().signal };

export async function judge(world: World, store: Store, accepted: readonly string[]): Promise<Judgement> {
  const deployments = await everything(store, 'deployments');
  const stages = await everything(store, 'stages');
  const events = await allEvents(store);
  return {
    deployments: deployments.length,
    statuses: [...grouped(deployments, ({ status }) => status)]
      .map(([status, all]) => `${all.length} ${status}`)
      .join(', '),
    overlaps: [...overlapsOf(world.effects, deployments), ...overlapsInHistory(events)],
    lost: [
      ...lostDeployments(accepted, deployments, events),
      ...lostUpdates(stages, deployments, events),
      ...(await lostInstances(world, store)),
    ],
  };
}

/** Whether nothing is under way or waiting any more. */
export async function isQuiet(store: Store): Promise<boolean> {
  for (const status of ['queued', 'running', 'rolling-back'] as const)
    if ((await unwrap(store.list('deployments', { where: { status }, limit: 1 }, FOREVER))).length > 0) return false;
  return (await unwrap(store.list('tasks', { limit: 1 }, FOREVER))).length === 0;
}

/**
 * What retires an instance works beside the next deployment, and may: it stops and removes what no route leads to. Everything else that
 * changes a stage is one deployment's at a time, and a domain is everybody's one at a time.
 */
const isExclusive = ({ method, domain }: Effect): boolean =>
  ['create', 'start', 'connect'].includes(method) || (method === 'put' && domain !== null);
const landing = ({ landedAt }: Effect): number => landedAt ?? Number.POSITIVE_INFINITY;
const atOnce = (a: Effect, b: Effect): boolean => a.sentAt < landing(b) && b.sentAt < landing(a);
const text = ({ host, method, stage, deployment, domain }: Effect): string =>
  `${host} ${method} ${domain ?? deployment ?? ''} on ${stage}`;

function overlapsOf(effects: readonly Effect[], deployments: readonly DeploymentRecord[]): string[] {
  const found: string[] = [];
  const byStage = grouped(effects, ({ stage }) => stage ?? '');
  for (const [stage, all] of byStage) {
    if (stage === '') continue;
    const inOrder = [...all].sort((a, b) => a.sentAt - b.sentAt);
    for (const [index, first] of inOrder.entries()) {
      for (let next = index + 1; next < inOrder.length; next += 1) {
        const second = inOrder[next] as Effect;
        if (second.sentAt >= landing(first)) break;
        if (first.host === second.host || !atOnce(first, second)) continue;
        const isOneStage = isExclusive(first) && isExclusive(second);
        const isOneDomain = first.domain !== null && first.domain === second.domain;
        if (isOneStage || isOneDomain) found.push(`${text(first)} and ${text(second)} at one time`);
      }
    }
    // From a deployment's first container call to its last no other one's may lie.
    const spans = [...grouped(all.filter(isOfContainer), ({ deployment }) => deployment ?? '')].map(
      ([deployment, own]) => ({
        deployment,
        from: Math.min(...own.map(({ sentAt }) => sentAt)),
        to: Math.max(...own.map(landing)),
      }),
    );
    spans.sort((a, b) => a.from - b.from);
    for (const [index, span] of spans.entries()) {
      const next = spans[index + 1];
      if (next && next.from < span.to)
        found.push(`${next.deployment} began on ${stage} before ${span.deployment} was through`);
      const record = deployments.find(({ id }) => id === span.deployment);
      if (record?.endedAt && record.endedAt < span.to)
        found.push(`${span.deployment} had an effect after its end on ${stage}`);
    }
  }
  return found;
}

const isOfContainer = ({ method, deployment }: Effect): boolean =>
  deployment !== null && ['create', 'start', 'connect'].includes(method);

/** In the order of commits: between a deployment's start and its end no other one of its stage starts or ends. */
function overlapsInHistory(events: readonly StoredEvent[]): string[] {
  const found: string[] = [];
  const running = new Map<string, string>();
  for (const event of events) {
    const isEnd = TERMINAL.test(event.type);
    if (!isEnd && event.type !== 'deployment.started') continue;
    const { id, stage } = (event.payload as { readonly deployment: { id: string; stage: string } }).deployment;
    const holds = running.get(stage);
    if (!isEnd) {
      if (holds !== undefined && holds !== id) found.push(`${id} started on ${stage} while ${holds} held it`);
      running.set(stage, id);
    } else if (holds === id) running.delete(stage);
  }
  return found;
}

function lostDeployments(
  accepted: readonly string[],
  deployments: readonly DeploymentRecord[],
  events: readonly StoredEvent[],
): string[] {
  const found: string[] = [];
  const ends = new Map<string, string[]>();
  for (const event of events) {
    if (!TERMINAL.test(event.type)) continue;
    const { id } = (event.payload as { readonly deployment: { id: string } }).deployment;
    ends.set(id, [...(ends.get(id) ?? []), event.type]);
  }
  const known = new Map(deployments.map((each) => [each.id, each]));
  for (const id of accepted) if (!known.has(id)) found.push(`${id} was accepted and is not there`);
  for (const { id, stage, status, host, group } of deployments) {
    const own = ends.get(id) ?? [];
    if (!isTerminal(status)) found.push(`${id} is still ${status} on ${stage}, with ${host} of ${group}`);
    else if (own.length !== 1 || own[0] !== `deployment.${status}`)
      found.push(`${id} is ${status}, its last events are ${own.join(', ') || 'none'}`);
  }
  return found;
}

/** Every success is one commit of its stage, and the newest of them is the current one. */
function lostUpdates(
  stages: readonly StageRecord[],
  deployments: readonly DeploymentRecord[],
  events: readonly StoredEvent[],
): string[] {
  const found: string[] = [];
  for (const { id, commits, currentDeployment } of stages) {
    const succeeded = deployments.filter(({ stageKey, status }) => stageKey === id && status === 'succeeded');
    if (commits !== succeeded.length) found.push(`${id} counts ${commits} commits of ${succeeded.length} successes`);
    const newest = events
      .filter(({ type }) => type === 'deployment.succeeded')
      .map(({ payload }) => (payload as { readonly deployment: { id: string } }).deployment.id)
      .filter((each) => succeeded.some((record) => record.id === each))
      .at(-1);
    if (newest !== undefined && newest !== currentDeployment)
      found.push(`${id} stands at ${currentDeployment}, and ${newest} committed last`);
  }
  return found;
}

/** The engine and the proxy have what the records say, and nothing else. */
async function lostInstances(world: World, store: Store): Promise<string[]> {
  const found: string[] = [];
  const instances = await everything(store, 'instances');
  const routes = await everything(store, 'routes');
  const runs = (id: string) =>
    [...world.engine.containers.values()].some(
      ({ spec, state }) => spec.owner.deployment === id && state === 'running',
    );
  for (const { id } of instances) if (!runs(id)) found.push(`the container of instance ${id}`);
  for (const { spec } of world.engine.containers.values())
    if (!instances.some(({ id }) => id === spec.owner.deployment)) found.push(`container ${spec.name} is nobody's`);
  for (const { id, instance, state } of routes) {
    const answer = world.proxy.request(id);
    if (state !== 'live' || answer.status !== 200 || answer.instance !== instance)
      found.push(`${id} is ${state}, leads to ${instance}, and is answered ${answer.status} by ${answer.instance}`);
  }
  for (const collection of ['journals', 'tasks'] as const)
    for (const { id } of await everything(store, collection)) found.push(`left in ${collection}: ${id}`);
  return found;
}

async function everything<C extends Parameters<Store['list']>[0]>(store: Store, collection: C) {
  const records = [];
  for (let after: string | undefined; ; ) {
    const page = await unwrap(store.list(collection, after === undefined ? {} : { after }, FOREVER));
    records.push(...page.map(({ value }) => value));
    after = page.at(-1)?.value.id;
    if (page.length < 1_000) return records;
  }
}

async function allEvents(store: Store): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for (;;) {
    const page = await unwrap(store.read('events', { after: events.at(-1)?.seq ?? 0 }, FOREVER));
    if (page.length === 0) return events;
    events.push(...page.map(({ seq, value }) => ({ seq, ...(value as object) }) as StoredEvent));
  }
}

function grouped<T>(items: readonly T[], key: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}
