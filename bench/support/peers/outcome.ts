/** What one deployment under load was like for those who came meanwhile. */
import { quantile } from '../statistics.js';
import type { Measured, Sample } from './measure.js';

export interface Outcome {
  /** From the command to the first answer of the new version through the front door. */
  readonly firstAnswerMs: number;
  /** From the command to its end. */
  readonly doneMs: number;
  /** From the first answer of the new version to the last one of the old; 0 where nobody got an old answer after a new one. */
  readonly mixedMs: number;
  readonly requests: number;
  /** Whatever was not answered with a 200 by the app, by what came instead. */
  readonly failed: Readonly<Record<string, number>>;
  /** Of those that failed, how many were sent before the command: no deployment has lost them, the machine is too busy. */
  readonly failedBefore: number;
  /** Requests that were sent after the tool said that it was done, and that the old version answered. */
  readonly wrong: number;
  /** Of the requests before the command. */
  readonly steadyP99Ms: number;
  /** Of those that began in the second from the first one on that the new version answered. */
  readonly cutoverP99Ms: number;
  /** Processor seconds of the tool: the command and what it started, or what this process used beyond the steady while. */
  readonly toolSeconds: number;
  /** Of everything on this machine, tool included, beyond what the load takes in the steady while. */
  readonly allSeconds: number | undefined;
}

const WINDOW_MS = 1_000;

/** @throws where the new version never answered */
export function outcomeOf(measured: Measured): Outcome {
  const { tag, seen, steady, command, done, end } = measured;
  const failed: Record<string, number> = {};
  const before: number[] = [];
  let failedBefore = 0;
  let wrong = 0;
  let first = { startedMs: Number.POSITIVE_INFINITY, arrivedMs: Number.POSITIVE_INFINITY };
  let lastOldMs = Number.NEGATIVE_INFINITY;
  const answers = seen.startedMs.map((startedMs, index) => ({
    startedMs,
    tookMs: seen.tookMs[index] ?? 0,
    answer: seen.answers[seen.answer[index] ?? -1] ?? 'nothing',
  }));
  for (const { startedMs, tookMs, answer } of answers) {
    const arrivedMs = startedMs + tookMs;
    const [, version] = /^(v\d+) \w{12}$/.exec(answer) ?? [];
    if (startedMs >= steady.atMs && startedMs < command.atMs) before.push(tookMs);
    if (version === undefined) {
      const what = instead(answer);
      failed[what] = (failed[what] ?? 0) + 1;
      if (startedMs < command.atMs) failedBefore += 1;
    } else if (version !== tag) {
      if (startedMs > done.atMs) wrong += 1;
      lastOldMs = Math.max(lastOldMs, arrivedMs);
    } else if (arrivedMs < first.arrivedMs) first = { startedMs, arrivedMs };
  }
  if (first.arrivedMs === Number.POSITIVE_INFINITY) throw new Error(`${tag} never answered`);
  const within = answers.filter(
    ({ startedMs }) => startedMs >= first.startedMs && startedMs < first.startedMs + WINDOW_MS,
  );
  const own = (sample: Sample) => sample.own;
  const machine = (sample: Sample) => sample.machine ?? Number.NaN;
  const allSeconds = beyondSteady(measured, machine);
  return {
    firstAnswerMs: first.arrivedMs - command.atMs,
    doneMs: done.atMs - command.atMs,
    mixedMs: Math.max(0, lastOldMs - first.arrivedMs),
    requests: answers.length,
    failed,
    failedBefore,
    wrong,
    steadyP99Ms: quantile(before, 0.99),
    cutoverP99Ms: quantile(
      within.map(({ tookMs }) => tookMs),
      0.99,
    ),
    toolSeconds: measured.toolSeconds ?? beyondSteady({ steady, command, end }, own),
    allSeconds: Number.isNaN(allSeconds) ? undefined : allSeconds,
  };
}

/** A page is told by its status, an answer that nobody foresaw by how it begins. */
function instead(answer: string): string {
  const [, status] = /^([1345]\d\d) /.exec(answer) ?? [];
  return status ?? answer.replace(/\s+/g, ' ');
}

/** What was used from the command to the end, less what the steady while used in the same time. Below 0 where the noise is larger. */
function beyondSteady(
  { steady, command, end }: Pick<Measured, 'steady' | 'command' | 'end'>,
  used: (sample: Sample) => number,
): number {
  const perMs = (used(command) - used(steady)) / (command.atMs - steady.atMs);
  return used(end) - used(command) - perMs * (end.atMs - command.atMs);
}
