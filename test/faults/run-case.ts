/** Runs one case to its end, and says what did not survive. */
import type { Deployment } from '../../packages/core/src/domain/views.js';
import { type DeployError, type Deployer, unwrap } from '../../packages/core/src/index.js';
import { eventually } from '../support/engine.js';
import type { FaultCase } from './case.js';
import { type Ground, IMAGES } from './ground.js';
import { isSettled, type Judgement, judge, requestFor } from './judge.js';
import { openSite, type Site } from './site.js';
import { answer, type Visitor, visit } from './visitor.js';

export interface Verdict {
  readonly name: string;
  readonly tookMs: number;
  /** How the deployment ended, for people. */
  readonly ended: string;
  /** Why it has not survived; empty: it has. */
  readonly problems: readonly string[];
  readonly orphans: readonly string[];
  readonly lost: readonly string[];
  /** Of the deployment, where it has not survived. */
  readonly log: readonly string[];
}

/** A deployment has to be over by then, whatever hangs: longer than any limit that a case meets. */
const DEPLOYMENT_MS = 60_000;
const STRUCK_MS = 10_000;
/** Until what was broken has to serve again once it is mended. */
const BACK_MS = 10_000;
/** What is put off is tried again after 1, 5 and 30 seconds. */
const SETTLED_MS = 45_000;

export async function runCase(ground: Ground, given: FaultCase): Promise<Verdict> {
  const startMs = performance.now();
  const problems: string[] = [];
  const log: string[] = [];
  let ended = 'it never began';
  let seen: Awaited<ReturnType<typeof judge>> = { orphans: [], lost: [] };
  try {
    await using site = await openSite(ground, given);
    const before = given.before ?? ['v1'];
    for (const tag of before) await unwrap(site.deployer.deploy(requestFor(site, tag)));
    await given.prepare?.(site);
    const mender = new Mender(site, given);
    const visitor = before.length > 0 ? visit(site.frontDoor, site.domain, Object.keys(IMAGES)) : undefined;
    try {
      const answered = await struck(site, given, mender);
      ended = describe(answered);
      problems.push(...judgeEnding(given, answered));
      // What strikes a task does so a little later.
      await wait(problems, 'the fault strikes', STRUCK_MS, async () => mender.hasStruck);
      await mender.mended();
      seen = await settledAndJudged(site, given, answered, problems);
      problems.push(...((await given.look?.(site)) ?? []));
      if (problems.length + seen.orphans.length + seen.lost.length > 0)
        log.push(...(await logOf(site, given.tag ?? 'v2')));
    } finally {
      await mender.mend();
      await visitor?.leave();
    }
    if (visitor) problems.push(...judgeVisit(given, visitor, mender));
    await closedInTime(site.deployer, problems);
  } catch (error) {
    problems.push(`it threw: ${(error as Error).stack ?? error}`);
  }
  return { name: given.name, tookMs: performance.now() - startMs, ended, problems, ...seen, log };
}

type Answered = { readonly deployment: Deployment | undefined; readonly error: DeployError | undefined };

/** Strikes once, mends once, and remembers when. */
class Mender {
  readonly #site: Site;
  readonly #case: FaultCase;
  #timer: NodeJS.Timeout | undefined;
  #striking: Promise<void> | undefined;
  #mending: Promise<unknown> | undefined;
  struckAtMs = Number.POSITIVE_INFINITY;
  mendedAtMs = Number.POSITIVE_INFINITY;

  constructor(site: Site, given: FaultCase) {
    this.#site = site;
    this.#case = given;
  }

  get hasStruck(): boolean {
    return this.struckAtMs < Number.POSITIVE_INFINITY;
  }

  strike(args: readonly unknown[]): Promise<void> {
    const { fault } = this.#case;
    this.struckAtMs = performance.now();
    this.#striking = (async () => {
      await fault.strike(this.#site, args);
      if (fault.mendAfterMs !== undefined) this.#timer = setTimeout(() => void this.mend(), fault.mendAfterMs);
    })();
    // Where that fails, whoever mends is told.
    return this.#striking.catch(() => undefined);
  }

  /** Mends now, or waits until its time has come. */
  async mended(): Promise<void> {
    await this.#striking;
    const { mendAfterMs = 0 } = this.#case.fault;
    const leftMs = this.struckAtMs + mendAfterMs - performance.now();
    if (leftMs > 0 && mendAfterMs > 0 && this.hasStruck) await new Promise((resolve) => setTimeout(resolve, leftMs));
    await this.mend();
  }

  mend(): Promise<unknown> {
    clearTimeout(this.#timer);
    if (!this.hasStruck) return Promise.resolve();
    this.#mending ??= (async () => {
      await this.#striking;
      await this.#case.fault.mend?.(this.#site);
      this.mendedAtMs = performance.now();
    })();
    return this.#mending;
  }
}

async function struck(site: Site, given: FaultCase, mender: Mender): Promise<Answered> {
  const { at } = given.fault;
  const strike = (args: readonly unknown[]) => mender.strike(args);
  if (!at) await strike([]);
  else if ('event' in at) site.deployer.once(at.event, () => void strike([]));
  else site.trigger.arm(at, strike);
  const deployed = site.deployer.deploy(requestFor(site, given.tag ?? 'v2'));
  const late = new Promise<never>((_resolve, reject) => {
    setTimeout(() => reject(new Error(`the deployment was not over after ${DEPLOYMENT_MS} ms`)), DEPLOYMENT_MS).unref();
  });
  const answered = await Promise.race([deployed, late]);
  return answered.isOk()
    ? { deployment: answered.value, error: undefined }
    : { deployment: answered.error.deployment, error: answered.error };
}

