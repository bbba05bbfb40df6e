/** All peers on one machine, in turns: what drifts meanwhile hits all of them alike. */
import { setTimeout as pause } from 'node:timers/promises';
import { bundled } from '../../../test/support/bundle.js';
import type { Workbench } from '../../../test/support/engine.js';
import { openField } from '../../../test/support/field.js';
import { pushVersions } from '../cutover/image.js';
import { VISITORS } from '../cutover/visited.js';
import { openBare } from './bare.js';
import { Belongings } from './belongings.js';
import { measure, settled } from './measure.js';
import { type Outcome, outcomeOf } from './outcome.js';
import { APP_ENV, type Ground, type NotRun, type Peer, VERSIONS } from './peer.js';
import { openQuayside } from './quayside.js';
import { openRollout } from './rollout.js';
import type { Comparison } from './summary.js';
import { openSwarm } from './swarm.js';

export interface CompareOptions {
  /** Each is one deployment of every peer. */
  readonly rounds: number;
  readonly perSecond: number;
  readonly steadyMs: number;
  /** Pushes the app's images there, one for each of `VERSIONS`; default those of the cutover bench. */
  readonly push?: (bench: Workbench, repository: string) => Promise<void>;
  /** Parts of the names of those that are meant; empty for all. */
  readonly only: readonly string[];
  /** The script of docker-rollout. */
  readonly rollout: string | undefined;
  readonly healthIntervalS: number;
  /** Aborted, everything that was started is ended and removed before this rejects. */
  readonly signal: AbortSignal;
  say(line: string): void;
}

const OPENERS: Readonly<Record<string, (ground: Ground) => Promise<Peer | NotRun>>> = {
  'quayside, embedded': (ground) => openQuayside('embedded', ground),
  'quayside, haproxy': (ground) => openQuayside('haproxy', ground),
  'quayside, nginx proxy manager': (ground) => openQuayside('nginx proxy manager', ground),
  swarm: openSwarm,
  'docker-rollout': openRollout,
  bare: openBare,
};
export const PEERS = Object.keys(OPENERS);
/** How long what is under way has to notice that all is to end, before its things are taken from it. */
const UNWIND_MS = 12_000;

export async function comparePeers(options: CompareOptions): Promise<Comparison> {
  const { signal } = options;
  await using belongings = new Belongings();
  const work = compare(options, belongings);
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } catch (error) {
    const unwound = new AbortController();
    const tooLate = pause(UNWIND_MS, undefined, { signal: unwound.signal });
    await Promise.race([work, tooLate]).catch(() => {});
    unwound.abort();
    throw error;
  }
}

const pushNodeApp = (bench: Workbench, repository: string) => pushVersions(bench, repository, VERSIONS, APP_ENV);

async function compare(options: CompareOptions, belongings: Belongings): Promise<Comparison> {
  const { rounds, only, signal, say, push = pushNodeApp } = options;
  const script = await bundled(VISITORS);
  const field = await belongings.own(openField('peers'));
  const image = `${field.registry.host}/shop`;
  await push(field.bench, image);
  const ground: Ground = { ...options, field, image, own: (opening) => belongings.own(opening) };
  const load = { ...options, script, folder: field.folder };

  const notRun: NotRun[] = [];
  const peers: { readonly peer: Peer; readonly outcomes: Outcome[] }[] = [];
  /** One that fails is out, and is told with the reason: the others' numbers are still good. */
  const attempt = async (name: string, work: () => Promise<void>) => {
    try {
      signal.throwIfAborted();
      await work();
      return true;
    } catch (error) {
      signal.throwIfAborted();
      notRun.push({ name, why: String((error as Error).message).trim(), isBroken: true });
      say(`${name}: ${(error as Error).stack}`);
      return false;
    }
  };
  for (const [name, open] of Object.entries(OPENERS)) {
    if (only.length > 0 && !only.some((part) => name.includes(part))) {
      notRun.push({ name, why: 'it was left out' });
      continue;
    }
    await attempt(name, async () => {
      const peer = await open(ground);
      if (!('door' in peer)) return void notRun.push(peer);
      // Once to each version beforehand: the images, the network, the code that a runtime compiles while it runs.
      for (const tag of VERSIONS) {
        await peer.deploy(tag);
        await settled(peer, signal);
      }
      peers.push({ peer, outcomes: [] });
      say(`${name} is there`);
    });
  }
  for (let round = 0; round < rounds; round += 1) {
    const tag = VERSIONS[round % 2] ?? VERSIONS[0];
    // Nobody is always the first of a round.
    const turn = peers.map((_, index) => peers[(index + round) % peers.length]).filter((each) => each !== undefined);
    for (const each of turn) {
      const { peer, outcomes } = each;
      const isThere = await attempt(peer.name, async () => {
        const outcome = outcomeOf(await measure(peer, tag, load));
        outcomes.push(outcome);
        const failed = Object.entries(outcome.failed).map(([what, count]) => `, ${count} x ${what}`);
        say(`round ${round + 1}, ${peer.name}: ${outcome.firstAnswerMs.toFixed(0)} ms${failed.join('')}`);
        if (outcome.failedBefore > 0)
          say(`  ${outcome.failedBefore} of them were sent before the command: this machine is too busy to measure on`);
      });
      if (!isThere) peers.splice(peers.indexOf(each), 1);
    }
  }
  return {
    notRun,
    peers: peers.map(({ peer: { name, isOurs, versions }, outcomes }) => ({
      name,
      isOurs,
      versions,
      rounds: outcomes,
    })),
  };
}
