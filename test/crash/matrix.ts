/**
 * The matrix: for each scenario a host passes its instants undisturbed and they are listed; then for each of them a host is killed
 * there, a fresh one recovers, and the engine, the proxy and the store are looked at from outside.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createDeployer, unwrap } from '../../packages/core/src/index.js';
import { startNode } from '../support/child.js';
import { inParallel } from '../support/parallel.js';
import type { StoreKind } from '../support/store-at.js';
import type { Case, Ground } from './ground.js';
import { actualTag, type Deaths, type Findings, judge, look, type Sight, still } from './inspect.js';
import type { Line } from './instants.js';
import { hostOptions, PROJECT } from './ports.js';
import type { Action, Scenario } from './scenarios.js';
import type { Errand, Told } from './survivor.js';
import type { Orders } from './victim.js';

/** Where a host is to die. */
interface Aim {
  readonly instant: string;
  /** Instants well behind it: whoever comes there has not passed it this time, and dies there. */
  readonly later: readonly string[];
}

export interface Point extends Aim {
  readonly scenario: Scenario;
  /** Of the one that dies before. */
  readonly first: Aim | undefined;
}

export interface Verdict extends Findings {
  readonly point: Point;
  readonly store: StoreKind;
  /** Where it died; undefined: it did not. */
  readonly diedAt: string | undefined;
  readonly survived: boolean;
  readonly notes: readonly string[];
}

/** Hosts that wait for a dead one's leases, take-over and all, and a machine that is busy. */
const CHILD_LIMIT_MS = 180_000;

/** Runs the scenario once, undisturbed, and lists its points. */
export async function pointsOf(ground: Ground, kind: StoreKind, scenario: Scenario): Promise<readonly Point[]> {
  const { deadBefore } = scenario;
  let first: Aim | undefined;
  if (deadBefore) {
    const passed = await passedBy(ground, kind, scenario, deadBefore.action, undefined);
    const instant = passed.filter((each) => deadBefore.at.test(each)).at(-1);
    if (instant === undefined) throw new Error(`${scenario.name}: nothing matches ${deadBefore.at} of ${passed}`);
    first = aimAt(instant, passed);
  }
  const passed = await passedBy(ground, kind, scenario, scenario.action, first);
  return chosenOf(scenario, distinct(passed)).map((instant) => ({ scenario, first, ...aimAt(instant, passed) }));
}

async function passedBy(ground: Ground, kind: StoreKind, scenario: Scenario, action: Action, first: Aim | undefined) {
  const at = await ground.open(kind, scenario);
  try {
    const prior = await prepare(at);
    const before = first && (await die(ground, at, scenario.deadBefore?.action ?? scenario.action, first));
    const { lines, how, errors } = await runVictim(ground, at, action, []);
    const passed = lines.find((line) => line.said === 'passed')?.instants ?? [];
    const deaths = deathsOf([...(before?.lines ?? []), ...lines]);
    const findings = judge(at, await look(ground.bench, at), prior, deaths);
    const found = action === scenario.action ? [...findings.orphans, ...findings.lost, ...findings.unsettled] : [];
    const end = lines.find((line) => line.said === 'ended')?.how;
    if (how !== 0 || passed.length === 0 || found.length > 0)
      throw new Error(`${scenario.name}, undisturbed: ${how} ${end ?? ''} ${found.join('; ')}\n${errors}`);
    return passed;
  } finally {
    await close(ground, at);
  }
}

/** What runs beside each other may come in another order the next time: so many instants are let pass. */
const TOLERANCE = 8;

