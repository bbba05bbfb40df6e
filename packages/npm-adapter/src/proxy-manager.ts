import { setMaxListeners } from 'node:events';
import {
  aborted,
  bug,
  type CallOptions,
  type HeldRoute,
  type InvalidError,
  type ProxyError,
  type ProxyManager,
  timedOut,
  untilAborted,
  within,
} from '@quayside/core/ports';
import { err, errAsync, ok, okAsync, type Result, ResultAsync } from 'neverthrow';
import { certificatesOf } from './api/certificates.js';
import { apiClient, type Limits } from './api/client.js';
import { hostsOf } from './api/hosts.js';
import { openSession } from './api/session.js';
import { closedError, noExpect } from './errors.js';
import { frontDoorOf } from './front-door/front-door.js';
import { prove } from './front-door/prove.js';
import { type NginxProxyManagerOptions, parseOptions } from './options.js';
import { serialQueue } from './queue.js';
import { heldRoute, labelOf } from './routes/ours.js';
import { errorOf, putRoute, type Work } from './routes/put.js';
import { removeRoute } from './routes/remove.js';
import { wishOf } from './routes/wish.js';
import { parseStageOptions } from './stage-options.js';

const PROVE_MS = 10_000;

/**
 * Routes of Nginx Proxy Manager (2.9 on; tried with 2.15), over its API.
 *
 * Changes go one after another: two at once make nginx serve the default page to visitors of other routes. A change that was begun
 * is brought to its end, or taken back, even where its caller gives up meanwhile; it ends within `writeTimeout` after the call.
 *
 * Opens nothing: a wrong option is the error here, a proxy that does not answer or let us in is the first call's.
 */