const describe = ({ deployment, error }: Answered): string =>
  error ? `${error.kind}${error.step ? ` in ${error.step}` : ''}: ${error.message}` : (deployment?.status ?? '?');

function judgeEnding({ ends }: FaultCase, { deployment, error }: Answered): string[] {
  const problems: string[] = [];
  const status = error ? 'failed' : 'succeeded';
  if (!ends.status.includes(status)) problems.push(`it ${status}`);
  if (!error) return problems;
  if (ends.kinds && !ends.kinds.includes(error.kind)) problems.push(`the error is ${error.kind}`);
  if (ends.step && error.step !== ends.step) problems.push(`the error is of step ${error.step}`);
  if (error.hint.length < 10) problems.push(`the hint is "${error.hint}"`);
  if (deployment && deployment.status !== 'failed') problems.push(`the deployment is ${deployment.status}`);
  return problems;
}

/** Lets everything run out, recovers where that is what it takes, and deploys once more. */
async function settledAndJudged(site: Site, given: FaultCase, answered: Answered, problems: string[]) {
  const said = () => answer(site.frontDoor, site.domain);
  const served = given.before ?? ['v1'];
  const serves = given.ends.serves ?? (answered.error ? served.at(-1) : (given.tag ?? 'v2'));
  if (serves)
    await wait(problems, 'somebody is served again', BACK_MS, async () => Object.hasOwn(IMAGES, await said()));
  const unowned = await recovered(site.deployer, problems);
  await wait(problems, 'nothing is under way', SETTLED_MS, () => isSettled(site));
  if (serves) await wait(problems, `the front door answers ${serves}`, BACK_MS, async () => (await said()) === serves);
  const judged = await judgedWhenBack(site, given);
  const after = { orphans: [...unowned, ...judged.orphans], lost: judged.lost };
  const next = await site.deployer.deploy(requestFor(site, given.next ?? 'v9'));
  if (next.isErr()) {
    problems.push(`the next deployment: ${describe({ deployment: undefined, error: next.error })} ${next.error.hint}`);
    return after;
  }
  await wait(problems, 'nothing is under way after the next deployment', SETTLED_MS, () => isSettled(site));
  const last = await judgedWhenBack(site, given);
  if ((await said()) !== (given.next ?? 'v9'))
    problems.push(`the next deployment is live, and the front door says ${await said()}`);
  return { orphans: [...after.orphans, ...last.orphans], lost: [...after.lost, ...last.lost] };
}

/** What was away itself may take a moment to be back where it was. */
async function judgedWhenBack(site: Site, { isOutage }: FaultCase): Promise<Judgement> {
  const untilMs = performance.now() + (isOutage ? BACK_MS : 0);
  for (;;) {
    const judged = await judge(site);
    if (judged.orphans.length + judged.lost.length === 0 || performance.now() > untilMs) return judged;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** What it reports as unowned is an orphan. */
async function recovered(deployer: Deployer, problems: string[]): Promise<readonly string[]> {
  const report = await deployer.recover();
  if (report.isErr()) {
    problems.push(`recover(): ${report.error.message}`);
    return [];
  }
  const { blind, needsHost, unowned } = report.value;
  for (const each of blind) problems.push(`recover() could not look: ${each}`);
  for (const { deployment, reason } of needsHost) problems.push(`recover() left ${deployment}: ${reason}`);
  return [...unowned.containers, ...unowned.routes].map((name) => `unowned: ${name}`);
}

async function wait(
  problems: string[],
  what: string,
  limitMs: number,
  condition: () => Promise<boolean>,
): Promise<void> {
  try {
    await eventually(what, condition, limitMs);
  } catch (error) {
    problems.push((error as Error).message);
  }
}

/** Whoever asked while nothing was broken that serves was answered by an app. */
function judgeVisit({ isOutage }: FaultCase, { bad, good }: Visitor, { struckAtMs, mendedAtMs }: Mender): string[] {
  const isExcused = (atMs: number) => isOutage && atMs > struckAtMs - 3_000 && atMs < mendedAtMs + BACK_MS;
  const counted = bad.filter(({ atMs }) => !isExcused(atMs));
  if (good === 0) return ['no visitor was ever served'];
  const [first] = counted;
  if (!first) return [];
  const whenMs = Math.round(first.atMs - struckAtMs);
  return [
    `${counted.length} of ${good + bad.length} visits failed, the first ${whenMs} ms after the strike: ${first.said}`,
  ];
}

async function closedInTime(deployer: Deployer, problems: string[]): Promise<void> {
  const startMs = performance.now();
  await deployer.close({ timeoutMs: 5_000 });
  const tookMs = performance.now() - startMs;
  if (tookMs > 15_000) problems.push(`close() took ${Math.round(tookMs)} ms`);
}

/** Of the deployment that was struck. */
async function logOf({ deployer }: Site, tag: string): Promise<string[]> {
  const lines: string[] = [];
  const listed = await deployer.deployments.list();
  const struck = listed.isOk() ? listed.value.items.findLast((each) => each.tag === tag) : undefined;
  if (!struck) return lines;
  for await (const { time, level, step, message } of deployer.logs(struck.id))
    lines.push(`${new Date(time).toISOString().slice(14, 23)} ${level} ${step ?? ''}: ${message}`);
  return lines;
}
