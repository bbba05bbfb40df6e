/**
 * The shape of the configuration, checked field by field. What concerns several fields at once is checked in `resolve.ts`. The schemas
 * are built at their first use: whoever only imports the library does not wait for them.
 */
import { z } from 'zod';
import { isDomainSuffix, LABEL_LENGTH_MAX } from '../domain/names.js';
import { once } from '../domain/once.js';
import { isRepository } from '../domain/reference.js';
import { MESSAGE_MAX } from '../ports/holding.js';
import { duration, size } from '../ports/kit.js';
import type { EnvOptions, EnvValue } from './options.js';

/** A text that passes a test, or matches a pattern. */
export const text = (rule: RegExp | ((value: string) => boolean), what: string) =>
  z
    .string()
    .refine((value) => (typeof rule === 'function' ? rule(value) : rule.test(value)), { message: `expected ${what}` });

const NAME_LENGTH_MAX = 100;
/** Project and stage names: anything that a person would write in one line; domains and container names are made from it. */
export const name = () =>
  text(
    (value) =>
      value.length > 0 &&
      value.length <= NAME_LENGTH_MAX &&
      value.trim() === value &&
      !/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(value),
    `a name of 1 to ${NAME_LENGTH_MAX} characters without control characters or outer spaces`,
  );

const whole = (min: number, max: number) => z.int().min(min).max(max);
const within = (min: number, max: number) => {
  const message = `expected an integer from ${min} to ${max}`;
  return z.int(message).min(min, message).max(max, message);
};
const port = () => within(1, 65_535);
const absolute = () =>
  text(
    (value) => value.startsWith('/') && !/\p{Cc}|[\u2028\u2029]/u.test(value) && !value.split('/').includes('..'),
    "an absolute path without '..' and control characters",
  );
/** In a container: a mount over its root would leave nothing of the image. */
const mountPoint = () => absolute().refine((path) => /[^/]/.test(path), { message: 'expected a path below /' });
// `__proto__` is the one name that an object cannot have.
const envName = () => text(/^(?!__proto__$)[A-Za-z_][A-Za-z0-9_.-]*$/, 'a name of letters, digits and underscores');
const envValue = () => text((value) => !value.includes('\0'), 'a text without NUL characters');
const objectName = () =>
  text(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/, 'a name of letters, digits, dots, dashes and underscores');

/** Names and texts: what a request may override, and what comes of a configuration's values. */
export const envRecord = once(() => z.record(envName(), envValue()));

/** As a configuration has them: texts, marked texts, functions that answer one. */
export const envSources = once(() =>
  z.record(
    envName(),
    z.union([
      envValue(),
      z.strictObject({ plain: envValue() }),
      z.strictObject({ secret: envValue() }),
      z.custom<Extract<EnvValue, (...args: never) => unknown>>((value) => typeof value === 'function', {
        message: 'expected a function that answers one',
      }),
    ]),
  ),
);

const healthcheck = () => {
  const status = z.union([within(100, 599), text(/^[1-5]\d\d(-[1-5]\d\d)?$/, "a status or a range such as '200-299'")]);
  const fields = {
    kind: z.enum(['http', 'tcp', 'image', 'running']),
    path: text(/^\/[\x21-\x7e]*$/, "a path that begins with '/' and has no spaces"),
    method: z.enum(['GET', 'HEAD', 'POST', 'OPTIONS']),
    headers: z.record(
      text(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'a header name'),
      text(/^[\t\x20-\x7e\x80-\xff]*$/, 'a header value without line breaks'),
    ),
    expectStatus: z.union([status, z.array(status).min(1)]),
    expectBody: z.union([z.string(), z.instanceof(RegExp)]),
    port: port(),
    retries: whole(0, 1000),
    interval: duration(),
    timeout: duration(),
    startPeriod: duration(),
    successThreshold: whole(1, 100),
    settleMs: whole(0, 3_600_000),
  };
  return z.strictObject(fields).partial();
};

