/** What the visitors saw, held against which instance was to answer when. */
import { quantile } from '../statistics.js';
import type { Seen } from './visitors.js';

/** One replacement; milliseconds since the epoch. */
export interface Cutover {
  /** `v2 0123456789ab`: what the new instance answers. */
  readonly answer: string;
  /** When the first of its routes was about to be written. */
  readonly writeMs: number;
  /** When the deployment said that it has succeeded. */
  readonly doneMs: number;
}

export interface Verdict {
  readonly requests: number;
  /** From the first request to the last: who waits for streams to finish asks for nothing any more. */
  readonly spanMs: number;
  readonly failed: readonly string[];
  readonly resent: number;
  readonly downloads: number;
  readonly sockets: number;
  /** Of the requests that began in the second from a route write on. */
  readonly p99Ms: number;
}

const WINDOW_MS = 1_000;

/** @param first what answers before the first of the cutovers */
export function judge(seen: Seen, first: string, cutovers: readonly Cutover[]): Verdict {
  const failed: string[] = [];
  const within: number[] = [];
  const isDue = (answer: string, fromMs: number, untilMs: number): boolean => {
    // From its own route write to the end of the deployment that replaces it: in between the proxy may have turned, or not yet.
    const at = cutovers.findLastIndex((each) => each.answer === answer);
    if (at < 0 && answer !== first) return false;
    const sinceMs = cutovers[at]?.writeMs ?? Number.NEGATIVE_INFINITY;
    const goneMs = cutovers[at + 1]?.doneMs ?? Number.POSITIVE_INFINITY;
    return untilMs >= sinceMs && fromMs <= goneMs;
  };
  let next = 0;
  const order = seen.startedMs
    .map((_, index) => index)
    .sort((a, b) => (seen.startedMs[a] ?? 0) - (seen.startedMs[b] ?? 0));
  for (const index of order) {
    const startedMs = seen.startedMs[index] ?? 0;
    const tookMs = seen.tookMs[index] ?? 0;
    const answer = seen.answers[seen.answer[index] ?? -1] ?? 'nothing';
    if (!isDue(answer, startedMs, startedMs + tookMs))
      failed.push(/^v\d \w{12}$/.test(answer) ? `a retired one answered: ${answer}` : answer);
    while (startedMs >= (cutovers[next + 1]?.writeMs ?? Number.POSITIVE_INFINITY)) next += 1;
    const writeMs = cutovers[next]?.writeMs ?? Number.POSITIVE_INFINITY;
    if (startedMs >= writeMs && startedMs < writeMs + WINDOW_MS) within.push(tookMs);
  }
  const finished = (all: readonly string[]) => all.filter((how) => how === 'finished').length;
  for (const how of [...seen.downloads, ...seen.sockets]) if (how !== 'finished') failed.push(how);
  return {
    requests: order.length,
    spanMs: (seen.startedMs[order.at(-1) ?? -1] ?? 0) - (seen.startedMs[order[0] ?? -1] ?? 0),
    failed,
    resent: seen.resent,
    downloads: finished(seen.downloads),
    sockets: finished(seen.sockets),
    p99Ms: quantile(within, 0.99),
  };
}

export const p99Of = (seen: Seen): number => quantile(seen.tookMs, 0.99);
