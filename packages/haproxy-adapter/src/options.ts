/** The options of the adapter: how HAProxy is reached, and what its one-time configuration is made of. */
import { hostname } from 'node:os';
import { check, duration, type InvalidError, type Reach } from '@quayside/core/ports';
import type { Result } from 'neverthrow';
import { z } from 'zod';

/** `'10s'` or whole milliseconds. */
type Duration = string | number;

export interface HaproxyOptions {
  /**
   * The runtime socket (`stats socket … level admin`): a path, or `host:port`. Default `/run/haproxy/admin.sock`.
   */
  readonly socket?: string;
  /** The map file as HAProxy's configuration names it. Default `/etc/haproxy/quayside.map`. */
  readonly map?: string;
  /** What the names of the empty backends begin with, and the proxy's name in the store. Default `quayside`. */
  readonly name?: string;
  /** Where visitors come in, as this process sees it: routes are proved there. Default `http://127.0.0.1`. */
  readonly frontDoor?: string;
  /** The key of a proof: HAProxy tells nobody else which instance answers. At least 16 visible characters, the same as in its configuration. */
  readonly proofKey: string;
  /** The machine whose containers and published ports are reached, and part of the proxy's identity. Default: the host's name. */
  readonly node?: string;
  /** What can be reached, the best first. Default: container addresses (on Linux) and published ports of `node`. */
  readonly reaches?: readonly Reach[];
  /** How long HAProxy may take to answer on its socket. Default 5 s. */
  readonly answerTimeout?: Duration;
  /** How often it is looked whether HAProxy has lost its routes in a restart. Default 500 ms. */
  readonly lookEvery?: Duration;
  /** What `haproxyConfiguration()` writes beside that. */
  readonly configuration?: {
    /** Addresses for plain HTTP, as HAProxy's `bind` takes them. Default `[':80']`. */
    readonly bind?: readonly string[];
    /** With certificates: a PEM file or a folder of them, each with its key (HAProxy's `crt`). */
    readonly tls?: {
      readonly certificates: string;
      /** Default `[':443']`. */
      readonly bind?: readonly string[];
      /** Sends visitors from plain HTTP to https; default true. */
      readonly redirect?: boolean;
    };
    /** How many backends there are: two for every domain, so that one can be filled while the other one serves. Default 512. */
    readonly slots?: number;
    /** Whether the sections `global` and `defaults` are written too; not where they go into an existing configuration. Default true. */
    readonly whole?: boolean;
    /** From the end of a request to the start of its answer. Default 60 s. */
    readonly answerTimeout?: Duration;
    /** Of an upgraded connection without traffic. Default 1 h. */
    readonly tunnelTimeout?: Duration;
  };
}

const isHttpUrl = (text: string): boolean => {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash, pathname } = new URL(text);
  return ['http:', 'https:'].includes(protocol) && !(username || password || search || hash) && pathname === '/';
};

/** What goes into a command of the runtime socket unquoted. */
const isWord = (text: string): boolean => /^[\x21-\x7e]+$/.test(text) && !/[;\\"'#]/.test(text);

const word = (what: string) => z.string().refine(isWord, { message: `${what} without spaces` });
const bind = (fallback: string) => z.array(word('an address such as :80 or 127.0.0.1:8080')).min(1).default([fallback]);
const atLeastOne = (fallback: Duration) =>
  duration()
    .refine((ms) => ms >= 1, { message: 'a duration of at least 1 ms' })
    .prefault(fallback);

const Configuration = z.strictObject({
  bind: bind(':80'),
  tls: z
    .strictObject({ certificates: word('a path'), bind: bind(':443'), redirect: z.boolean().default(true) })
    .optional(),
  slots: z.int().min(2).max(10_000).default(512),
  whole: z.boolean().default(true),
  answerTimeout: atLeastOne('60s'),
  tunnelTimeout: atLeastOne('1h'),
});

const reach = z.strictObject({ kind: z.enum(['address', 'published']), node: z.string().min(1) });

const Options = z
  .strictObject({
    socket: z
      .string()
      .refine(
        (text) => (text.startsWith('/') ? isWord(text) : /^[^\s/:]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/.test(text)),
        { message: 'an absolute path, or host:port' },
      )
      .default('/run/haproxy/admin.sock'),
    map: z
      .string()
      .refine((path) => path.startsWith('/') && isWord(path), { message: 'an absolute path without spaces' })
      .default('/etc/haproxy/quayside.map'),
    name: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,39}$/, { message: 'a letter and at most 39 of a-z, 0-9 and dashes' })
      .default('quayside'),
    frontDoor: z
      .string()
      .refine(isHttpUrl, { message: 'an http or https URL without a path, such as http://127.0.0.1' })
      .default('http://127.0.0.1'),
    proofKey: z.string().regex(/^[A-Za-z0-9._~+/=-]{16,200}$/, {
      message: 'at least 16 of A-Z, a-z, 0-9 and ._~+/=-, such as `openssl rand -base64 24` makes',
    }),
    node: z.string().min(1).default(hostname),
    reaches: z.array(reach).min(1).optional(),
    answerTimeout: atLeastOne('5s'),
    lookEvery: duration()
      .refine((ms) => ms >= 50 && ms <= 60_000, { message: 'a duration from 50ms to 1m' })
      .prefault(500),
    configuration: Configuration.prefault({}),
  })
  .transform(({ reaches, ...rest }) => ({ ...rest, reaches: reaches ?? defaultReaches(rest.node) }));

export type Settings = z.output<typeof Options>;

export const parseSettings = (options: HaproxyOptions): Result<Settings, InvalidError<'invalid-options'>> =>
  check('invalid-options', Options, options, 'haproxy', [
    'socket',
    'map',
    'name',
    'frontDoor',
    'proofKey',
    'node',
    'reaches',
    'answerTimeout',
    'lookEvery',
    ...Object.keys(Configuration.shape),
  ]);

/** A container's own address can be connected to from its machine on Linux alone; elsewhere the engine runs in a virtual one. */
const defaultReaches = (node: string): readonly Reach[] => [
  ...(process.platform === 'linux' ? [{ kind: 'address', node } as const] : []),
  { kind: 'published', node },
];