const mount = () => {
  const common = { target: mountPoint(), readOnly: z.boolean().optional() };
  return z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('volume'), source: objectName(), ...common }),
    z.strictObject({ type: z.literal('bind'), source: absolute(), ...common }),
    z.strictObject({ type: z.literal('tmpfs'), target: mountPoint(), size: size().optional() }),
  ]);
};

const addresses = once(() => z.union([z.ipv4(), z.ipv6()]));
const isAddress = (text: string): boolean => addresses().safeParse(text).success;

const published = () =>
  z.strictObject({
    container: port(),
    host: port().optional(),
    bind: text(isAddress, 'an IP address').optional(),
    protocol: z.enum(['tcp', 'udp']).optional(),
  });

const keepBounds = () => z.strictObject({ count: whole(0, 100_000), age: duration() }).partial();

const cutover = () =>
  z
    .strictObject({
      steps: z
        .array(
          z.strictObject({
            weight: whole(1, 99),
            holdMs: duration().refine((ms) => ms > 0, { message: 'expected more than 0' }),
          }),
        )
        .max(20)
        .refine((steps) => steps.every(({ weight }, index) => weight > (steps[index - 1]?.weight ?? 0)), {
          message: 'expected weights that grow',
        }),
      abortOn: z
        .strictObject({
          errorRate: z.number().min(0).max(1).optional(),
          p99Ms: duration()
            .refine((ms) => ms > 0, { message: 'expected more than 0' })
            .optional(),
          minRequests: whole(1, 1_000_000).optional(),
          windowMs: duration()
            .refine((ms) => ms >= 100 && ms <= 600_000, { message: 'expected 100 ms to 10 min' })
            .optional(),
        })
        .refine(({ errorRate, p99Ms }) => errorRate !== undefined || p99Ms !== undefined, {
          message: 'expected `errorRate`, `p99Ms` or both',
        })
        .optional(),
    })
    .refine(({ abortOn, steps }) => steps.length > 0 || !abortOn, {
      path: ['steps'],
      message: 'expected a step beside `abortOn`, which has nothing to look at without one',
    });

const RETRY_AFTER_MAX_MS = 30 * 86_400_000;

/** What visitors are told: of a configuration, and of who asks for it. */
export const maintenanceFields = () => ({
  message: text(
    (value) => value.trim() !== '' && value.length <= MESSAGE_MAX && !/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(value),
    `one line of 1 to ${MESSAGE_MAX} characters without control characters`,
  ).optional(),
  retryAfterMs: duration()
    .refine((ms) => ms >= 1_000 && ms <= RETRY_AFTER_MAX_MS, { message: "expected '1s' to '30d'" })
    .transform((ms) => Math.ceil(ms / 1_000) * 1_000)
    .optional(),
});

const defaults = () => ({
  port: port(),
  healthcheckPath: text(/^\/[\x21-\x7e]*$/, "a path that begins with '/' and has no spaces"),
  healthcheck: healthcheck(),
  maxInstances: whole(1, 50),
  replace: z.enum(['start-first', 'stop-first']),
  sharedVolume: z.boolean(),
  cutover: cutover(),
  rollbackWindow: duration(),
  ttl: duration().refine((ms) => ms > 0, { message: 'expected more than 0' }),
  keep: z.strictObject({ history: keepBounds(), logs: keepBounds(), images: keepBounds() }).partial(),
  policy: z.enum(['queue', 'supersede', 'reject']),
  running: z.enum(['finish', 'cancel']),
  maintenance: z.strictObject(maintenanceFields()),
  env: z.union([
    envSources(),
    z.custom<Extract<EnvOptions, (...args: never) => unknown>>(
      (value) => typeof value === 'function',
      'expected an object of texts, or a function that answers one',
    ),
  ]),
  plainEnv: z.array(envName()),
  labels: z.record(
    text(/^(?!dev\.quayside\.)[\s\S]+$/, "a label that does not begin with 'dev.quayside.'"),
    z.string(),
  ),
  command: z.array(envValue()).min(1),
  entrypoint: z.array(envValue()).min(1),
  workingDir: absolute(),
  user: text(/^[a-zA-Z0-9_][a-zA-Z0-9_.-]*(:[a-zA-Z0-9_][a-zA-Z0-9_.-]*)?$/, "a user such as '1000:1000'"),
  readOnlyRoot: z.boolean(),
  init: z.boolean(),
  mounts: z.array(mount()).max(50),
  // The engine refuses less than 6 MB.
  memory: size().refine((bytes) => bytes >= 6 * 1024 ** 2, { message: "expected at least '6m'" }),
  cpus: z.number().min(0.01).max(1024),
  pids: whole(1, 4_194_304),
  restart: z.enum(['no', 'on-failure', 'always', 'unless-stopped']),
  logRotation: z.union([
    z.literal(false),
    z.strictObject({ maxSize: size().optional(), maxFiles: whole(1, 1000).optional() }),
  ]),
  networks: z
    .array(z.union([objectName(), z.strictObject({ name: objectName(), aliases: z.array(objectName()).optional() })]))
    .min(1)
    .max(16),
  ports: z.array(published()).max(100),
  stopSignal: text(/^(SIG)?[A-Z][A-Z0-9+-]{1,15}$|^[1-9][0-9]?$/, "a signal such as 'SIGTERM'"),
  stopGrace: duration(),
  pull: z.enum(['always', 'missing', 'never']),
  oneShot: z.boolean(),
  drain: duration(),
  drainTimeout: duration(),
  pullTimeout: duration(),
  proveTimeout: duration(),
  deployTimeout: duration(),
  options: z.strictObject({ runtime: z.unknown(), proxy: z.unknown() }).partial(),
});

