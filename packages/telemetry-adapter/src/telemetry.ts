import { trace } from '@opentelemetry/api';
import type { InvalidError } from '@quayside/core/ports';
import type { Result } from 'neverthrow';
import { COUNTERS, GAUGES, HISTOGRAMS } from './catalogue.js';
import { labels } from './labels.js';
import { gaugesIn, meterIn } from './meter.js';
import { type Observable, observe } from './observe.js';
import { type AnyRegistry, parseOptions, type Settings, type TelemetryOptions } from './options.js';
import { traceFrom } from './spans.js';
import { readState, type State } from './state.js';

/** Metrics and spans of one deployer. It is a plugin as well: `createDeployer({ plugins: [telemetry({ store })] })`. */
export interface Telemetry {
  readonly registry: AnyRegistry;
  /** Of what `metrics` answers. */
  readonly contentType: string;
  /** The registry's metrics, with what the store holds now. */
  metrics(): Promise<string>;
  /** Answers a scrape: GET or HEAD, anything else is 405. Whoever may reach it learns names of projects and stages: guard it. */
  handle(request: Request): Promise<Response>;
  /** Counts and traces what this deployer does in this process, until the answer is called. */
  observe(deployer: Observable): () => void;
  /** Ends every observation, and takes its metrics out of the registry. Twice is fine. */
  close(): void;

  // The plugin
  readonly name: 'telemetry';
  readonly version: string;
  readonly after: readonly [];
  readonly adapters: { readonly [port: string]: never };
  setup(host: Observable): { dispose(): void };
}

/**
 * Prometheus metrics and OpenTelemetry spans. Counters and histograms are of this process's events; the gauges are read from the store when
 * they are scraped, at most each `stateEvery`, so that any one of several processes can show them.
 */
export function telemetry(options: TelemetryOptions = {}): Result<Telemetry, InvalidError<'invalid-options'>> {
  return parseOptions(options).map(make);
}

function make(settings: Settings): Telemetry {
  const { registry, prefix, store, tracer, seriesMax, stageLabel } = settings;
  const meter = meterIn(registry, prefix);
  if (store)
    gaugesIn(
      registry,
      prefix,
      cached(() => readState(store, settings.stateTimeout), settings.stateEvery),
    );
  const named = labels(seriesMax, stageLabel);
  const running = new Set<() => void>();

  const start = (source: Observable): (() => void) => {
    const stops = [observe(source, meter, named)];
    // Asked for by name at each use: the provider may be set up after this.
    if (tracer !== false) stops.push(traceFrom(source, tracer ?? trace.getTracer('@quayside/telemetry-adapter')));
    const stop = () => {
      running.delete(stop);
      for (const each of stops.splice(0)) each();
    };
    running.add(stop);
    return stop;
  };

  return {
    registry,
    get contentType() {
      return registry.contentType;
    },
    metrics: () => registry.metrics(),
    handle: (request) => answer(registry, request),
    observe: start,
    close() {
      for (const stop of [...running]) stop();
      for (const name of Object.keys({ ...COUNTERS, ...HISTOGRAMS, ...GAUGES }))
        registry.removeSingleMetric(`${prefix}${name}`);
    },
    name: 'telemetry',
    version: '1.0.0',
    after: [],
    adapters: {},
    setup: (host) => ({ dispose: start(host) }),
  };
}

async function answer(registry: AnyRegistry, { method }: Request): Promise<Response> {
  if (method !== 'GET' && method !== 'HEAD')
    return new Response('Only GET and HEAD.\n', { status: 405, headers: { allow: 'GET, HEAD' } });
  const headers = { 'content-type': registry.contentType, 'cache-control': 'no-store' };
  return new Response(method === 'HEAD' ? null : await registry.metrics(), { headers });
}

/** One reading at a time, however many gauges and scrapers ask, and shown again for a while. */
function cached(read: () => Promise<State | undefined>, everyMs: number): () => Promise<State | undefined> {
  let reading: Promise<State | undefined> | undefined;
  let untilMs = 0;
  return () => {
    if (reading && performance.now() < untilMs) return reading;
    untilMs = Number.POSITIVE_INFINITY;
    reading = read().finally(() => {
      untilMs = performance.now() + everyMs;
    });
    return reading;
  };
}
