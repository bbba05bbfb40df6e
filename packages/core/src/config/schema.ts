/** The shape of the configuration, checked field by field. What concerns several fields at once is checked in `resolve.ts`. */
import { z } from 'zod';
import { isDomainSuffix, LABEL_LENGTH_MAX } from '../domain/names.js';
import { isRepository } from '../domain/reference.js';
import { duration, size } from '../ports/kit.js';
import type { EnvOptions } from './options.js';

const expecting = <T>(test: (value: T) => boolean, what: string) => ({
  test,
  message: `expected ${what}`,
});
const text = (rule: { test: (value: string) => boolean; message: string }) =>
  z.string().refine(rule.test, { message: rule.message });

const NAME_LENGTH_MAX = 100;
/** Project and stage names: anything that a person would write in one line; domains and container names are made from it. */
export const isName = (name: string): boolean =>
  name.length > 0 &&
  name.length <= NAME_LENGTH_MAX &&
  name.trim() === name &&
  !/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(name);
export const NAME_RULE = `a name of 1 to ${NAME_LENGTH_MAX} characters without control characters or outer spaces`;

const port = () =>
  z
    .int('expected an integer from 1 to 65535')
    .min(1, 'expected an integer from 1 to 65535')
    .max(65_535, 'expected an integer from 1 to 65535');
const isAbsolute = expecting<string>((path) => path.startsWith('/') && !path.includes('\0'), 'an absolute path');
const path = () =>
  text(expecting((value) => /^\/[\x21-\x7e]*$/.test(value), "a path that begins with '/' and has no spaces"));
const envName = expecting<string>(
  (name) => /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name),
  'a name of letters, digits and underscores',
);
const envValue = text(expecting((value) => !value.includes('\0'), 'a text without NUL characters'));
export const envRecord = z.record(text(envName), envValue);
const headerName = text(expecting((name) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name), 'a header name'));
const headerValue = text(
  expecting((value) => /^[\t\x20-\x7e\x80-\xff]*$/.test(value), 'a header value without line breaks'),
);
const signal = text(
  expecting((value) => /^(SIG)?[A-Z][A-Z0-9+-]{1,15}$|^[1-9][0-9]?$/.test(value), "a signal such as 'SIGTERM'"),
);
const objectName = text(
  expecting(
    (value) => /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(value),
    'a name of letters, digits, dots, dashes and underscores',
  ),
);
const address = text(expecting((value) => /^[0-9a-fA-F.:]{2,45}$/.test(value), 'an IP address'));

const status = z.union([
  z.int().min(100, 'expected a status from 100 to 599').max(599, 'expected a status from 100 to 599'),
  text(expecting((value) => /^[1-5]\d\d(-[1-5]\d\d)?$/.test(value), "a status or a range such as '200-299'")),
]);

const healthcheck = z.strictObject({
  kind: z.enum(['http', 'tcp', 'image', 'running']).optional(),
  path: path().optional(),
  method: z.enum(['GET', 'HEAD', 'POST', 'OPTIONS']).optional(),
  headers: z.record(headerName, headerValue).optional(),
  expectStatus: z.union([status, z.array(status).min(1)]).optional(),
  expectBody: z.union([z.string(), z.instanceof(RegExp)]).optional(),
  port: port().optional(),
  retries: z.int().min(0).max(1000).optional(),
  interval: duration().optional(),
  timeout: duration().optional(),
  startPeriod: duration().optional(),
  successThreshold: z.int().min(1).max(100).optional(),
  settleMs: z.int().min(0).max(3_600_000).optional(),
});

const mount = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('volume'),
    source: objectName,
    target: text(isAbsolute),
    readOnly: z.boolean().optional(),
  }),
  z.strictObject({
    type: z.literal('bind'),
    source: text(isAbsolute),
    target: text(isAbsolute),
    readOnly: z.boolean().optional(),
  }),
  z.strictObject({ type: z.literal('tmpfs'), target: text(isAbsolute), size: size().optional() }),
]);

const published = z.strictObject({
  container: port(),
  host: port().optional(),
  bind: address.optional(),
  protocol: z.enum(['tcp', 'udp']).optional(),
});

const network = z.union([objectName, z.strictObject({ name: objectName, aliases: z.array(objectName).optional() })]);