/** A placeholder or what a label may be made of; a dot begins a new label. */
const routePattern = (needs: string, example: string) =>
  text(
    (value) =>
      value.length <= 200 &&
      /^(?:[A-Za-z0-9.-]|\{(?:project|stage|tag)\})+$/.test(value) &&
      !/^\.|\.$|\.\./.test(value) &&
      value.split('.').length <= 4 &&
      value.includes(needs),
    `a pattern${needs && ` with ${needs}`}, such as '${example}'`,
  ).default(example);

const build = () => {
  const common = z.strictObject(defaults()).partial();
  const stage = common.extend({
    domains: z.array(z.string()).max(40, 'expected at most 40 domains').optional(),
  });
  const project = common.extend({
    image: text(isRepository, "a repository without a tag, such as 'registry.example.com/shop'"),
    stages: z.record(name(), stage),
  });
  const settings = common.extend({
    // Room for a pattern's labels in front of it.
    domain: text(
      (value) => isDomainSuffix(value) && value.length <= 253 - (LABEL_LENGTH_MAX + 1),
      "a lower-case domain such as 'apps.example.com'",
    ).optional(),
    defaultRoute: routePattern('', 'stage-{stage}-{project}'),
    taggedRoute: routePattern('{tag}', 'stage-{stage}-{project}-{tag}'),
    ttlMs: whole(500, 3_600_000).default(30_000),
    renewMs: whole(100, 1_200_000).default(10_000),
    effectTimeoutMs: whole(100, 600_000).default(15_000),
    undoTimeoutMs: whole(100, 3_600_000).default(30_000),
    absentForMs: whole(0, 600_000).default(2_000),
    abandonAfterMs: whole(1_000, 2_592_000_000).default(86_400_000),
    keepEvents: whole(100, 100_000_000).default(100_000),
    keepAuditMs: whole(3_600_000, 3_153_600_000_000).default(31_536_000_000),
  });
  return {
    stage,
    project,
    projects: z.record(name(), project),
    settings,
    /** Every word that a configuration knows, for the question whether another one was meant. */
    words: [
      ...Object.keys(settings.shape),
      ...Object.keys(project.shape),
      ...Object.keys(healthcheck().shape),
      ...Object.keys(maintenanceFields()),
      'domains',
    ] as readonly string[],
  };
};

export const configSchemas = once(build);

type Schemas = ReturnType<typeof build>;
export type ParsedSettings = z.output<Schemas['settings']>;
export type ParsedProject = z.output<Schemas['project']>;
export type ParsedStage = z.output<Schemas['stage']>;
export type ParsedDefaults = Omit<ParsedStage, 'domains'>;
