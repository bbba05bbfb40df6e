/** The promises, once the dust has settled: looked for in the engines, the proxies and the stores, not in what anybody says of them. */

import { EVENT_STREAM, isTerminal, logStream, type MemoryStore, type StoredEvent, TERMINAL_EVENTS } from './core.js';
import { isToHold } from './maintenance.js';
import { wrongMarks } from './plugin.js';
import { SECRET, type SimulatedWorld, storeIdOf } from './world.js';

const { signal } = new AbortController();
const FOREVER = { signal };

export async function brokenPromises(world: SimulatedWorld): Promise<string[]> {
  const broken: string[] = [];
  for (const [number, store] of world.stores.entries()) {
    const ledger = await readStore(store);
    broken.push(...inTheWorld(world, storeIdOf(number), ledger), ...inHistory(ledger));
    if (world.marks) broken.push(...wrongMarks(world.marks, ledger.deployments));
    if (ledger.text.includes(SECRET)) {
      const at = ledger.text.indexOf(SECRET);
      broken.push(`a secret is in the store: …${ledger.text.slice(Math.max(0, at - 200), at + 60)}…`);
    }
  }
  for (const { what, was, now } of world.strangers)
    if (now() !== was) broken.push(`${what} is nobody's business, was ${was} and is ${now()}`);
  const told = JSON.stringify(world.notifier.received);
  if (told.includes(SECRET)) broken.push('a secret is in a notification');
  return broken;
}

async function readStore(of: MemoryStore) {
  const store = of.connect();
  const all = async <C extends Parameters<MemoryStore['list']>[0]>(collection: C) =>
    (await store.list(collection, {}, FOREVER))._unsafeUnwrap().map(({ value }) => value);
  const read = async (stream: string) =>
    (await store.read(stream, { after: 0 }, FOREVER))._unsafeUnwrap().map(({ value }) => value);
  const deployments = await all('deployments');
  const logs = new Map<string, readonly unknown[]>();
  for (const { id } of deployments) logs.set(id, await read(logStream(id)));
  const ledger = {
    deployments,
    instances: await all('instances'),
    stages: await all('stages'),
    routes: await all('routes'),
    journals: await all('journals'),
    tasks: await all('tasks'),
    specs: await all('specs'),
    leases: await all('leases'),
    events: (await read(EVENT_STREAM)) as unknown as StoredEvent[],
    logs,
  };
  return { ...ledger, text: JSON.stringify({ ...ledger, logs: [...logs.values()] }) };
}

type Ledger = Awaited<ReturnType<typeof readStore>>;

