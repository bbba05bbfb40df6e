/**
 * What is left after a death and its recovery, looked at from outside: the engine by its own API, the proxy by requests through its
 * front door, the store over a connection of its own.
 */
import {
  COLLECTION_INDEXES,
  type CollectionName,
  type Collections,
  isTerminal,
} from '../../packages/core/src/domain/records.js';
import { type StoredEvent, unwrap } from '../../packages/core/src/index.js';
import type { Store } from '../../packages/core/src/ports/store.js';
import type { Workbench } from '../support/engine.js';
import { ask } from '../support/front-door.js';
import { openStore } from '../support/store-at.js';
import type { Case } from './ground.js';
import type { Ended } from './instants.js';
import { DOMAIN, PROJECT } from './ports.js';
import { BROKEN, type World } from './scenarios.js';

/** What those that died had said. */
export interface Deaths {
  readonly accepted: readonly string[];
  /** Deployments whose end was committed, and answered, before the death. */
  readonly ended: readonly Ended[];
}

export interface Findings {
  /** Containers, networks, routes, claims that nobody answers for. */
  readonly orphans: readonly string[];
  /** Deployments without their one end, and what served and does no longer. */
  readonly lost: readonly string[];
  /** What should be settled and is not. */
  readonly unsettled: readonly string[];
}

type Records = { readonly [C in CollectionName]: readonly Collections[C][] };

interface Container {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly deployment: string;
  readonly tag: string;
}

export interface Sight {
  readonly records: Records;
  readonly events: readonly StoredEvent[];
  readonly containers: readonly Container[];
  readonly networks: readonly string[];
  /** Whether the engine has the image of the case's own. */
  readonly hasImage: boolean;
  /** Per domain that the stage may have: the version and the container that answered, or the status. */
  readonly answers: { readonly [domain: string]: { readonly version: string; readonly container: string } | number };
  /** Per deployment: what its log says, and whether its entries' numbers have no gap. */
  readonly logs: { readonly [deployment: string]: { readonly lines: readonly string[]; readonly isWhole: boolean } };
}

const LABEL = 'dev.quayside';
const TERMINAL = /^deployment\.(succeeded|unchanged|failed|cancelled|superseded|abandoned)$/;
const signal = new AbortController().signal;

export async function look(bench: Workbench, at: Case): Promise<Sight> {
  const store = openStore(at.place.store);
  try {
    const storeId = await unwrap(store.storeId({ signal }));
    const records = Object.fromEntries(
      await Promise.all(
        (Object.keys(COLLECTION_INDEXES) as CollectionName[]).map(async (name) => [name, await all(store, name)]),
      ),
    ) as Records;
    const events = (await stream(store, 'events')).map(({ seq, value }) => ({ seq, ...(value as object) }) as never);
    const logs = Object.fromEntries(
      await Promise.all(
        records.deployments.map(async ({ id }) => {
          const entries = await stream(store, `log:${id}`);
          const lines = entries.map(({ value }) => {
            const { step, message } = value as { readonly step: string | null; readonly message: string };
            return `${step ?? '-'}: ${message}`;
          });
          return [id, { lines, isWhole: entries.every(({ seq }, index) => seq === index + 1) }];
        }),
      ),
    );
    const filters = { label: [`${LABEL}.store=${storeId}`] };
    const listed = await bench.docker.listContainers({ all: true, filters });
    const networks = await bench.docker.listNetworks({ filters });
    const answers: Record<string, Sight['answers'][string]> = {};
    for (const domain of domainsOf(at)) answers[domain] = await answerOf(at, domain);
    return {
      records,
      events,
      logs,
      answers,
      hasImage: at.freshImage !== undefined && (await hasImage(bench, at.freshImage)),
      networks: networks.map(({ Name }) => Name),
      containers: listed.map(({ Id, Names, State, Labels }) => ({
        id: Id,
        name: Names[0]?.slice(1) ?? Id,
        state: State,
        deployment: Labels[`${LABEL}.deployment`] ?? '',
        tag: Labels[`${LABEL}.tag`] ?? '',
      })),
    };
  } finally {
    await store.close();
  }
}

async function all<C extends CollectionName>(store: Store, name: C): Promise<Collections[C][]> {
  return (await unwrap(store.list(name, {}, { signal }))).map(({ value }) => value);
}

const hasImage = (bench: Workbench, reference: string): Promise<boolean> =>
  bench.docker
    .getImage(reference)
    .inspect()
    .then(
      () => true,
      (error: { readonly statusCode?: number }) => {
        if (error.statusCode === 404) return false;
        throw error;
      },
    );

const stream = async (store: Store, name: string) => unwrap(store.read(name, { after: 0 }, { signal }));

const defaultDomain = (at: Case) => `stage-${at.stage}-${PROJECT}.${DOMAIN}`;
const taggedDomain = (at: Case, tag: string) => `stage-${at.stage}-${PROJECT}-${tag}.${DOMAIN}`;
const customDomains = (at: Case) =>
  (at.scenario.stage?.domains ?? []).map((domain) => domain.replace('{stage}', at.stage));

const domainsOf = (at: Case): string[] => [
  defaultDomain(at),
  ...customDomains(at),
  ...['v1', 'v2', 'v3', BROKEN, at.freshTag].map((tag) => taggedDomain(at, tag)),
];

async function answerOf(at: Case, domain: string): Promise<Sight['answers'][string]> {
  const { status, body } = await ask(at.frontDoor, domain, '/cgi-bin/env');
  const variable = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(body)?.[1];
  const version = variable('APP_VERSION');
  const container = variable('HOSTNAME');
  return status === 200 && version !== undefined && container !== undefined ? { version, container } : status;
}

