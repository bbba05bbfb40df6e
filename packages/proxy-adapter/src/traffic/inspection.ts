/**
 * What a server tells those who know its key, and nobody else: which instances a domain goes to now, how much one of them has in
 * flight, and what it has answered. It answers from the very table that requests are sent by, so the answer changes together with the upstream.
 */
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { LiveRoute } from '../routes/table.js';
import type { Counts } from './statistics.js';

export const INSTANCE_PATH = '/.well-known/quayside-instance';
export const IN_FLIGHT_PATH = '/.well-known/quayside-in-flight';
export const STATISTICS_PATH = '/.well-known/quayside-statistics';

/** The answer at `INSTANCE_PATH`, for the domain that was asked with. */
export interface InstanceAnswer {
  readonly server: string;
  readonly targets: readonly { readonly instance: string; readonly host: string; readonly port: number }[] | null;
}

/** The answer at `IN_FLIGHT_PATH?instance=…`. */
export interface InFlightAnswer {
  readonly server: string;
  readonly count: number;
}

/** The answer at `STATISTICS_PATH?instance=…`; no counts where the server has no route to the instance. */
export interface StatisticsAnswer {
  readonly server: string;
  readonly counts: Counts | null;
}

type Target = { readonly instance: string; readonly host: string; readonly port: number };

export const places = (targets: readonly Target[]): string[] =>
  targets.map(({ instance, host, port }) => JSON.stringify([instance, host, port])).sort();

/** Of `ROUTE_HEADER`: short, however many targets there are. */
export const routeProof = (server: string, targets: readonly Target[]): string =>
  `${server} ${createHash('sha256').update(places(targets).join()).digest('base64url')}`;

/** @returns whether it was such a question, and is answered */
export function inspect(
  response: ServerResponse,
  path: string,
  source: {
    readonly server: string;
    readonly route: LiveRoute | undefined;
    readonly inFlightOf: (id: string) => number;
    readonly countsOf: (id: string) => Counts | undefined;
  },
): boolean {
  const { server, route } = source;
  if (path === INSTANCE_PATH) {
    const targets = route?.backends.map(({ instance, host, port }) => ({ instance, host, port })) ?? null;
    reply(response, { server, targets } satisfies InstanceAnswer);
    return true;
  }
  if (path.startsWith(`${IN_FLIGHT_PATH}?`)) {
    const instance = instanceIn(path);
    reply(response, { server, count: source.inFlightOf(instance) } satisfies InFlightAnswer);
    return true;
  }
  if (path.startsWith(`${STATISTICS_PATH}?`)) {
    reply(response, { server, counts: source.countsOf(instanceIn(path)) ?? null } satisfies StatisticsAnswer);
    return true;
  }
  return false;
}

const instanceIn = (path: string): string =>
  new URLSearchParams(path.slice(path.indexOf('?') + 1)).get('instance') ?? '';

function reply(response: ServerResponse, value: unknown): void {
  const body = JSON.stringify(value);
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    connection: 'close',
  });
  response.end(body);
}
