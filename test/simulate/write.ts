/**
 * Writes the script of a seed: a small world, a few requests, and what goes wrong meanwhile. Each seed leaves some kinds of fault out, so
 * that a loud one cannot mask the others, and draws how frequent the others are.
 */
import type { AppBehaviour } from './core.js';
import { type Dice, dice } from './dice.js';
import { TAGS, writeRequests } from './requests.js';
import {
  COMPONENTS,
  FAULTS,
  type Fault,
  type HostPlan,
  type Item,
  type Moment,
  type Script,
  type StagePlan,
  type Timing,
} from './script.js';

const PROJECTS = ['shop', 'blog'] as const;

/** Short, so that a lease expires within a few looks, and renewed as late as an effect allows: there is little to spare. */
const TIMINGS: readonly Timing[] = [
  {
    ttlMs: 5_000,
    renewMs: 2_200,
    effectTimeoutMs: 1_500,
    undoTimeoutMs: 6_000,
    absentForMs: 500,
    abandonAfterMs: 15_000,
  },
  {
    ttlMs: 8_000,
    renewMs: 3_500,
    effectTimeoutMs: 3_000,
    undoTimeoutMs: 12_000,
    absentForMs: 1_000,
    abandonAfterMs: 30_000,
  },
];

export function writeScript(seed: number): Script {
  const chance = dice(seed);
  const stores = chance.has('stores', 0.15) ? 2 : 1;
  const engines = chance.has('engines', 0.15) ? 2 : 1;
  const stages = writeStages(chance, stores, engines);
  const hosts = writeHosts(chance, stages);
  const latencyMs = chance.pick('latency', [0, 0, 2, 20]);
  const items = [
    ...writeRequests(chance, { hosts, stages, latencyMs }),
    ...writeTrouble(chance, hosts, engines, stores),
    ...writeWorld(chance, stages, engines),
  ];
  return {
    seed,
    timing: chance.pick('timing', TIMINGS),
    stores,
    engines,
    proxies: Array.from({ length: engines }, (_, number) => ({
      writes: chance.has(`proxy ${number} serial`, 0.3) ? 'serial' : 'parallel',
      acceptsUnready: !chance.has(`proxy ${number} ready`, 0.3),
      weights: canWeigh(chance, number),
    })),
    hosts,
    stages,
    tags: Object.fromEntries(TAGS.map((tag) => [tag, writeBehaviour(chance, tag)])),
    odds: writeOdds(chance),
    latencyMs,
    hasStrangers: chance.has('strangers', 0.15),
    deploysInTheEnd: chance.has('deploys in the end', 0.12),
    items,
  };
}

const canWeigh = (chance: Dice, engine: number): boolean => chance.has(`proxy ${engine} weights`, 0.5);

/** Short shares, so that much else happens amid them; some are judged, by what the referee asks for. */
function writeShares(chance: Dice, of: (what: string) => string): StagePlan['options'][number] {
  const abortOn = { errorRate: 0.3, minRequests: 10, windowMs: 300 };
  const steps = [
    { weight: 20, holdMs: 700 },
    { weight: 60, holdMs: 1_100 },
  ];
  return { cutover: { steps, ...(chance.has(of('judged'), 0.5) ? { abortOn } : {}) } };
}

function writeStages(chance: Dice, stores: number, engines: number): StagePlan[] {
  const stages: StagePlan[] = [];
  for (let number = 0; number < Math.max(stores, engines, chance.pick('stages', [1, 1, 1, 2])); number += 1) {
    const of = (what: string) => `stage ${number} ${what}`;
    const project = PROJECTS[number % 2] ?? 'shop';
    const isStopFirst = chance.has(of('stop-first'), 0.15);
    const hasPort = !chance.has(of('no port'), 0.08);
    const basis = {
      ...(hasPort ? { port: 3000 } : {}),
      ...(isStopFirst ? { replace: 'stop-first' } : { maxInstances: chance.whole(of('instances'), 1, 3) }),
      ...(hasPort ? writeHealth(chance, of) : {}),
      ...(hasPort && !isStopFirst && canWeigh(chance, number % engines) && chance.has(of('shares'), 0.5)
        ? writeShares(chance, of)
        : {}),
      ...(chance.has(of('networks'), 0.2) ? { networks: [`net-${project}`, 'apps'] } : {}),
      ...(chance.has(of('missing'), 0.2) ? { pull: 'missing' } : {}),
    };
    const domains = hasPort && chance.has(of('domains'), 0.35);
    const first = domains ? { ...basis, domains: [`www.${project}.test`, `old.${project}.test`] } : basis;
    const second = {
      ...basis,
      ...(domains ? { domains: [`www.${project}.test`, `new.${project}.test`] } : {}),
      ...(isStopFirst ? {} : { maxInstances: chance.whole(of('later instances'), 1, 3) }),
      labels: { version: '2' },
    };
    stages.push({
      project,
      stage: 'dev',
      store: number % stores,
      engine: number % engines,
      options: [first, second],
    });
  }
  return stages;
}

