/** The options of the embedded proxy, and those that a stage may give its routes. */
import { hostname } from 'node:os';
import { check, duration, type InvalidError, type Json, type Reach, size } from '@quayside/core/ports';
import type { Result } from 'neverthrow';
import { z } from 'zod';
import { Tls, type TlsOptions } from './tls/options.js';
import { addressBlock } from './traffic/trust.js';

/** `'10s'` or whole milliseconds. */
type Duration = string | number;

/** Something that a visitor got an error page or a cut connection for. */
export interface Problem {
  readonly domain: string;
  /** Null where no instance was asked. */
  readonly instance: string | null;
  /** Of the page that was sent; null where the answer had begun and was cut. */
  readonly status: number | null;
  /** What happened, for the operator alone: it may name addresses. */
  readonly message: string;
}

export interface EmbeddedProxyOptions {
  /** Proxies of other names that share the store have routes of their own. Default `embedded`. */
  readonly name?: string;
  /** The machine whose containers and published ports are reached. Default: its host name. */
  readonly node?: string;
  /** What can be reached, the best first. Default: container addresses (on Linux) and published ports of `node`. */
  readonly reaches?: readonly Reach[];
  /** Addresses and networks (`10.0.0.0/8`) whose `X-Forwarded-*` are believed. Default: nobody's. */
  readonly trust?: readonly string[];
  /** How long a connection to an instance may take. Default 5 s. */
  readonly connectTimeout?: Duration;
  /** From the end of a request to the start of its answer; then 504. Default 60 s; a stage may have its own. */
  readonly answerTimeout?: Duration;
  /** Between two bytes of a body, either way. Default 5 min; a stage may have its own. Upgraded connections have no such limit. */
  readonly idleTimeout?: Duration;
  /** How long a visitor may take to send a request's header; then 408. Default 15 s. */
  readonly headerTimeout?: Duration;
  /** How long a visitor's idle connection is kept. Default 75 s. */
  readonly keepAliveTimeout?: Duration;
  /** Of a request's or an answer's header, all lines together; then 431 or 502. Default `16k`. */
  readonly headerLimit?: string | number;
  /** How long `close()` waits for requests and upgraded connections. Default 10 s. */
  readonly drainTimeout?: Duration;
  /**
   * After so long without a heartbeat a server counts as dead: it reads the routes again before it forwards anything, and no put
   * waits for it. It beats every third of it. Default 6 s.
   */
  readonly serverTtl?: Duration;
  /** How long a change waits for all live servers. Default 15 s. */
  readonly acknowledgeTimeout?: Duration;
  /** The certificates of those addresses where `listen({ tls: true })` is called. */
  readonly tls?: TlsOptions;
  /** Told of each problem that a visitor met. What it throws is dropped. */
  readonly onProblem?: (problem: Problem) => void;
}

const reach = z.union([
  z.strictObject({ kind: z.literal('name'), network: z.string().min(1) }),
  z.strictObject({ kind: z.enum(['address', 'published']), node: z.string().min(1) }),
]);
const atLeastOne = () => duration().refine((ms) => ms >= 1, { message: 'a duration of at least 1 ms' });
const positive = (fallback: Duration) => atLeastOne().prefault(fallback);

const Options = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]{0,39}$/, { message: 'at most 40 of a-z, 0-9 and dashes' })
      .default('embedded'),
    node: z.string().min(1).default(hostname),
    reaches: z.array(reach).min(1).optional(),
    trust: z
      .array(
        z.string().refine((text) => addressBlock(text) !== undefined, {
          message: 'an IP address or a network such as 10.0.0.0/8',
        }),
      )
      .default([]),
    connectTimeout: positive('5s'),
    answerTimeout: positive('60s'),
    idleTimeout: positive('5m'),
    headerTimeout: positive('15s'),
    keepAliveTimeout: positive('75s'),
    headerLimit: size()
      .refine((bytes) => bytes >= 1024 && bytes <= 1_048_576, { message: 'a size from 1k to 1m' })
      .prefault('16k'),
    drainTimeout: duration().prefault('10s'),
    serverTtl: duration()
      .refine((ms) => ms >= 150 && ms <= 300_000, { message: 'a duration from 150ms to 5m' })
      .prefault('6s'),
    acknowledgeTimeout: positive('15s'),
    tls: Tls.optional(),
    onProblem: z.custom<(problem: Problem) => void>((value) => typeof value === 'function', 'a function').optional(),
  })
  .transform(({ reaches, ...rest }) => ({ ...rest, reaches: reaches ?? defaultReaches(rest.node) }));

export type Settings = z.output<typeof Options>;

export const parseSettings = (options: EmbeddedProxyOptions): Result<Settings, InvalidError<'invalid-options'>> =>
  check('invalid-options', Options, options, 'embeddedProxy', WORDS);

const WORDS = [
  'name',
  'node',
  'reaches',
  'trust',
  'connectTimeout',
  'answerTimeout',
  'idleTimeout',
  'headerTimeout',
  'keepAliveTimeout',
  'headerLimit',
  'drainTimeout',
  'serverTtl',
  'acknowledgeTimeout',
  'tls',
  'onProblem',
];

/** A container's own address can be connected to from its machine on Linux alone; elsewhere the engine runs in a virtual one. */
const defaultReaches = (node: string): readonly Reach[] => [
  ...(process.platform === 'linux' ? [{ kind: 'address', node } as const] : []),
  { kind: 'published', node },
];

const RouteOptions = z.strictObject({
  /** Milliseconds. */
  answerTimeout: atLeastOne().optional(),
  idleTimeout: atLeastOne().optional(),
});

/** What a stage's `proxy` options may hold, checked; durations become milliseconds. */
export const parseRouteOptions = (options: unknown, path: string): Result<Json, InvalidError<'invalid-config'>> =>
  check('invalid-config', RouteOptions, options ?? {}, path).map(
    (parsed) => JSON.parse(JSON.stringify(parsed)) as Json,
  );

export interface RouteLimits {
  readonly answerTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

/** The limits of one route: its own, else the proxy's. What the store holds was checked when it was configured. */
export function routeLimits(options: Json, settings: Settings): RouteLimits {
  const own = (name: 'answerTimeout' | 'idleTimeout'): number => {
    const value = (options as { readonly [option: string]: Json } | null)?.[name];
    return typeof value === 'number' && value >= 1 ? value : settings[name];
  };
  return { answerTimeoutMs: own('answerTimeout'), idleTimeoutMs: own('idleTimeout') };
}
