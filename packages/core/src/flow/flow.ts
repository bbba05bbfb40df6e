/**
 * The flow: what the steps of one deployment share. It is built from the spec and the journal alone, so that undo and recovery work
 * with the same one as the run did.
 */
import { errAsync, okAsync, type Result, type ResultAsync } from 'neverthrow';
import { type AnyError, failure, outcomeUnknown } from '../domain/errors.js';
import type { Json } from '../domain/json.js';
import { containerName } from '../domain/names.js';
import type { LogEntry, Maintenance } from '../domain/records.js';
import type { Spec } from '../domain/spec.js';
import type { Lease } from '../kernel/held-lease.js';
import { guard } from '../kernel/routine.js';
import { bounded, type Limit, sleep } from '../kernel/scope.js';
import { effectUnder } from '../kernel/under-leases.js';
import type { CallOptions } from '../ports/call.js';
import type { Container, ContainerRef, LocalImage } from '../ports/container-runtime.js';
import type { Call, Host } from './host.js';
import type { Ledger } from './ledger.js';
import type { StageState } from './stage-state.js';

export interface Flow {
  readonly host: Host;
  readonly ledger: Ledger;
  readonly spec: Spec;
  /** The environment in the clear; empty where nothing is created. */
  readonly env: { readonly [name: string]: string };
  /** The instance that the routes are to point to: the new container, or one that runs already. */
  readonly target: ContainerRef;
  /** The instance that the default route points to by the last commit. */
  readonly previous: PreviousInstance | null;
  /** Leases beside the stage's that are held now. */
  readonly held: Lease[];
  /** Steps that are to come, whose intents are in the journal already, and the leases that were taken for them. */
  readonly foreseen: Map<string, { readonly intent: Json; readonly keys: readonly string[] }>;
  /** Keeps leases from being freed that nothing needs for the moment. */
  cancelRelease: () => void;
  /** Settled when those that were held before are free. */
  releasing: Promise<unknown>;
  /** What this run has found out on its way. Only to save asking again: undo must do without. */
  readonly seen: Seen;
  log(level: LogEntry['level'], message: string, data?: Json): void;
  /**
   * A change at the engine or the proxy: it starts only while every lease outlasts it, and is given up at its limit (default
   * `effectTimeoutMs`; a longer one still starts under that). Stopping and removing what never was committed, or retires, needs no
   * lease: see `call`.
   */
  effect<T, E extends AnyError>(
    what: string,
    signal: AbortSignal,
    call: (options: CallOptions) => PromiseLike<Result<T, E>>,
    limit?: Limit,
  ): ResultAsync<T, E | AnyError>;
  readonly call: Call;
  /** How long it takes, from now, until nothing can still happen that was sent and not answered: by us, or by a holder that died. */
  unsettledMs(): number;
}

export interface Seen {
  /** The image, as the engine has it; undefined: it has none yet. */
  image?: LocalImage | undefined;
  /** The target as it was inspected last, and when, by the monotonic clock. */
  target?: { readonly container: Container; readonly atMs: number };
  /** What the engine says of the target right when its start is through, asked for while that runs; undefined: nothing of use. */
  started?: ResultAsync<Container | undefined, AnyError>;
  /** Domains that lead to the target already, and where to: put by an earlier step of this run. */
  routed?: { readonly domains: readonly string[]; readonly host: string; readonly port: number };
  /** Of those domains: whether the front door serves them, which is being asked. */
  proving?: ResultAsync<void, AnyError>;
  /** The first look of the health check, which the route step has begun; to be ended with it. */
  looking?: { readonly look: ResultAsync<unknown, AnyError>; end(): void };
  /** Where the health check was answered well. */
  answered?: { readonly host: string; readonly port: number };
  /** The target as it is since then, which is being asked. */
  confirming?: ResultAsync<Container | undefined, AnyError>;
  /** The stage's state as it was read while the routes were proved: what the commit is made of at first. */
  stage?: ResultAsync<StageState, AnyError>;
  /** Where the cutover has put the routes. */
  put?: { readonly host: string; readonly port: number };
  /** The target was there, and was removed: it does not come again. */
  wasRemoved?: boolean;
  /** What visitors of the stage are told in the place of an instance: nobody changes it while the stage's lease is held. Null: nothing. */
  maintenance?: Maintenance | null;
  /** Restarts of the target before this deployment: of a new one none. */
  restarts?: number;
}

export interface PreviousInstance {
  readonly id: string;
  readonly container: string;
  readonly spec: Spec;
}

export interface FlowParts {
  readonly host: Host;
  readonly ledger: Ledger;
  readonly spec: Spec;
  readonly env: { readonly [name: string]: string };
  readonly target: ContainerRef;
  readonly previous: PreviousInstance | null;
  readonly image?: LocalImage | undefined;
}

export function makeFlow(parts: FlowParts): Flow {
  const { host, ledger } = parts;
  const { effectTimeoutMs } = host.settings;
  const held: Lease[] = [];
  // Of calls that an earlier holder of the stage has made no more is known than that they were given up before we got it.
  let givenUpMs = ledger.lease.grantedMs;
  const noted = <T, E extends AnyError>(ended: Result<T, E>): Result<T, E> => {
    if (ended.isErr() && outcomeUnknown(ended.error)) givenUpMs = host.clock.monotonicMs();
    return ended;
  };
  return {
    ...parts,
    held,
    foreseen: new Map(),
    cancelRelease: () => {},
    releasing: Promise.resolve(),
    seen: { image: parts.image },
    log: (level, message, data = null) => ledger.log(level, message, data),
    call: (...args) => guard(async () => noted(await host.call(...args))),
    effect: (what, signal, call, limit = { ms: effectTimeoutMs, setting: 'effectTimeoutMs' }) =>
      effectUnder([ledger.lease, ...held], effectTimeoutMs, { signal }, async () =>
        noted(await bounded(host.clock, [signal, ledger.lease.lost], { ...limit, what }, call)),
      ),
    unsettledMs() {
      const quietMs = [ledger.lease, ...held].map((lease) => lease.quietMs);
      return Math.max(0, Math.max(givenUpMs + host.settings.absentForMs, ...quietMs) - host.clock.monotonicMs());
    },
  };
}

/** Waits for that long: what is absent afterwards is not coming any more, and what is there stays as it is. */
export const waitOut = (flow: Flow, signal: AbortSignal): ResultAsync<void, AnyError> => {
  const ms = flow.unsettledMs();
  return ms > 0 ? sleep(flow.host.clock, ms, signal) : okAsync(undefined);
};

/** The container of a deployment: by a name that is known before it exists. */
export const containerRef = (host: Pick<Host, 'storeId'>, spec: Spec, deployment: string): ContainerRef => ({
  name: containerName(spec.project, spec.stage, spec.tag, deployment),
  owner: { storeId: host.storeId, deployment },
});

/** The container of an instance by its record. */
export const instanceRef = (
  host: Pick<Host, 'storeId'>,
  instance: { id: string; container: string },
): ContainerRef => ({
  name: instance.container,
  owner: { storeId: host.storeId, deployment: instance.id },
});

/** For a port that a spec asks for and the host does not have: it was refused when configured, so the host was changed since. */
export const missingPort = (what: string) =>
  errAsync<never, AnyError>(
    failure(
      'unsupported',
      `This host has no ${what}, and the deployment's spec needs one.`,
      `Give createDeployer a ${what} again, or run this on a host that has one.`,
    ),
  );