/** Some wait for an app that takes longer to start than a lease lasts unrenewed. */
function writeHealth(chance: Dice, of: (what: string) => string): StagePlan['options'][number] {
  if (chance.has(of('tcp'), 0.15)) return { healthcheck: { kind: 'tcp' } };
  return chance.has(of('slow start'), 0.15) ? { healthcheck: { startPeriod: 9_500 } } : {};
}

function writeHosts(chance: Dice, stages: readonly StagePlan[]): HostPlan[] {
  const hosts: HostPlan[] = [];
  const isGroup = chance.has('group', 0.5);
  for (const { store, engine } of stages) {
    if (hosts.some((host) => host.store === store && host.engine === engine)) continue;
    const count = chance.pick(`hosts ${store} ${engine}`, [1, 2, 2, 3]);
    for (let number = 0; number < count; number += 1) {
      const name = `h${hosts.length + 1}`;
      const of = (what: string) => `${name} ${what}`;
      hosts.push({
        name,
        kind: chance.has(of('command'), 0.3) ? 'command' : 'service',
        store,
        engine,
        wallMs: chance.has(of('skewed'), 0.3) ? chance.whole(of('wall'), -120_000, 120_000) : 0,
        beganMs: chance.whole(of('began'), 0, 1_000_000),
        rate: chance.has(of('drifts'), 0.3) ? 0.99 + 0.02 * chance.roll(of('rate')) : 1,
        hasKey: !chance.has(of('no key'), 0.2),
        group: isGroup && !chance.has(of('alone'), 0.2) ? `workers-${engine}` : null,
        recovers: chance.has(of('manual'), 0.3) ? 'manual' : 'on-start',
        watches: chance.has(of('watches'), 0.25) ? chance.pick(of('put-back'), ['report', 'put-back'] as const) : null,
        notifies: chance.has(of('notifies'), 0.15),
        restartAfterMs: chance.pick(of('restart'), [100, 1_000, 5_000]),
      });
    }
  }
  return hosts;
}

function writeBehaviour(chance: Dice, tag: string): AppBehaviour | null {
  const of = (what: string) => `${tag} ${what}`;
  const kind = chance.roll(of('kind'));
  if (kind < 0.5) return {};
  if (kind < 0.7) return { listensAfterMs: chance.whole(of('listens'), 1, 500) };
  if (kind < 0.73) return { listensAfterMs: chance.whole(of('listens late'), 5_500, 9_000) };
  if (kind < 0.75) return { listensAfterMs: null };
  if (kind < 0.8) return { status: 500 };
  if (kind < 0.85) return { exitsAfterMs: chance.whole(of('exits'), 1, 150), exitCode: 3 };
  if (kind < 0.9) return { startFails: `exec of ${tag} failed` };
  if (kind < 0.93) return { connection: chance.pick(of('connection'), ['hangs', 'resets'] as const) };
  if (kind < 0.97) return null;
  return { exitsAfterMs: chance.whole(of('exits late'), 1_000, 9_000), oomKilled: true, exitCode: 137 };
}

function writeOdds(chance: Dice): Script['odds'] {
  const odds: { [F in Fault]?: number } = {};
  // A quarter of the seeds has none at all: what a kill does can be seen there undisturbed.
  if (chance.has('no faults', 0.25)) return odds;
  for (const fault of FAULTS) {
    if (!chance.has(`has ${fault}`, 0.4)) continue;
    // From one in seven hundred calls to one in twenty.
    odds[fault] = 0.0014 * 35 ** chance.roll(`odds of ${fault}`);
  }
  return odds;
}

const MOMENTS: readonly Moment[] = ['before', 'sent', 'answered'];

