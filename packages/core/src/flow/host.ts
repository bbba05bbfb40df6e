/** What a deployer consists of, for everything that runs in it. */
import type { Result, ResultAsync } from 'neverthrow';
import type { ParsedProject, ParsedSettings } from '../config/schema.js';
import type { AbortedError, AnyError, BugError, TaggedError, TimeoutError } from '../domain/errors.js';
import type { EventHub } from '../events/hub.js';
import type { Leases } from '../kernel/lease.js';
import type { Limit } from '../kernel/scope.js';
import type { Secrets } from '../kernel/secrets.js';
import type { CallOptions } from '../ports/call.js';
import type { Clock, Ids } from '../ports/clock.js';
import type { ContainerRuntime } from '../ports/container-runtime.js';
import type { HealthProbe } from '../ports/health-probe.js';
import type { Notifier } from '../ports/notifier.js';
import type { ProxyManager } from '../ports/proxy-manager.js';
import type { Registry } from '../ports/registry.js';
import type { Sealer } from '../ports/sealer.js';
import type { Store } from '../ports/store.js';
import type { Surroundings } from './describe.js';
import type { Extensions } from './extensions.js';
import type { Traffic } from './traffic.js';

export interface Host {
  /** This deployer's own id, drawn when it was created. */
  readonly id: string;
  readonly storeId: string;
  /** The worker group that it is in, and that what it submits belongs to; null: none. */
  readonly group: string | null;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly store: Store;
  readonly runtime: ContainerRuntime;
  readonly proxy: ProxyManager | null;
  readonly probe: HealthProbe;
  readonly registry: Registry | null;
  /** Null where the host has no key: then secrets are not kept. */
  readonly sealer: Sealer | null;
  /** What nothing that leaves this host may show. */
  readonly secrets: Secrets;
  readonly notifiers: readonly Notifier[];
  readonly settings: ParsedSettings;
  readonly projects: ProjectSource;
  readonly leases: Leases;
  readonly hub: EventHub;
  readonly traffic: Traffic;
  /** Null where there are no plugins. */
  readonly extensions: Extensions | null;
  /** Aborted when the deployer has closed: nothing is waited for any more. */
  readonly ended: AbortSignal;
  /** A call that changes nothing that a lease covers: bounded by `limit` (default `effectTimeoutMs`), and guarded. */
  readonly call: Call;
  /** Identities and reach of the runtime and the proxy. */
  readonly surroundings: (options: CallOptions) => ResultAsync<Surroundings, AnyError>;
}

export type Call = <T, E extends AnyError>(
  what: string,
  signal: AbortSignal,
  call: (options: CallOptions) => PromiseLike<Result<T, E>>,
  limit?: Limit,
) => ResultAsync<T, E | AbortedError | TimeoutError | BugError>;

/** Where projects come from: the configuration, or the host's own function. */
export type ProjectSource = (
  name: string,
  options: CallOptions,
) => ResultAsync<
  ParsedProject,
  TaggedError<'unknown-project'> | TaggedError<'invalid-config'> | AbortedError | BugError
>;
