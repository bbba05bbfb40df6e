/**
 * What a server tells those who know its key, and nobody else: which instances a domain goes to now, and how much one of them has in
 * flight. It answers from the very table that requests are sent by, so the answer changes together with the upstream.
 */
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { LiveRoute } from '../routes/table.js';

export const INSTANCE_PATH = '/.well-known/quayside-instance';
export const IN_FLIGHT_PATH = '/.well-known/quayside-in-flight';

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
  },
): boolean {
  const { server, route } = source;
  if (path === INSTANCE_PATH) {
    const targets = route?.backends.map(({ instance, host, port }) => ({ instance, host, port })) ?? null;
    reply(response, { server, targets } satisfies InstanceAnswer);
    return true;
  }
  if (path.startsWith(`${IN_FLIGHT_PATH}?`)) {
    const instance = new URLSearchParams(path.slice(IN_FLIGHT_PATH.length + 1)).get('instance') ?? '';
    reply(response, { server, count: source.inFlightOf(instance) } satisfies InFlightAnswer);
    return true;
  }
  return false;
}

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