const defaults = {
  port: port().optional(),
  healthcheckPath: path().optional(),
  healthcheck: healthcheck.optional(),
  maxInstances: z.int().min(1).max(50).optional(),
  replace: z.enum(['start-first', 'stop-first']).optional(),
  sharedVolume: z.boolean().optional(),
  rollbackWindow: duration().optional(),
  env: z
    .union([
      envRecord,
      z.custom<Extract<EnvOptions, (...args: never) => unknown>>(
        (value) => typeof value === 'function',
        'expected an object of texts, or a function that answers one',
      ),
    ])
    .optional(),
  plainEnv: z.array(text(envName)).optional(),
  labels: z
    .record(
      text(
        expecting(
          (key) => key.length > 0 && !key.startsWith('dev.quayside.'),
          "a label that does not begin with 'dev.quayside.'",
        ),
      ),
      z.string(),
    )
    .optional(),
  command: z.array(envValue).min(1).optional(),
  entrypoint: z.array(envValue).min(1).optional(),
  workingDir: text(isAbsolute).optional(),
  user: text(
    expecting(
      (value) => /^[a-zA-Z0-9_][a-zA-Z0-9_.-]*(:[a-zA-Z0-9_][a-zA-Z0-9_.-]*)?$/.test(value),
      "a user such as '1000:1000'",
    ),
  ).optional(),
  readOnlyRoot: z.boolean().optional(),
  init: z.boolean().optional(),
  mounts: z.array(mount).max(50).optional(),
  // The engine refuses less than 6 MB.
  memory: size()
    .refine((bytes) => bytes >= 6 * 1024 ** 2, { message: "expected at least '6m'" })
    .optional(),
  cpus: z.number().min(0.01).max(1024).optional(),
  pids: z.int().min(1).max(4_194_304).optional(),
  restart: z.enum(['no', 'on-failure', 'always', 'unless-stopped']).optional(),
  logRotation: z
    .union([
      z.literal(false),
      z.strictObject({ maxSize: size().optional(), maxFiles: z.int().min(1).max(1000).optional() }),
    ])
    .optional(),
  networks: z.array(network).min(1).max(16).optional(),
  ports: z.array(published).max(100).optional(),
  stopSignal: signal.optional(),
  stopGrace: duration().optional(),
  pull: z.enum(['always', 'missing', 'never']).optional(),
  oneShot: z.boolean().optional(),
  drain: duration().optional(),
  drainTimeout: duration().optional(),
  pullTimeout: duration().optional(),
  proveTimeout: duration().optional(),
  deployTimeout: duration().optional(),
  options: z.strictObject({ runtime: z.unknown().optional(), proxy: z.unknown().optional() }).optional(),
};

/** A placeholder or what a label may be made of; a dot begins a new label. */
const routePattern = (needs: string | null) =>
  text(
    expecting(
      (value) =>
        value.length <= 200 &&
        /^(?:[A-Za-z0-9.-]|\{(?:project|stage|tag)\})+$/.test(value) &&
        !/^\.|\.$|\.\./.test(value) &&
        value.split('.').length <= 4 &&
        (needs === null || value.includes(needs)),
      needs === null
        ? "a pattern such as 'stage-{stage}-{project}'"
        : `a pattern with ${needs}, such as 'stage-{stage}-{project}-{tag}'`,
    ),
  );

const stage = z.strictObject({
  ...defaults,
  domains: z.array(z.string()).max(40, 'expected at most 40 domains').optional(),
});

export const projectSchema = z.strictObject({
  ...defaults,
  image: text(expecting(isRepository, "a repository without a tag, such as 'registry.example.com/shop'")),
  stages: z.record(text(expecting((name) => isName(name), NAME_RULE)), stage),
});

export const projectsSchema = z.record(text(expecting(isName, NAME_RULE)), projectSchema);

export const settingsSchema = z.strictObject({
  ...defaults,
  // Room for a pattern's labels in front of it.
  domain: text(
    expecting(
      (value) => isDomainSuffix(value) && value.length <= 253 - (LABEL_LENGTH_MAX + 1),
      "a lower-case domain such as 'apps.example.com'",
    ),
  ).optional(),
  defaultRoute: routePattern(null).default('stage-{stage}-{project}'),
  taggedRoute: routePattern('{tag}').default('stage-{stage}-{project}-{tag}'),
  ttlMs: z.int().min(500).max(3_600_000).default(30_000),
  renewMs: z.int().min(100).max(1_200_000).default(10_000),
  effectTimeoutMs: z.int().min(100).max(600_000).default(15_000),
  undoTimeoutMs: z.int().min(100).max(3_600_000).default(30_000),
  absentForMs: z.int().min(0).max(600_000).default(2_000),
});

export type ParsedSettings = z.output<typeof settingsSchema>;
export type ParsedProject = z.output<typeof projectSchema>;
export type ParsedStage = z.output<typeof stage>;
export type ParsedDefaults = Omit<ParsedStage, 'domains'>;

/** Every word that a configuration knows, for the question whether another one was meant. */
export const CONFIG_WORDS: readonly string[] = [
  ...Object.keys(settingsSchema.shape),
  ...Object.keys(projectSchema.shape),
  ...Object.keys(healthcheck.shape),
  'domains',
];