/** @param prior deployments that were at their ends before the host began */
export function judge(at: Case, sight: Sight, prior: ReadonlySet<string>, deaths: Deaths): Findings {
  const orphans: string[] = [];
  const lost: string[] = [];
  const unsettled: string[] = [];
  const { records, containers, answers } = sight;
  const of = (world: World): World => ({
    serves: world.serves === null ? null : actualTag(at, world.serves),
    tags: world.tags.map((tag) => actualTag(at, tag)),
  });

  // Deployments: all that were accepted have their one end.
  for (const accepted of deaths.accepted)
    if (!records.deployments.some(({ id }) => id === accepted))
      lost.push(`deployment ${accepted} was accepted and is not there`);
  for (const { id, status } of deaths.ended) {
    const is = records.deployments.find((each) => each.id === id)?.status;
    if (is !== status) lost.push(`deployment ${id} had ended ${status}, and is ${is ?? 'gone'}`);
  }
  for (const { id, status, cleanup } of records.deployments) {
    const ends = sight.events.filter(
      (event) => TERMINAL.test(event.type) && (event.payload as { deployment: { id: string } }).deployment.id === id,
    );
    const isOver = isTerminal(status);
    if (!isOver && status !== 'queued') lost.push(`deployment ${id} is ${status}`);
    if (ends.length !== (isOver ? 1 : 0)) lost.push(`deployment ${id} is ${status} and has ${ends.length} last events`);
    if (isOver && ends[0] && ends[0].type !== `deployment.${status}`)
      lost.push(`deployment ${id} is ${status}, its last event ${ends[0].type}`);
    const log = sight.logs[id];
    if (isOver && !log?.isWhole) lost.push(`the log of deployment ${id} has gaps`);
    if (isOver && log?.lines.length === 0) lost.push(`the log of deployment ${id} is empty`);
    if (cleanup === 'pending') unsettled.push(`deployment ${id} has its cleanup pending`);
  }

  // The stage: as it was committed, or as it was before.
  const committed = isCommitted(at, sight, prior);
  const world = of(committed ? at.scenario.after : at.scenario.before);
  const wanted = new Map<string, string>();
  if (world.serves !== null)
    for (const domain of [defaultDomain(at), ...customDomains(at)]) wanted.set(domain, world.serves);
  for (const tag of world.tags) wanted.set(taggedDomain(at, tag), tag);
  const current = records.stages[0]?.current ?? null;
  for (const [domain, answer] of Object.entries(answers)) {
    const tag = wanted.get(domain);
    if (tag === undefined) {
      if (typeof answer !== 'number' || answer === 200) orphans.push(`${domain} still answers`);
    } else if (typeof answer === 'number') lost.push(`${domain} answers ${answer} in the place of ${tag}`);
    else {
      const container = containers.find(({ id }) => id.startsWith(answer.container));
      if (answer.version !== tag || container?.tag !== tag)
        lost.push(`${domain} answers ${answer.version} in the place of ${tag}`);
      else if (domain === defaultDomain(at) && container.deployment !== current)
        lost.push(`${domain} leads to ${container.deployment}, and current is ${current}`);
    }
  }

  // Everything that is there has a record, and every record has what it speaks of.
  for (const { name, deployment, state } of containers) {
    const instance = records.instances.find(({ id }) => id === deployment);
    if (!instance) orphans.push(`container ${name} (${state})`);
    else if (instance.state !== 'running') unsettled.push(`instance ${deployment} is ${instance.state}`);
    else if (state !== 'running') lost.push(`container ${name} is ${state}`);
  }
  const running = records.instances.filter(({ id }) => containers.some(({ deployment }) => deployment === id));
  for (const { id } of records.instances)
    if (!running.some((each) => each.id === id)) lost.push(`the container of ${id}`);
  if (containers.length !== world.tags.length)
    orphans.push(`${containers.length} containers in the place of ${world.tags.length}`);
  for (const { domain } of records.proxyRoutes)
    if (!records.routes.some(({ id, state }) => id === domain && state === 'live')) orphans.push(`route ${domain}`);
  for (const { id, state, instance } of records.routes) {
    if (state !== 'live') orphans.push(`the claim on ${id} is ${state}`);
    else if (!records.instances.some((each) => each.id === instance))
      orphans.push(`the claim on ${id} for ${instance}`);
  }
  if (sight.hasImage && !committed) orphans.push(`image ${at.freshImage}`);
  if (at.scenario.fresh === 'network' && sight.networks.length !== (world.tags.length > 0 ? 1 : 0))
    orphans.push(`${sight.networks.length} networks`);
  for (const { id, entries } of records.journals) unsettled.push(`the journal of ${id}: ${entries.map((e) => e.step)}`);
  for (const { kind, subject } of records.tasks) unsettled.push(`the task ${kind} of ${subject}`);
  return { orphans, lost, unsettled };
}

/** Whether what the host was doing has come to its commit, as the store says. */
function isCommitted(at: Case, { records }: Sight, prior: ReadonlySet<string>): boolean {
  if (at.scenario.action.do === 'remove') return records.stages.every(({ current }) => current === null);
  return records.deployments.some(({ id, status }) => !prior.has(id) && status === 'succeeded');
}

export const actualTag = (at: Case, tag: string): string => (tag === 'fresh' ? at.freshTag : tag);

/** What a second recovery must leave as it is: all but who is alive, who holds what, and that somebody has asked for it. */
export function still({ records, events, logs, containers, networks, hasImage: image, answers }: Sight): string {
  const { leases: _leases, proxyServers: _servers, audit: _asked, ...kept } = records;
  const told = events.filter(({ type }) => type !== 'audit.recorded').length;
  return JSON.stringify({ kept, events: told, logs, containers, networks, image, answers });
}
