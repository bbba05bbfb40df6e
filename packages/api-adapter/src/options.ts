/** The options of the handler, as a host writes them. */
import type { Deployer, ProjectMap } from '@quayside/core';
import {
  type AnyError,
  type Clock,
  check,
  duration,
  type InvalidError,
  type Registry,
  size,
  systemClock,
} from '@quayside/core/ports';
import type { Result } from 'neverthrow';
import { z } from 'zod';
import type { Authorize } from './authorize.js';

/** `'10s'` or whole milliseconds. */
type Duration = string | number;

/** For a host that keeps its own projects: all of them, asked at each request that shows them. */
export type ProjectsLookup = (options: { readonly signal: AbortSignal }) => ProjectMap | PromiseLike<ProjectMap>;

export interface ApiOptions {
  /** What is called. The handler does not close it. */
  readonly deployer: Deployer;
  /** Who may do what; asked before anything is read or done. */
  readonly authorize: Authorize;
  /** The projects as `createDeployer` has them, or a function that answers all of them. Without it `GET /projects` is `unsupported`. */
  readonly projects?: ProjectMap | ProjectsLookup;
  /** Where the tags of a project are read, or what its factory answers. Without it `GET /projects/{project}/tags` is `unsupported`. */
  readonly registry?: Registry | Result<Registry, AnyError>;
  /** What every path begins with. Default `/v1`; `''` for none. */
  readonly basePath?: string;
  /** Origins of other sites (`https://ops.example.com`) whose pages may call with a visitor's cookies. Default: none. */
  readonly origins?: readonly string[];
  /** The `WWW-Authenticate` of a 401, without line breaks. Default `Bearer`. */
  readonly challenge?: string;
  /** The most that a body may have; then 413. Default `256k`. */
  readonly bodyLimit?: string | number;
  /** The most that a body may take to arrive; then 408. Default 10 s. */
  readonly bodyTimeout?: Duration;
  /** The most that `authorize` may take; then 503, and nothing is done. Default 10 s. */
  readonly authorizeTimeout?: Duration;
  /** The most that an answer may take that is no stream. Default 60 s. */
  readonly answerTimeout?: Duration;
  /** After so long without news a stream sends a comment, so that nobody in between takes it for dead. Default 15 s. */
  readonly heartbeat?: Duration;
  /** A stream that takes nothing for so long is told where to resume, and ends. Default 60 s. */
  readonly stallTimeout?: Duration;
  /** How often `authorize` is asked again for a stream that stays open: a login that was taken back ends it. Default 60 s. */
  readonly reauthorize?: Duration;
  /** The most streams that are open at once; then 503. Default 5 000. */
  readonly followers?: number;
  /** What of logs and events is kept in memory for all streams together. Default `16m`. */
  readonly streamBuffer?: string | number;
  /** Told of each error that is answered with a status of 500 and above, and of what `authorize` throws. What it throws is dropped. */
  readonly onError?: (error: AnyError, request: Request) => void;
  /** Default: the system's. */
  readonly clock?: Clock;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
const atLeast = (ms: number, fallback: Duration) =>
  duration()
    .refine((value) => value >= ms && value <= 86_400_000, { message: `expected a duration from ${ms} ms to 1 day` })
    .prefault(fallback);

const schema = z.strictObject({
  deployer: z.custom<Deployer>((value) => isObject(value) && 'submit' in (value as object), {
    message: 'expected a deployer, as `createDeployer` makes one (unwrap its Result first)',
  }),
  authorize: z.custom<Authorize>(isFunction, {
    message: 'expected a function that says who may do what: without one nothing is open',
  }),
  projects: z
    .custom<ProjectMap | ProjectsLookup>((value) => isFunction(value) || isObject(value), {
      message: 'expected the projects by name, or a function that answers them',
    })
    .optional(),
  registry: z
    .custom<Registry>((value) => isObject(value) && 'tags' in (value as object), {
      message: 'expected a Registry, such as `distributionRegistry()`',
    })
    .optional(),
  basePath: z
    .string()
    .regex(/^(\/[A-Za-z0-9._~-]+)*$/, "expected a path such as '/v1' without an end slash, or ''")
    .default('/v1'),
  origins: z
    .array(
      z.string().refine((text) => isOrigin(text), { message: "expected an origin such as 'https://ops.example.com'" }),
    )
    .default([]),
  challenge: z
    .string()
    .regex(/^[\x21-\x7e][\x20-\x7e]*$/, "expected a challenge such as 'Bearer', without line breaks")
    .default('Bearer'),
  bodyLimit: size()
    .refine((bytes) => bytes >= 1024 && bytes <= 16 * 1024 ** 2, { message: 'expected a size from 1k to 16m' })
    .prefault('256k'),
  bodyTimeout: atLeast(1, '10s'),
  authorizeTimeout: atLeast(1, '10s'),
  answerTimeout: atLeast(1, '60s'),
  heartbeat: atLeast(10, '15s'),
  stallTimeout: atLeast(10, '60s'),
  reauthorize: atLeast(10, '60s'),
  followers: z.int().min(1).max(1_000_000).default(5_000),
  streamBuffer: size()
    .refine((bytes) => bytes >= 65_536 && bytes <= 1024 ** 3, { message: 'expected a size from 64k to 1g' })
    .prefault('16m'),
  onError: z.custom<NonNullable<ApiOptions['onError']>>(isFunction, { message: 'expected a function' }).optional(),
  clock: z.custom<Clock>(isObject, { message: 'expected a Clock' }).default(systemClock),
});

export type Settings = z.output<typeof schema>;

/** An adapter's factory answers a Result: its error is told as it is. */
export function parseSettings(options: ApiOptions): Result<Settings, AnyError> {
  const { registry } = options ?? {};
  if (registry && 'isErr' in registry) {
    if (registry.isErr()) return registry.map((never) => never as never);
    return parseSettings({ ...options, registry: registry.value });
  }
  return check('invalid-options', schema, options, 'apiHandler') satisfies Result<
    Settings,
    InvalidError<'invalid-options'>
  >;
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}