function inTheWorld(
  world: SimulatedWorld,
  storeId: string,
  { instances, routes, stages, journals, tasks }: Ledger,
): string[] {
  const broken: string[] = [];
  const containers = world.engines.flatMap(({ engine }) => [...engine.containers.values()]);
  const isStranger = (what: string) => world.strangers.some((stranger) => stranger.what === what);
  const own = containers.filter(({ spec }) => spec.owner.storeId === storeId && !isStranger(spec.name));
  const { broken: ended, disturbed, lost } = world.overhearing;
  const runs = (id: string | null) =>
    own.some(({ spec, state }) => spec.owner.deployment === id && state === 'running');
  for (const { spec, state } of own) {
    const instance = instances.find(({ id }) => id === spec.owner.deployment);
    if (!instance) broken.push(`container ${spec.name} (${state}) is nobody's`);
    else if (instance.state !== 'running') broken.push(`instance ${instance.id} is still ${instance.state}`);
  }
  for (const { id } of instances)
    if (!runs(id) && !ended.has(id)) broken.push(`instance ${id} has no running container`);
  for (const { proxy, proxyIdentity } of world.engines) {
    for (const [domain, { mark, targets, holding }] of proxy.routes) {
      if (!mark?.startsWith(storeId) || isStranger(domain)) continue;
      const record = routes.find(({ id }) => id === domain);
      const stage = stages.find(({ id }) => id === record?.stageKey);
      const isHeld = isToHold(record, stage);
      const { status } = proxy.request(domain);
      if (record?.state === 'live' && !disturbed.has(domain) && !lost.has(record.instance ?? '')) {
        if (isHeld && holding === undefined) broken.push(`${domain} is in maintenance, and answers ${status}`);
        if (!isHeld && holding !== undefined) broken.push(`${domain} holds visitors, and is not in maintenance`);
      }
      if (targets.length > 1 && !disturbed.has(domain)) broken.push(`${domain} is still shared by ${targets.length}`);
      if (record?.state !== 'live')
        broken.push(`${domain} is at ${proxyIdentity}, and its record is ${record?.state ?? 'gone'}`);
      for (const { instance } of targets)
        if (!disturbed.has(domain) && !own.some(({ spec }) => spec.owner.deployment === instance))
          broken.push(`${domain} leads to ${instance}, which is gone`);
    }
  }
  for (const { id, instance, state, identity } of routes) {
    const proxy = world.engines.find((each) => each.proxyIdentity === identity)?.proxy;
    const by = proxy?.answerer(id) ?? null;
    if (state !== 'live') broken.push(`the record of ${id} is ${state}`);
    else if (disturbed.has(id) || (instance !== null && (lost.has(instance) || !runs(instance)))) continue;
    else if (by === null || by !== instance)
      broken.push(`${id} is ${instance}'s, and is answered by ${by ?? 'nobody'}`);
  }
  for (const { id, current } of stages) {
    if (current === null) continue;
    const defaults = routes.filter(({ stageKey, owner }) => stageKey === id && owner.kind !== 'tagged');
    for (const route of defaults)
      if (route.instance !== current) broken.push(`${route.id} leads to ${route.instance}, and ${current} is current`);
    if (!instances.some((instance) => instance.id === current)) broken.push(`${id}: its current instance is gone`);
  }
  for (const { id } of journals) broken.push(`the journal of ${id} is still open`);
  for (const task of tasks)
    if (task.kind !== 'notify') broken.push(`left to do: ${task.kind} ${task.subject} (${task.lastError?.message})`);
  return broken;
}

/** One terminal status, one terminal event that says the same, its log once, its steps ended. */
function inHistory({ deployments, events, logs }: Ledger): string[] {
  const broken: string[] = [];
  if (new Set(events.map(({ id }) => id)).size < events.length) broken.push('an event is in the stream twice');
  for (const { id, status, tag, cleanup, left, steps } of deployments) {
    const own = events.filter((event) => 'deployment' in event.payload && event.payload.deployment.id === id);
    const ends = own.filter(({ type }) => (TERMINAL_EVENTS as readonly string[]).includes(type));
    // What was only queued when its host died has nobody to run it yet.
    if (status === 'queued') continue;
    if (!isTerminal(status)) broken.push(`deployment ${id} (${tag}) is ${status}`);
    else if (ends.length !== 1 || ends[0]?.type !== `deployment.${status}`)
      broken.push(`deployment ${id} is ${status}, and its terminal events are [${ends.map(({ type }) => type)}]`);
    if (own.filter(({ type }) => type === 'deployment.queued').length !== 1) broken.push(`${id} was not queued once`);
    if (cleanup === 'pending') broken.push(`the cleanup of ${id} is pending: ${left.join()}`);
    if (status === 'succeeded' && steps.some((step) => step.status !== 'done'))
      broken.push(`${id} succeeded with steps ${steps.map((step) => `${step.name} ${step.status}`).join()}`);
    const texts = (logs.get(id) ?? []).map((entry) => JSON.stringify(entry));
    const twice = texts.filter((text, index) => texts.indexOf(text) !== index && !/Attempt|Undoing/.test(text));
    if (twice.length > 0) broken.push(`${id} logged twice: ${twice.join()}`);
  }
  return broken;
}
