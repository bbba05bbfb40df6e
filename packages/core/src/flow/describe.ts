/** What the runtime and the proxy are, asked once in a while: identities and reach do not change from one deployment to the next. */
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import { describeEndpoint, type EndpointKind, matchEndpoint, type Reach } from '../domain/endpoints.js';
import { type AnyError, failure, type TaggedError } from '../domain/errors.js';
import type { Identities } from '../domain/records.js';
import { routine } from '../kernel/routine.js';
import type { CallOptions } from '../ports/call.js';
import type { RuntimeDescription } from '../ports/container-runtime.js';
import type { ProxyDescription } from '../ports/proxy-manager.js';
import type { Host } from './host.js';

export interface Surroundings {
  readonly runtime: RuntimeDescription;
  readonly proxy: ProxyDescription | null;
  readonly identities: Identities;
}

/** How long an answer is good for. */
const FRESH_MS = 30_000;

/** Asks, or remembers. An engine that was exchanged behind its address is noticed within half a minute. */
export function surroundings(
  host: Omit<Host, 'surroundings'>,
): (options: CallOptions) => ResultAsync<Surroundings, AnyError> {
  let known: { readonly value: Surroundings; readonly untilMs: number } | undefined;
  return ({ signal }) =>
    routine(async function* () {
      if (known && host.clock.monotonicMs() < known.untilMs) return ok(known.value);
      const runtime = yield* host.call(`Describing ${host.runtime.name}`, signal, (options) =>
        host.runtime.describe(options),
      );
      const { proxy: manager } = host;
      const proxy = manager
        ? yield* host.call(`Describing ${manager.name}`, signal, (options) => manager.describe(options))
        : null;
      const value = { runtime, proxy, identities: { runtime: runtime.identity, proxy: proxy?.identity ?? null } };
      known = { value, untilMs: host.clock.monotonicMs() + FRESH_MS };
      return ok<Surroundings, AnyError>(value);
    });
}

/** How the proxy and the probe will reach an instance on these networks, or why one of them cannot. */
export function matchReach(
  around: Surroundings,
  wanted: {
    readonly networks: readonly string[];
    readonly proxy: boolean;
    readonly probe: readonly Reach[] | null;
    readonly names: { readonly proxy: string; readonly probe: string; readonly runtime: string };
  },
): Result<{ readonly proxy: EndpointKind | null; readonly probe: EndpointKind | null }, TaggedError<'no-endpoint'>> {
  const offers = around.runtime.offers.flatMap((offer): readonly EndpointKind[] =>
    offer.kind === 'name' && wanted.networks.length > 0
      ? wanted.networks.map((network) => ({ kind: 'name' as const, network }))
      : [offer],
  );
  const match = (what: string, reach: readonly Reach[]) => {
    const found = matchEndpoint(reach, offers);
    return found ? ok(found) : err(noEndpoint(what, reach, offers));
  };
  const proxy = wanted.proxy ? match(`The proxy ${wanted.names.proxy}`, around.proxy?.reaches ?? []) : ok(null);
  if (proxy.isErr()) return err(proxy.error);
  const probe = wanted.probe ? match(`The health probe ${wanted.names.probe}`, wanted.probe) : ok(null);
  if (probe.isErr()) return err(probe.error);
  return ok({ proxy: proxy.value, probe: probe.value });
}

const noEndpoint = (
  what: string,
  reach: readonly Reach[],
  offers: readonly EndpointKind[],
): TaggedError<'no-endpoint'> =>
  failure(
    'no-endpoint',
    `${what} reaches ${reach.map(describeEndpoint).join(', ') || 'nothing'}; ` +
      `the runtime offers ${offers.map(describeEndpoint).join(', ') || 'nothing'}.`,
    'Put them on one network or node.',
  );