/** Commits that come by the clock: renewals, beats, and lines of the log that waited long enough. One may not come in the next run. */
const isTimed = (instant: string): boolean =>
  /^(before|after) commit: (note|hosts|renew [a-z]+(, renew [a-z]+)*)( #|$)/.test(instant);

/**
 * Of those that come by the clock some find everything as an earlier one did: of lines of the log that are written the first is taken since
 * something else happened, and of beats, which change nothing but themselves, the first at all.
 */
function distinct(passed: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return passed.filter((instant) => {
    const kind = instant.replace(/ #\d+$/, '');
    if (!isTimed(instant)) for (const note of NOTES) seen.delete(note);
    if (isTimed(instant) && seen.has(kind)) return false;
    seen.add(kind);
    return true;
  });
}

const NOTES = ['before commit: note', 'after commit: note'];

function chosenOf({ points = {} }: Scenario, passed: readonly string[]): readonly string[] {
  const first = (pattern: RegExp | undefined, otherwise: number) => {
    const index = pattern ? passed.findIndex((each) => pattern.test(each)) : -1;
    return index < 0 ? otherwise : index;
  };
  const { from, until, matching = /./ } = points;
  return passed.slice(first(from, 0), first(until, passed.length)).filter((each) => matching.test(each));
}

function aimAt(instant: string, passed: readonly string[]): Aim {
  const behind = passed.slice(passed.indexOf(instant) + (isTimed(instant) ? 1 : TOLERANCE));
  return { instant, later: behind.filter((each) => !isTimed(each)) };
}

/** So many of them, each once. */
export function sampled(points: readonly Point[], count: number, random: () => number): readonly Point[] {
  const left = [...points];
  return Array.from({ length: Math.min(count, points.length) }, () =>
    left.splice(Math.floor(random() * left.length), 1),
  ).flat();
}

export interface BatchOptions {
  /** Hosts that work at once. */
  readonly width: number;
  /** Hosts that come after a dead one, at once: they wait for its leases most of the time. */
  readonly waitingWidth: number;
  readonly onVerdict: (verdict: Verdict) => void;
}

/** Kills a host at each of these points, lets one fresh process recover them all, and looks. */
export async function runBatch(
  ground: Ground,
  kind: StoreKind,
  points: readonly Point[],
  { width, waitingWidth, onVerdict }: BatchOptions,
): Promise<void> {
  const begun = await inParallel(points, width, (point) => begin(ground, kind, point));
  const dead = await inParallel(begun, points.some(({ first }) => first) ? waitingWidth : width, async (each) => {
    if (each.own) return { ...each, ...each.own, deaths: deathsOf(each.own.lines) };
    const { point, at, before } = each;
    const own = await die(ground, at, point.scenario.action, point);
    return { ...each, ...own, deaths: deathsOf([...(before?.lines ?? []), ...own.lines]) };
  });
  const cases = dead.map(({ at }) => at);
  const told = await recover(ground, cases);
  const seen = await inParallel(dead, width, async (each) => ({ ...each, sight: await look(ground.bench, each.at) }));
  await recover(ground, cases);
  await inParallel(seen, width, async ({ point, at, prior, deaths, diedAt, sight, notes }) => {
    const { orphans, lost, unsettled } = judge(at, sight, prior, deaths);
    const moved =
      still(await look(ground.bench, at)) === still(sight) ? [] : ['a second recovery has changed something'];
    const survived = diedAt !== undefined && [orphans, lost, unsettled, moved].every(({ length }) => length === 0);
    const why = survived ? [] : [...saidOf(told, at), ...logsOf(sight, prior)];
    const all = { orphans, lost, unsettled: [...unsettled, ...moved], notes: [...notes, ...why] };
    onVerdict({ ...all, point, store: kind, diedAt, survived });
    await close(ground, at);
  });
}

/** So often a case is begun anew whose first host did not die: a machine that was too busy for it is no reason to say anything of the point. */
const TRIES = 3;

/** Up to the first death. */
async function begin(ground: Ground, kind: StoreKind, point: Point) {
  const { scenario, first } = point;
  for (let tries = 1; ; tries += 1) {
    const at = await ground.open(kind, scenario);
    const prior = await prepare(at);
    const death = await die(ground, at, (first && scenario.deadBefore?.action) ?? scenario.action, first ?? point);
    if (death.diedAt !== undefined || tries === TRIES)
      return { point, at, prior, before: first && death, own: first ? undefined : death };
    await close(ground, at);
  }
}

/** What the deployments' own logs say, for whoever looks for the reason. */
const logsOf = ({ logs }: Sight, prior: ReadonlySet<string>): string[] =>
  Object.entries(logs)
    .filter(([id]) => !prior.has(id))
    .flatMap(([id, { lines }]) => lines.map((line) => `log of ${id}: ${line}`));

/** What has to be there before, done by a host that closes. Answers the ids of its deployments. */
async function prepare(at: Case): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  if (at.scenario.prior.length === 0) return ids;
  const deployer = await unwrap(createDeployer(hostOptions(at.place)));
  try {
    for (const action of at.scenario.prior) {
      const { tag } = named(at, action) as Extract<Action, { do: 'deploy' }>;
      const { id } = await unwrap(deployer.deploy({ project: PROJECT, stage: at.stage, tag }));
      ids.add(id);
    }
  } finally {
    await deployer.close();
  }
  return ids;
}

const named = (at: Case, action: Action): Action =>
  action.do === 'deploy' ? { ...action, tag: actualTag(at, action.tag) } : action;

async function die(ground: Ground, at: Case, action: Action, { instant, later }: Aim) {
  const { how, errors, lines } = await runVictim(ground, at, action, [instant, ...later]);
  const diedAt = how === 'SIGKILL' ? lines.find((line) => line.said === 'dies')?.at : undefined;
  return { lines, diedAt, notes: diedAt === undefined ? [`it has not died at "${instant}": ${how} ${errors}`] : [] };
}

async function runVictim(ground: Ground, at: Case, action: Action, dieAt: readonly string[]) {
  const orders: Orders = { place: at.place, stage: at.stage, action: named(at, action), dieAt };
  const file = join(ground.folder, `${at.id}.json`);
  await writeFile(file, JSON.stringify(orders));
  const child = startNode(['--enable-source-maps', ground.scripts.victim, file], CHILD_LIMIT_MS);
  const how = await child.ended;
  return { how, errors: child.errors(), lines: child.lines.map((line) => JSON.parse(line) as Line) };
}

const deathsOf = (lines: readonly Line[]): Deaths => ({
  accepted: lines.flatMap((line) => (line.said === 'accepted' ? [line.id] : [])),
  ended: lines.flatMap((line) => (line.said === 'dies' ? line.ended : [])),
});

/** What its recoveries have said of it. */
const saidOf = (told: readonly Told[], { id }: Case): string[] =>
  told
    .filter((each) => each.id === id)
    .flatMap(({ reports }) => reports.map((report) => `recovered: ${JSON.stringify(report)}`));

/** A fresh process that finds the places as the dead have left them. */
async function recover(ground: Ground, cases: readonly Case[]): Promise<readonly Told[]> {
  const errands: Errand[] = cases.map(({ id, place }) => ({ id, place }));
  const file = join(ground.folder, `errands-${cases[0]?.id}.json`);
  await writeFile(file, JSON.stringify(errands));
  const child = startNode(['--enable-source-maps', ground.scripts.survivor, file], CHILD_LIMIT_MS);
  const how = await child.ended;
  if (how !== 0) throw new Error(`The survivor has ended with ${how}: ${child.errors()}`);
  return child.lines.map((line) => JSON.parse(line) as Told);
}

async function close(ground: Ground, at: Case): Promise<void> {
  const { docker, prefix } = ground.bench;
  const label = [`dev.quayside.stage=${at.stage}`, `quayside.test=${prefix}`];
  for (const { Id } of await docker.listContainers({ all: true, filters: { label } }))
    await docker.getContainer(Id).remove({ force: true, v: true });
  await at.close();
}
