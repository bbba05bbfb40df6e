import { hostname } from 'node:os';
import {
  aborted,
  bug,
  check,
  type HealthProbe,
  type InvalidError,
  type ProbeAnswer,
  type ProbeError,
  type ProbeRequest,
  type Reach,
  within,
} from '@quayside/core/ports';
import { err, errAsync, type Result, ResultAsync } from 'neverthrow';
import { z } from 'zod';
import { describeRequest } from './failure.js';
import { httpAttempt } from './http-attempt.js';
import { tcpAttempt } from './tcp-attempt.js';

const name = z.string().min(1);

const Options = z.strictObject({
  /** The engine's network that this process is on: containers are then asked by name, before any other way. */
  network: name.optional(),
  /** The node whose addresses and published ports this process reaches; default the machine's host name. */
  node: name.optional(),
  /** All that it reaches, the best first, instead of what follows from `network` and `node`. */
  reaches: z
    .array(
      z.discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('name'), network: name }),
        z.strictObject({ kind: z.literal('address'), node: name }),
        z.strictObject({ kind: z.literal('published'), node: name }),
      ]),
    )
    .min(1)
    .optional(),
});
export type HttpProbeOptions = z.input<typeof Options>;

/**
 * A `HealthProbe` for `http` and `tcp`, from the process that it lives in.
 *
 * Each attempt is a connection of its own. Redirects are not followed, and at most 64 kB of a body are read. `tcp` is content
 * with a connection that is not closed within 25 ms. A failure is `probe-failed` with its `reason`, and the system's own
 * word as `code`; no message holds a header's value or the path's query.
 *
 * It opens nothing before its first attempt and keeps nothing open between two.
 */
export function httpProbe(options: HttpProbeOptions = {}): Result<HealthProbe, InvalidError<'invalid-options'>> {
  return check('invalid-options', Options, options, 'httpProbe').map((given) => ({
    name: 'http',
    reaches: given.reaches ?? defaultReaches(given.network, given.node ?? hostname()),
    check: (request, { signal }) =>
      signal.aborted
        ? errAsync(aborted(describeRequest(request), signal.reason))
        : ResultAsync.fromThrowable(() => attempt(request, signal), bug)().andThen((result) => result),
  }));
}

/** A container's own address means something on Linux alone: elsewhere the engine runs in a machine of its own. */
function defaultReaches(network: string | undefined, node: string): readonly Reach[] {
  return [
    ...(network === undefined ? [] : [{ kind: 'name', network } as const]),
    ...(process.platform === 'linux' ? [{ kind: 'address', node } as const] : []),
    { kind: 'published', node },
  ];
}

async function attempt(request: ProbeRequest, signal: AbortSignal): Promise<Result<ProbeAnswer, ProbeError>> {
  return within(signal, request.timeoutMs, async (limit) => {
    const result = await (request.kind === 'tcp' ? tcpAttempt(request, limit) : httpAttempt(request, limit));
    // What an abort breaks off fails like a broken connection: it is told apart here.
    if (result.isErr() && signal.aborted) return err(aborted(describeRequest(request), signal.reason));
    return result;
  });
}
