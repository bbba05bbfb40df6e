/** All rounds of all peers in a few numbers, and in the line that says what came of them. */
import { median, sum } from '../statistics.js';
import type { Outcome } from './outcome.js';
import type { NotRun } from './peer.js';

export interface PeerResult {
  readonly name: string;
  readonly isOurs: boolean;
  readonly versions: Readonly<Record<string, string>>;
  readonly rounds: readonly Outcome[];
}

export interface Comparison {
  readonly peers: readonly PeerResult[];
  readonly notRun: readonly NotRun[];
}

/** Medians over the rounds; requests are those of all rounds together. */
export interface Summary {
  readonly firstAnswerMs: number;
  readonly doneMs: number;
  readonly mixedMs: number;
  readonly requests: number;
  readonly failed: number;
  readonly wrong: number;
  readonly steadyP99Ms: number;
  readonly cutoverP99Ms: number;
  /** Of the cutover to the steady one, in each round. */
  readonly p99Ratio: number;
  readonly toolSeconds: number;
  readonly allSeconds: number | undefined;
}

export function summaryOf({ rounds }: PeerResult): Summary {
  const of = (pick: (outcome: Outcome) => number) => median(rounds.map(pick));
  return {
    firstAnswerMs: of((each) => each.firstAnswerMs),
    doneMs: of((each) => each.doneMs),
    mixedMs: of((each) => each.mixedMs),
    requests: sum(rounds.map(({ requests }) => requests)),
    failed: sum(rounds.flatMap(({ failed }) => Object.values(failed))),
    wrong: sum(rounds.map(({ wrong }) => wrong)),
    steadyP99Ms: of((each) => each.steadyP99Ms),
    cutoverP99Ms: of((each) => each.cutoverP99Ms),
    p99Ratio: of((each) => each.cutoverP99Ms / each.steadyP99Ms),
    toolSeconds: of((each) => each.toolSeconds),
    allSeconds: rounds.some((each) => each.allSeconds === undefined)
      ? undefined
      : of((each) => each.allSeconds ?? Number.NaN),
  };
}

/** Those that the line compares with. */
const NAMED = ['swarm', 'docker-rollout'];

/**
 * The last line, and whether all is well: every peer was run, and nobody who came to one of ours had to notice.
 *
 * The time of ours is that of the slowest proxy, and their requests are those of all of them. A wrong answer counts as a failed request.
 *
 * @param options.allowMissing whether those may be missing that this machine has not got, or that were not meant
 */
export function verdictOf(
  { peers, notRun }: Comparison,
  options: { readonly allowMissing: boolean },
): { readonly line: string; readonly isWell: boolean } {
  const ours = peers.filter(({ isOurs }) => isOurs).map(summaryOf);
  const slowestMs = Math.max(...ours.map(({ firstAnswerMs }) => firstAnswerMs));
  const lost = sum(ours.map(({ failed, wrong }) => failed + wrong));
  const find = (name: string) => peers.find((peer) => peer.name === name);
  const faster = NAMED.map((name) => {
    const peer = find(name);
    if (!peer) return `${name} not run`;
    return `${(summaryOf(peer).firstAnswerMs / slowestMs).toFixed(1)}x faster than ${name}`;
  });
  const failures = [...NAMED, 'bare'].map((name) => {
    const peer = find(name);
    if (!peer) return `${name} not run`;
    const { failed, wrong } = summaryOf(peer);
    return `${name} ${failed + wrong}`;
  });
  const ourFailures = ours.length === 0 ? 'ours not run' : `ours ${lost}`;
  return {
    line: `peers: first answer ${ours.length === 0 ? 'ours not run' : faster.join(', ')}; failed requests ${[ourFailures, ...failures].join(', ')}`,
    isWell: ours.length > 0 && lost === 0 && notRun.every(({ isBroken }) => options.allowMissing && !isBroken),
  };
}
