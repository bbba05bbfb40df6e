/** The container that routes are to lead to: what the engine says of it, and where the proxy reaches it. */
import { ok, okAsync, type ResultAsync } from 'neverthrow';
import { endpointOf } from '../domain/endpoints.js';
import type { AnyError } from '../domain/errors.js';
import type { Spec } from '../domain/spec.js';
import { guard } from '../kernel/routine.js';
import type { Container } from '../ports/container-runtime.js';
import type { Flow } from './flow.js';

/** Where something is reached. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

export const isSamePlace = (one: Place | null | undefined, other: Place | null | undefined): boolean =>
  one?.host === other?.host && one?.port === other?.port;

/** Where the proxy reaches this instance now, as the runtime says at this moment. */
export function targetOf(
  spec: Pick<Spec, 'reach'>,
  instance: string,
  container: Container | undefined,
): (Place & { readonly instance: string }) | undefined {
  const chosen = spec.reach.proxy;
  const endpoint = chosen && container?.state === 'running' ? endpointOf(container.endpoints, chosen) : undefined;
  return endpoint && { instance, host: endpoint.host, port: endpoint.port };
}

/** What was seen so recently need not be asked again, in milliseconds: the call itself takes a few. */
const FRESH_MS = 50;

/** The target as it was seen a moment ago, while it ran, or as it is now. */
export function recentTarget(flow: Flow, signal: AbortSignal): ResultAsync<Container | undefined, AnyError> {
  const { target } = flow.seen;
  const isFresh = target !== undefined && flow.host.clock.monotonicMs() - target.atMs < FRESH_MS;
  return isFresh && target.container.endpoints.length > 0 ? okAsync(target.container) : inspectTarget(flow, signal);
}

/** The target as it is now. */
export const inspectTarget = (flow: Flow, signal: AbortSignal): ResultAsync<Container | undefined, AnyError> =>
  flow
    .call('Inspecting the container', signal, (options) =>
      flow.host.runtime.inspect(flow.target.name, { ...options, port: flow.spec.port }),
    )
    .map((container) => {
      if (container) flow.seen.target = { container, atMs: flow.host.clock.monotonicMs() };
      return container;
    });

/** How long a start has to run for the look beside it to save anything, in milliseconds. */
const LOOK_BESIDE_MS = 20;

/**
 * Asks what the target is while it is being started: an engine that starts it answers when that is through, with a question's way saved. One
 * that answers before that has said nothing.
 * @returns what ends it where the start is through without it
 */
export function lookBesideStart(flow: Flow, signal: AbortSignal): () => void {
  delete flow.seen.started;
  // Where it is reached is settled only when the last of its networks is.
  if (flow.spec.container.networks.length > 1) return () => {};
  return flow.host.clock.after(LOOK_BESIDE_MS, () => {
    flow.seen.started = inspectTarget(flow, signal).map((container) =>
      container?.state === 'running' && container.endpoints.length > 0 ? container : undefined,
    );
  });
}

/** The target right after its start. */
export function startedTarget(flow: Flow, signal: AbortSignal): ResultAsync<Container | undefined, AnyError> {
  const { started } = flow.seen;
  delete flow.seen.started;
  return guard(async () => {
    const seen = await started;
    return seen?.isOk() && seen.value ? ok(seen.value) : inspectTarget(flow, signal);
  });
}
