import { err, ok, type Result } from 'neverthrow';
import type { Issue } from '../domain/errors.js';
import type { HealthCheck, HttpCheck } from '../domain/health.js';
import type { ParsedDefaults } from './schema.js';

/** The health check of a stage, from the fields of all layers. Its issues' paths begin at the stage. */
export function resolveHealth(
  layers: readonly ParsedDefaults[],
  stage: { readonly oneShot: boolean; readonly port: number | null },
): Result<HealthCheck, readonly Issue[]> {
  const options: NonNullable<ParsedDefaults['healthcheck']> = Object.assign({}, ...layers.map(fieldsOf));
  if (stage.oneShot) return ok({ kind: 'ends' });
  const kind = options.kind ?? (stage.port === null ? 'running' : 'http');
  const timing = {
    retries: options.retries ?? 3,
    intervalMs: options.interval ?? 5_000,
    timeoutMs: options.timeout ?? 10_000,
    startPeriodMs: options.startPeriod ?? 0,
    successThreshold: options.successThreshold ?? 1,
  };
  if (kind === 'running') return ok({ kind, settleMs: options.settleMs ?? 2_000 });
  const issues: Issue[] = [];
  if (timing.timeoutMs === 0) issues.push({ path: 'healthcheck.timeout', expected: 'more than 0', received: '0' });
  if (timing.intervalMs === 0) issues.push({ path: 'healthcheck.interval', expected: 'more than 0', received: '0' });
  const port = options.port ?? stage.port;
  if (kind !== 'image' && port === null) {
    issues.push({ path: 'healthcheck.port', expected: `a port for the ${kind} check`, received: 'nothing' });
  }
  const statuses = ranges(options.expectStatus);
  if (statuses.some(([from, to]) => from > to)) {
    issues.push({
      path: 'healthcheck.expectStatus',
      expected: 'ranges from low to high',
      received: JSON.stringify(options.expectStatus),
    });
  }
  if (issues.length > 0 || (kind !== 'image' && port === null)) return err(issues);
  if (kind === 'image' || port === null) return ok({ kind: 'image', ...timing });
  if (kind === 'tcp') return ok({ kind, port, ...timing });
  return ok({
    kind,
    port,
    ...timing,
    method: options.method ?? 'GET',
    path: options.path ?? '/',
    headers: options.headers ?? {},
    expectStatus: statuses,
    expectBody: bodyOf(options.expectBody),
  });
}

/** The short form counts as written in the same layer as the long one, which wins. */
function fieldsOf(layer: ParsedDefaults): NonNullable<ParsedDefaults['healthcheck']> {
  const short = layer.healthcheckPath === undefined ? {} : { path: layer.healthcheckPath };
  return { ...short, ...layer.healthcheck };
}

function bodyOf(body: string | RegExp | undefined): HttpCheck['expectBody'] {
  if (body === undefined) return null;
  // A sticky or global one remembers where it stopped: the next attempt would begin there.
  return typeof body === 'string' ? { text: body } : { pattern: body.source, flags: body.flags.replace(/[gy]/g, '') };
}

type Written = number | string | readonly (number | string)[];

function ranges(written: Written = '200-299'): (readonly [number, number])[] {
  return (Array.isArray(written) ? (written as readonly (number | string)[]) : [written as number | string]).map(
    (each) => {
      const [from = '', to = from] = String(each).split('-');
      return [Number(from), Number(to)] as const;
    },
  );
}
