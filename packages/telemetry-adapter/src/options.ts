import type { Tracer } from '@opentelemetry/api';
import { check, duration, type InvalidError, invalid, type Store } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { type OpenMetricsContentType, Registry } from 'prom-client';
import { z } from 'zod';

/** Of either format. */
export type AnyRegistry = Registry | Registry<OpenMetricsContentType>;

const having = <T>(what: string, ...methods: readonly string[]) =>
  z.custom<T>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      methods.every((name) => typeof (value as Readonly<Record<string, unknown>>)[name] === 'function'),
    { message: `expected ${what}` },
  );

/** The store, or what its factory answered: `createDeployer` reports what is wrong with that. */
const store = () =>
  z
    .custom<Store | Result<Store, unknown>>((value) => typeof value === 'object' && value !== null, {
      message: 'expected the store that the deployer has',
    })
    .transform((given, context) => {
      const found = 'isErr' in given ? given.unwrapOr(undefined) : given;
      if (found && typeof found.list === 'function') return found;
      context.addIssue({ code: 'custom', message: 'expected the store that the deployer has' });
      return z.NEVER;
    });

const Options = z.strictObject({
  /**
   * The deployer's own. From it come the gauges: what waits and runs, tasks, leases, instances, whoever made them. Without it there are
   * only the counters and histograms of this process.
   */
  store: store().optional(),
  /** Where the metrics are registered; default: one of its own, in the text format of Prometheus. */
  registry: having<AnyRegistry>('a Registry of prom-client', 'registerMetric', 'getSingleMetric', 'metrics').optional(),
  /** What the names of metrics begin with; default `quayside_`. */
  prefix: z
    .string()
    .regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, 'expected letters, digits and underscores')
    .default('quayside_'),
  /** Makes the spans; default: that of OpenTelemetry's global provider, which does nothing until one is set up. `false`: no spans. */
  tracer: z.union([z.literal(false), having<Tracer>('a Tracer of OpenTelemetry', 'startSpan')]).optional(),
  /**
   * The label of a stage; default its name, and `pr-*` for what begins with `pr-`, `mr-`, `preview-` or `review-`: each value is a series
   * of its own, as long as the process lives.
   */
  stageLabel: z.custom<(stage: string, project: string) => string>((value) => typeof value === 'function').optional(),
  /** Pairs of project and stage that have series of their own; those beyond it share `other`. Default 200. */
  seriesMax: z.int().min(1).max(10_000).default(200),
  /** How long what was read from the store is shown again, and how long reading may take; default 10 s and 5 s. */
  stateEvery: duration().pipe(z.int().min(0).max(3_600_000)).default(10_000),
  stateTimeout: duration().pipe(z.int().min(1).max(60_000)).default(5_000),
});

export type TelemetryOptions = z.input<typeof Options>;
export type Settings = Omit<z.output<typeof Options>, 'registry'> & { readonly registry: AnyRegistry };

export function parseOptions(options: TelemetryOptions): Result<Settings, InvalidError<'invalid-options'>> {
  return check('invalid-options', Options, options, 'telemetry').andThen((settings) => {
    const { registry = new Registry(), prefix } = settings;
    if (registry.getSingleMetric(`${prefix}deployments_total`) !== undefined) {
      const expected = 'another prefix than that of the telemetry which the registry has already';
      return err(
        invalid('invalid-options', [{ path: 'telemetry.prefix', expected, received: JSON.stringify(prefix) }]),
      );
    }
    return ok({ ...settings, registry });
  });
}
