/** The judge of a progressive cutover: it reads what the proxy has counted of the new instance, and says when that is worse than was agreed. */
import { err, errAsync, ok, okAsync, type ResultAsync } from 'neverthrow';
import { type AnyError, failure } from '../domain/errors.js';
import type { Measured } from '../domain/reports.js';
import type { SpecCutover } from '../domain/spec.js';
import { guard, routine } from '../kernel/routine.js';
import type { CallOptions } from '../ports/call.js';
import type { ProxyManager, TargetStatistics } from '../ports/proxy-manager.js';
import type { Flow } from './flow.js';
import { measuredSince, worseThan } from './measured.js';

/** So often in a row the proxy's counts may not be had. */
const MISSES_MAX = 2;

/** What has come since the last verdict; null where nothing is counted, or could not be read this once. */
type Judge = (weight: number, signal: AbortSignal) => ResultAsync<Measured | null, AnyError>;

/** Judges what the instance has answered since the last verdict, once there is enough of it. */
export function openJudge(
  flow: Flow,
  proxy: ProxyManager,
  { abortOn }: SpecCutover,
  next: string,
  signal: AbortSignal,
): ResultAsync<Judge, AnyError> {
  if (!abortOn) return okAsync(() => okAsync(null));
  const read = (under: AbortSignal): ResultAsync<TargetStatistics, AnyError> =>
    flow.call(`Reading what ${next} has answered`, under, (options) => countsOf(proxy, next, options));
  return routine(async function* () {
    let since = yield* read(signal);
    let misses = 0;
    const judge: Judge = (weight, under) =>
      guard(async () => {
        const now = await read(under);
        misses = now.isOk() ? 0 : misses + 1;
        if (now.isErr()) return misses < MISSES_MAX && !under.aborted ? ok(null) : err(now.error);
        const measured = measuredSince(since, now.value);
        if (measured.requests < abortOn.minRequests) return ok(measured);
        since = now.value;
        const worse = worseThan(measured, abortOn);
        if (worse !== undefined) return err(worseAt(weight, worse, measured, abortOn));
        flow.log('info', `It does well with ${weight} %: ${described(measured)}.`, { weight, ...measured });
        return ok(measured);
      });
    return ok<Judge, AnyError>(judge);
  });
}

const described = ({ errors, p99Ms, requests }: Measured): string =>
  `${requests} requests, ${errors} errors${p99Ms === null ? '' : `, 99 % within ${Math.ceil(p99Ms)} ms`}`;

const worseAt = (
  weight: number,
  worse: string,
  measured: Measured,
  limits: NonNullable<SpecCutover['abortOn']>,
): AnyError =>
  failure(
    'cutover-aborted',
    `With ${weight} % of the requests ${worse}.`,
    'Look at its log, and at what else was slow or down at that time; then deploy again.',
    { details: { weight, ...measured, limits } },
  );

function countsOf(
  proxy: ProxyManager,
  instance: string,
  options: CallOptions,
): ResultAsync<TargetStatistics, AnyError> {
  const counts: ResultAsync<TargetStatistics, AnyError> | undefined = proxy.statistics?.(instance, options);
  return (
    counts ??
    errAsync(
      failure(
        'unsupported',
        `The proxy ${proxy.name} does not count what an instance answers.`,
        'Take `abortOn` out of the stage, or use a proxy that counts.',
      ),
    )
  );
}