/** Deaths, stalls, partitions, outages, lies and clocks that jump; most seeds have a few of them. */
function writeTrouble(chance: Dice, hosts: readonly HostPlan[], engines: number, stores: number): Item[] {
  const items: Item[] = [];
  const times = (what: string, odds: number, most: number): number[] => {
    if (!chance.has(`has ${what}`, odds)) return [];
    return Array.from({ length: chance.whole(`number of ${what}`, 1, most) }, (_, number) => number + 1);
  };
  const at = (name: string) => chance.whole(`${name} at`, 0, 5_000);
  const call = (name: string) => Math.floor(120 ** chance.roll(`${name} call`));
  for (const number of times('kills', 0.45, 2)) {
    const id = `kill${number}`;
    const host = chance.pick(`${id} host`, hosts).name;
    if (chance.has(`${id} by time`, 0.2)) items.push({ id, kind: 'kill-at', host, atMs: at(id) });
    else {
      // At an effect: of what a later request has changed at the engine and the proxy, too, somebody else takes care.
      const isAtEffect = chance.has(`${id} at effect`, 0.3);
      items.push({
        id,
        kind: 'kill',
        host,
        life: chance.pick(`${id} life`, [1, 1, 1, 2]),
        of: isAtEffect ? 'effects' : 'calls',
        call: isAtEffect ? chance.whole(`${id} effect`, 1, 20) : call(id),
        when: chance.pick(`${id} when`, MOMENTS),
      });
    }
  }
  for (const number of times('stalls', 0.25, 2)) {
    const id = `stall${number}`;
    // At an effect, for about as long as a lease lasts: its holder wakes up when somebody else has it, or is about to.
    const isAtEffect = chance.has(`${id} at effect`, 0.5);
    items.push({
      id,
      kind: 'stall',
      host: chance.pick(`${id} host`, hosts).name,
      life: 1,
      of: isAtEffect ? 'effects' : 'calls',
      call: isAtEffect ? chance.whole(`${id} effect`, 1, 6) : call(id),
      when: chance.pick(`${id} when`, MOMENTS),
      ms: isAtEffect ? chance.whole(`${id} for`, 3_000, 10_000) : chance.pick(`${id} ms`, [500, 6_000, 12_000]),
    });
  }
  for (const number of times('partitions', 0.2, 2)) {
    const id = `cut${number}`;
    const host = chance.pick(`${id} host`, hosts).name;
    items.push({
      id,
      kind: 'partition',
      host,
      from: chance.pick(`${id} from`, COMPONENTS),
      atMs: at(id),
      ms: lasting(chance, id),
    });
  }
  for (const number of times('outages', 0.2, 1)) {
    const id = `out${number}`;
    const of = chance.pick(`${id} of`, COMPONENTS);
    const which = chance.whole(`${id} which`, 0, (of === 'store' ? stores : engines) - 1);
    items.push({ id, kind: 'outage', of, number: which, atMs: at(id), ms: lasting(chance, id) });
  }
  for (const number of times('lies', 0.12, 1)) {
    const id = `lie${number}`;
    items.push({
      id,
      kind: 'lie',
      proxy: chance.whole(`${id} proxy`, 0, engines - 1),
      atMs: at(id),
      ms: lasting(chance, id),
    });
  }
  for (const number of times('jumps', 0.15, 1)) {
    const id = `jump${number}`;
    const host = chance.pick(`${id} host`, hosts).name;
    items.push({ id, kind: 'wall-clock', host, atMs: at(id), ms: chance.whole(`${id} ms`, -3_600_000, 3_600_000) });
  }
  return items;
}

/** What the world does to what runs; most seeds have none of it. */
function writeWorld(chance: Dice, stages: readonly StagePlan[], engines: number): Item[] {
  const items: Item[] = [];
  const kinds = ['crash', 'removed-by-hand', 'route-by-hand', 'engine-restart'] as const;
  for (const kind of kinds) {
    if (!chance.has(`has ${kind}`, 0.07)) continue;
    const atMs = chance.whole(`${kind} at`, 500, 6_000);
    if (kind === 'engine-restart')
      items.push({ id: kind, kind, atMs, engine: chance.whole(`${kind} engine`, 0, engines - 1) });
    else {
      const stage = chance.whole(`${kind} stage`, 0, stages.length - 1);
      items.push({ id: kind, kind, atMs, stage, which: chance.whole(`${kind} which`, 0, 2) });
    }
  }
  return items;
}

const lasting = (chance: Dice, id: string): number => chance.pick(`${id} lasts`, [300, 2_000, 6_000]);
