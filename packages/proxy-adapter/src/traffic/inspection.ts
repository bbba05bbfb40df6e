/**
 * What a server tells those who know its key, and nobody else: which instances a domain goes to now, how much one of them has in
 * flight, and what it has answered. It answers from the very table that requests are sent by, so the answer changes together with the upstream.
 */
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Holding } from '@quayside/core/ports';
import type { LiveRoute } from '../routes/table.js';
import type { Counts } from './statistics.js';

export const INSTANCE_PATH = '/.well-known/quayside-instance';
export const IN_FLIGHT_PATH = '/.well-known/quayside-in-flight';
export const STATISTICS_PATH = '/.well-known/quayside-statistics';

/** The answer at `INSTANCE_PATH`, for the domain that was asked with. */
export interface InstanceAnswer {
  readonly server: string;
  readonly targets: readonly { readonly instance: string; readonly host: string; readonly port: number }[] | null;
  /** What its visitors are told; null, or absent in an answer of an earlier version: they are sent on. */
  readonly holding?: Holding | null;
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

/** Of `ROUTE_HEADER`: short, however many targets there are. Without `holding` it is that of earlier versions, which hold nobody. */
export const routeProof = (server: string, { targets, holding }: Said): string =>
  `${server} ${createHash('sha256').update(places(targets).join()).update(told(holding)).digest('base64url')}`;

interface Said {
  readonly targets: readonly Target[];
  readonly holding?: Holding | null | undefined;
}

/** What visitors are told, as a text to compare; empty: nothing. */
export const told = (holding: Holding | null | undefined): string =>
  holding ? JSON.stringify([holding.message, holding.retryAfterMs]) : '';

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
    reply(response, { server, targets, holding: route?.holding ?? null } satisfies InstanceAnswer);
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
