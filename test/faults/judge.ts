/** What is looked at when everything has settled: the engine, the front door and the records, each from the outside. */

import { type DeploymentRecord, isTerminal } from '../../packages/core/src/domain/records.js';
import { EVENT_STREAM, logStream, type StoredEvent, TERMINAL_EVENTS } from '../../packages/core/src/events/types.js';
import { unwrap } from '../../packages/core/src/index.js';
import { PROJECT, type Site } from './site.js';
import { answer } from './visitor.js';

export interface Judgement {
  /** Things that nobody owns any more. */
  readonly orphans: readonly string[];
  /** Things that should be there and are not, or that were left unfinished. */
  readonly lost: readonly string[];
}

const open = () => ({ signal: new AbortController().signal });

export async function judge(site: Site): Promise<Judgement> {
  const { docker } = site.ground.bench;
  const all = async <C extends Parameters<Site['records']['list']>[0]>(collection: C) =>
    (await unwrap(site.records.list(collection, {}, open()))).map(({ value }) => value);
  const [deployments, instances, routes, specs, journals, tasks] = await Promise.all([
    all('deployments'),
    all('instances'),
    all('routes'),
    all('specs'),
    all('journals'),
    all('tasks'),
  ]);
  const orphans: string[] = [];
  const lost: string[] = [];

  const label = [`dev.quayside.store=${site.deployer.storeId}`];
  const containers = await docker.listContainers({ all: true, filters: { label } });
  const deploymentOf = (container: (typeof containers)[number]) => container.Labels['dev.quayside.deployment'];
  for (const container of containers) {
    const instance = instances.find(({ id }) => id === deploymentOf(container));
    if (instance?.state !== 'running') orphans.push(`container ${container.Names[0]} (${container.State})`);
  }
  for (const { id, tag } of instances) {
    const container = containers.find((each) => deploymentOf(each) === id);
    if (container?.State !== 'running') lost.push(`the container of ${tag} ${id} is ${container?.State ?? 'gone'}`);
  }
  for (const network of await docker.listNetworks({ filters: { label } })) {
    const { Containers: attached } = (await docker.getNetwork(network.Id).inspect()) as { Containers?: object };
    if (Object.keys(attached ?? {}).length === 0) orphans.push(`network ${network.Name}`);
  }

  // Every domain that was ever wanted, through the front door; and what Nginx Proxy Manager itself has.
  const live = routes.filter(({ state }) => state === 'live');
  for (const route of routes) if (route.state !== 'live') orphans.push(`the record of ${route.id}, ${route.state}`);
  for (const { id, instance } of live) {
    const wanted = instances.find((each) => each.id === instance)?.tag;
    const said = await answer(site.frontDoor, id);
    if (said !== wanted) lost.push(`${id} should lead to ${wanted}, and says ${said}`);
  }
  const known = new Set(live.map(({ id }) => id));
  const wanted = new Set(specs.flatMap(({ spec }) => spec.routes.map(({ domain }) => domain)));
  for (const domain of wanted) {
    if (known.has(domain)) continue;
    const said = await answer(site.frontDoor, domain);
    if (specs.some(({ spec }) => spec.tag === said)) orphans.push(`the route ${domain} to ${said}`);
  }
  for (const host of site.npm?.records.hosts.values() ?? [])
    for (const domain of host.domain_names)
      if (!known.has(domain) && JSON.stringify(host.meta).includes(site.deployer.storeId))
        orphans.push(`the proxy host ${domain}`);

  for (const { id } of journals) orphans.push(`the open journal of ${id}`);
  for (const { kind, subject, lastError } of tasks)
    orphans.push(`the ${kind} task of ${subject}: ${lastError?.message ?? 'not tried yet'}`);
  const events = (await unwrap(site.records.read(EVENT_STREAM, { after: 0 }, open()))).map(
    ({ value }) => value as unknown as StoredEvent,
  );
  for (const deployment of deployments) lost.push(...(await unfinished(site, deployment, events)));
  return { orphans, lost };
}

/** Exactly one terminal status and event, the whole log, a helpful error, nothing left to clean. */
async function unfinished(
  site: Site,
  deployment: DeploymentRecord,
  events: readonly StoredEvent[],
): Promise<readonly string[]> {
  const { id, tag, status, error, cleanup } = deployment;
  const what = `${tag} ${id}`;
  if (!isTerminal(status)) return [`${what} is still ${status}`];
  const ends = events.filter(
    (event) =>
      (TERMINAL_EVENTS as readonly string[]).includes(event.type) &&
      'deployment' in event.payload &&
      event.payload.deployment.id === id,
  );
  const found: string[] = [];
  if (ends.length !== 1 || ends[0]?.type !== `deployment.${status}`)
    found.push(`${what} is ${status}, and its terminal events are ${ends.map(({ type }) => type).join() || 'none'}`);
  if (status === 'failed' && !(error && error.message.length > 10 && error.hint.length > 10))
    found.push(`the error of ${what} helps nobody: ${JSON.stringify(error)}`);
  if (cleanup === 'pending') found.push(`what ${what} has left is still to be removed: ${deployment.left.join(', ')}`);
  const log = await unwrap(site.records.read(logStream(id), { after: 0 }, open()));
  const broken = log.findIndex(({ seq }, index) => seq !== index + 1);
  if (log.length === 0 || broken >= 0)
    found.push(`the log of ${what} has ${log.length} entries and a gap at ${broken}`);
  return found;
}

/** Whether nothing is under way any more. */
export async function isSettled(site: Site): Promise<boolean> {
  const [tasks, journals, deployments] = await Promise.all([
    site.records.list('tasks', { limit: 1 }, open()),
    site.records.list('journals', { limit: 1 }, open()),
    site.records.list('deployments', {}, open()),
  ]);
  if (tasks.isErr() || journals.isErr() || deployments.isErr()) return false;
  const isOver = ({ status, cleanup }: DeploymentRecord) => isTerminal(status) && cleanup !== 'pending';
  return tasks.value.length + journals.value.length === 0 && deployments.value.every(({ value }) => isOver(value));
}

export const requestFor = (site: Site, tag: string) => ({ project: PROJECT, stage: site.stage, tag });