export function nginxProxyManager(
  options: NginxProxyManagerOptions,
): Result<ProxyManager, InvalidError<'invalid-options'>> {
  return parseOptions(options).map((resolved): ProxyManager => {
    const { api, identityUrl: url, identity, secret, answerTimeoutMs, writeTimeoutMs, reaches } = resolved;
    const { certificateTimeoutMs } = resolved;
    const closing = new AbortController();
    // As many as there are calls under way listen to it; each lets go at its end.
    setMaxListeners(0, closing.signal);
    const session = openSession({ api, url, identity, secret, answerTimeoutMs, closing: closing.signal });
    const client = apiClient({ api, url, answerTimeoutMs, session, closing: closing.signal });
    const hosts = hostsOf(client, url);
    const certificates = certificatesOf(client, url);
    const frontDoor = frontDoorOf(resolved.frontDoor);
    const queue = serialQueue();

    /** Something that changes nothing: it ends with its caller's signal, and with us. */
    const read = <T>(
      what: string,
      { signal }: CallOptions,
      limitMs: number,
      work: (limits: Limits) => Promise<Result<T, ProxyError>>,
    ): ResultAsync<T, ProxyError> => {
      if (closing.signal.aborted) return errAsync(closedError());
      if (signal.aborted) return errAsync(aborted(what, signal.reason));
      return guarded(async () => {
        const endMs = performance.now() + limitMs;
        const leftMs = () => endMs - performance.now();
        const both = joined(signal, closing.signal);
        const result = await work({ signal: both.signal, leftMs }).finally(both.release);
        if (result.isOk()) return result;
        if (closing.signal.aborted) return err(closedError());
        return signal.aborted ? err(aborted(what, signal.reason)) : result;
      });
    };

    /** A change: it waits for its turn, and once begun ends by itself, whoever still waits for it. */
    const write = <T>(
      what: string,
      { signal }: CallOptions,
      limitMs: number,
      work: (work: Work) => Promise<Result<T, ProxyError>>,
    ): ResultAsync<T, ProxyError> => {
      if (closing.signal.aborted) return errAsync(closedError());
      if (signal.aborted) return errAsync(aborted(what, signal.reason));
      const endMs = performance.now() + limitMs;
      const leftMs = () => endMs - performance.now();
      let hasBegun = false;
      const change = () =>
        within(closing.signal, limitMs, async (limit): Promise<Result<T, ProxyError>> => {
          const turn = joined(signal, limit.signal);
          const run = () => {
            turn.release();
            hasBegun = true;
            const limits = { signal: limit.signal, leftMs };
            const isWanted = () => !signal.aborted;
            return work({ hosts, certificates, certificateTimeoutMs, frontDoor, limits, isWanted });
          };
          const result = await queue.run(turn.signal, run).finally(turn.release);
          if (closing.signal.aborted && result?.isOk() !== true) return err(closedAmid(hasBegun));
          if (limit.timedOut && result?.isOk() !== true) return err(overTime(what, limitMs, hasBegun));
          return result ?? err({ ...aborted(what, signal.reason), outcome: 'refused' });
        });
      return guarded(() => untilAborted(change(), signal, () => err(aborted(what, signal.reason))));
    };

    return {
      name: 'nginx-proxy-manager',
      writes: 'serial',
      capabilities: {
        acceptsUnready: true,
        weights: false,
        expect: false,
        streamsSurviveWrite: true,
        sticky: false,
        holding: true,
        maxTargets: 1,
      },
      describe: (call) =>
        read('Describing the proxy', call, answerTimeoutMs, async () => ok({ identity: url, reaches })),
      put(route, { signal, expect }) {
        if (expect !== undefined) return errAsync(noExpect(route.domain));
        const wish = wishOf(route);
        if (wish.isErr()) return errAsync(wish.error);
        const isLong = wish.value.options.certificate === 'request';
        const limitMs = writeTimeoutMs + (isLong ? certificateTimeoutMs : 0);
        return write(`Putting ${route.domain}`, { signal }, limitMs, (work) => putRoute(wish.value, work));
      },
      remove: (route, call) =>
        write(`Removing ${route.domain}`, call, writeTimeoutMs, (work) => removeRoute(route, work)),
      get: (domain, call) =>
        read(`Reading ${domain}`, call, answerTimeoutMs, async (limits) => {
          const about = { what: `Reading ${domain}`, domain };
          const found = await hosts.find(domain, about, limits);
          if (found.isErr()) return err(errorOf(found.error, about));
          return ok(found.value && heldRoute(found.value, domain));
        }),
      list: ({ storeId }, call) =>
        read('Listing the routes', call, answerTimeoutMs, async (limits) => {
          const about = { what: 'Listing the routes', domain: 'the list' };
          const listed = await hosts.list(about, limits);
          if (listed.isErr()) return err(errorOf(listed.error, about));
          return ok(
            listed.value.flatMap((host): HeldRoute[] => {
              const label = labelOf(host);
              if (!label?.mark.startsWith(storeId)) return [];
              return [heldRoute(host, label.domain || (host.domain_names[0] ?? ''))];
            }),
          );
        }),
      prove: (route, request, { signal, timeoutMs = PROVE_MS }) =>
        read(`Proving ${route.domain}`, { signal }, timeoutMs, (limits) => {
          const host = async () => {
            const about = { what: `Proving ${route.domain}`, domain: route.domain };
            const found = await hosts.find(route.domain, about, limits);
            return found.unwrapOr(undefined);
          };
          return prove(frontDoor, route, request, host, limits);
        }),
      parseOptions: parseStageOptions,
      secrets: session.secrets,
      close() {
        closing.abort();
        return ResultAsync.fromSafePromise(queue.idle()).andThen(() => okAsync(undefined));
      },
    };
  });
}

const closedAmid = (hasBegun: boolean): ProxyError => ({
  ...closedError(),
  ...(hasBegun ? { outcome: 'unknown' as const } : {}),
});

const overTime = (what: string, limitMs: number, hasBegun: boolean): ProxyError => ({
  ...timedOut(what, limitMs),
  outcome: hasBegun ? 'unknown' : 'refused',
});

/** A throw inside is a bug that is answered, not one that ends its host. */
const guarded = <T>(work: () => Promise<Result<T, ProxyError>>): ResultAsync<T, ProxyError> =>
  ResultAsync.fromThrowable(work, (cause): ProxyError => bug(cause))().andThen((result) => result);

/** Aborted with either of the two; `release` lets go of both. */
function joined(one: AbortSignal, other: AbortSignal): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const release = () => {
    one.removeEventListener('abort', abort);
    other.removeEventListener('abort', abort);
  };
  if (one.aborted || other.aborted) abort();
  one.addEventListener('abort', abort, { once: true });
  other.addEventListener('abort', abort, { once: true });
  return { signal: controller.signal, release };
}
