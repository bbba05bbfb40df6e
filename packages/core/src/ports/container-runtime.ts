import type { Result, ResultAsync } from 'neverthrow';
import type { Endpoint, EndpointKind } from '../domain/endpoints.js';
import type { AbortedError, BugError, InvalidError, TaggedError, TimeoutError } from '../domain/errors.js';
import type { Json } from '../domain/json.js';
import type { ContainerShape } from '../domain/spec.js';
import type { CallOptions } from './call.js';
import type { KeepsSecrets } from './secrets.js';

export type RuntimeError =
  | AbortedError
  | TimeoutError
  | BugError
  | TaggedError<'engine-unreachable'>
  | TaggedError<'engine-refused'>
  | TaggedError<'name-taken'>
  | TaggedError<'container-missing'>
  | TaggedError<'start-failed'>
  | TaggedError<'port-taken'>
  | TaggedError<'network-missing'>
  | TaggedError<'image-not-found'>
  | TaggedError<'image-in-use'>
  | TaggedError<'image-unusable'>
  | TaggedError<'registry-unreachable'>
  | TaggedError<'registry-denied'>
  | TaggedError<'unsupported'>;

/** Whose a container is: in its labels from the moment it exists, and the condition of every change to it. */
export interface ContainerOwner {
  readonly storeId: string;
  readonly deployment: string;
}

/** A container by its name, meant only while it carries this owner. */
export interface ContainerRef {
  readonly name: string;
  readonly owner: ContainerOwner;
}

/** What is to be created. The environment is here in the clear, and nowhere else. */
export interface ContainerSpec extends ContainerShape, ContainerRef {
  readonly project: string;
  readonly stage: string;
  readonly tag: string;
  /** `repository@digest`, or an image id. It has to be there: create never pulls. */
  readonly image: string;
  readonly env: { readonly [name: string]: string };
  /** The app's port, which `inspect` answers endpoints for; null: none. */
  readonly port: number | null;
  /** The ways to reach it that were chosen: a `published` one asks for a port of the node that the engine chooses. */
  readonly expose: readonly EndpointKind[];
  /** What `parseOptions` made of the stage's options. */
  readonly options: Json;
}

export type ContainerState = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

export interface Container {
  readonly name: string;
  /** Null where it does not carry a store's id. */
  readonly owner: ContainerOwner | null;
  readonly project: string | null;
  readonly stage: string | null;
  readonly tag: string | null;
  readonly state: ContainerState;
  /** Of its last end; null while it has never ended, and where the engine forgot it since it runs again. */
  readonly exitCode: number | null;
  readonly oomKilled: boolean;
  readonly restarts: number;
  /** The image's own health check: null where it has none. */
  readonly health: { readonly status: 'starting' | 'healthy' | 'unhealthy'; readonly lastOutput: string } | null;
  /** Every way to reach its port now; empty while it does not run or has no port. */
  readonly endpoints: readonly Endpoint[];
}

export interface LocalImage {
  /** The engine's id, `sha256:…`. */
  readonly id: string;
  /** `repository@sha256:…`, as far as it was pulled or pushed; empty for one that was only built here. */
  readonly digests: readonly string[];
  readonly hasHealthcheck: boolean;
  /** Ports that the image says it exposes. */
  readonly ports: readonly number[];
}

export interface PullProgress {
  /** A layer's id; null for the whole. */
  readonly layer: string | null;
  /** In the engine's words: `Downloading`, `Extracting`, `Pull complete`. */
  readonly status: string;
  readonly currentBytes: number | null;
  readonly totalBytes: number | null;
}

export interface ContainerLogLine {
  /** Wall clock, milliseconds; null where the engine does not say. */
  readonly time: number | null;
  readonly stream: 'stdout' | 'stderr';
  /** Without its line end; at most 16 384 characters. */
  readonly text: string;
}

export interface LogOptions extends CallOptions {
  /** Only the last so many lines; default all. */
  readonly tail?: number;
  /** Wall clock of the engine, milliseconds: only lines from then on; default all. */
  readonly since?: number;
  /** Go on until the container ends or the signal is aborted. */
  readonly follow?: boolean;
}

/** What befell a container of ours. */
export interface RuntimeEvent {
  readonly type: 'started' | 'died' | 'oom' | 'health' | 'removed';
  readonly name: string;
  readonly owner: ContainerOwner;
  /** Of `died`. */
  readonly exitCode: number | null;
}

export interface RuntimeDescription {
  /** Stable and unique among engines: what is recorded as made through this one is looked for in it alone. */
  readonly identity: string;
  /** The ways in which it can make an instance reachable; the network of a `name` is its default one. */
  readonly offers: readonly EndpointKind[];
}

/**
 * What Quayside asks of a container engine, and nothing more: no engine type crosses this line. Durations are whole
 * milliseconds.
 *
 * Every method answers `aborted` once its signal is aborted, and `engine-unreachable` (retryable) when nobody answers. An
 * abort of a changing call does not take the change back: the caller looks, by the name it gave. Changes are idempotent and
 * conditional: what does not carry the owner that was given is left alone.
 */
export interface ContainerRuntime extends KeepsSecrets {
  /** What it is, for errors and logs: `docker`. */
  readonly name: string;

  describe(options: CallOptions): ResultAsync<RuntimeDescription, RuntimeError>;

  /**
   * What a reference (`repository:tag` or `repository@digest`) points to at its registry now: `sha256:…` of the manifest or
   * index. `image-not-found`, `registry-denied`, `registry-unreachable`.
   */
  resolve(reference: string, options: CallOptions): ResultAsync<{ readonly digest: string }, RuntimeError>;

  /** An image of the engine's own, by `repository:tag`, `repository@digest` or id; undefined where it has none. */
  image(reference: string, options: CallOptions): ResultAsync<LocalImage | undefined, RuntimeError>;

  /** Idempotent. A failure after the answer's head (they arrive in the stream) is an error like any other. */
  pull(
    reference: string,
    options: CallOptions & { readonly onProgress?: (progress: PullProgress) => void },
  ): ResultAsync<LocalImage, RuntimeError>;

  /** Never by force: `image-in-use` where a container uses it. Gone already is `ok`. */
  removeImage(reference: string, options: CallOptions): ResultAsync<void, RuntimeError>;

  /**
   * Makes the network if it is missing, with the store's id on it, and answers whether it made it. Two calls at once make
   * one network.
   */
  ensureNetwork(
    name: string,
    owner: { readonly storeId: string },
    options: CallOptions,
  ): ResultAsync<boolean, RuntimeError>;

  /** Removes a network that carries the store's id and that nothing is attached to; answers whether it did. */
  removeNetwork(
    name: string,
    owner: { readonly storeId: string },
    options: CallOptions,
  ): ResultAsync<boolean, RuntimeError>;

  /**
   * Creates, and does not start. Where a container of that name and owner is there already, `ok` (it was created by a call
   * whose answer was lost); of another owner: `name-taken`. `image-not-found`, `network-missing` (of the first network).
   */
  create(container: ContainerSpec, options: CallOptions): ResultAsync<void, RuntimeError>;

  /** Attaches the container to a further network. Already attached is `ok`. */
  connect?(
    container: ContainerRef,
    network: string,
    aliases: readonly string[],
    options: CallOptions,
  ): ResultAsync<void, RuntimeError>;

  /**
   * Already running is `ok` (304). `start-failed` (command missing, mount refused), `port-taken`, `container-missing`. Where an
   * init process was asked for, that one is started: a command that is missing then ends with exit code 127.
   */
  start(container: ContainerRef, options: CallOptions): ResultAsync<void, RuntimeError>;

  /**
   * Sends the container's stop signal, waits up to `graceMs`, then kills. Idempotent: stopped already (304) and gone (404)
   * are both `ok`. Source: Docker Engine API, `POST /containers/{id}/stop`; its `t` counts whole seconds, rounded up.
   */
  stop(container: ContainerRef, options: CallOptions & { readonly graceMs: number }): ResultAsync<void, RuntimeError>;

  /**
   * Kills it if it runs, and removes it with its anonymous volumes; named volumes stay. `removed`, `absent` (there was
   * none), or `foreign` (the name is somebody else's, and was left alone).
   */
  remove(container: ContainerRef, options: CallOptions): ResultAsync<'removed' | 'absent' | 'foreign', RuntimeError>;

  /**
   * The container of that name, whoever owns it; undefined where there is none.
   * @param port which port the endpoints are wanted for; null: none
   */
  inspect(
    name: string,
    options: CallOptions & { readonly port: number | null },
  ): ResultAsync<Container | undefined, RuntimeError>;

  /**
   * The container's own output, oldest first. Ends when there is no more (or, followed, when it ends), and quietly when the
   * signal is aborted; throws a `QuaysideError` (`container-missing`, `engine-unreachable`).
   */
  logs(name: string, options: LogOptions): AsyncIterable<ContainerLogLine>;

  /** Every container that carries the store's id, running or not. Without endpoints. */
  list(owner: { readonly storeId: string }, options: CallOptions): ResultAsync<readonly Container[], RuntimeError>;

  /**
   * What befalls the store's containers, from the moment that the answer is there until the signal is aborted. The iterable
   * throws `engine-unreachable` when the connection is lost: what was missed meanwhile has to be made up by a listing.
   */
  watch?(
    owner: { readonly storeId: string },
    options: CallOptions,
  ): ResultAsync<AsyncIterable<RuntimeEvent>, RuntimeError>;

  /** Runs a command inside a running container; answers its exit code and the first 64 kB of output. */
  exec?(
    container: ContainerRef,
    command: readonly string[],
    options: CallOptions,
  ): ResultAsync<{ readonly exitCode: number; readonly output: string }, RuntimeError>;

  /** Creates, starts, waits for the end and removes: answers the exit code and the last 64 kB of output. */
  runToEnd?(
    container: ContainerSpec,
    options: CallOptions,
  ): ResultAsync<{ readonly exitCode: number; readonly output: string }, RuntimeError>;

  /** What it uses now. */
  statistics?(
    container: ContainerRef,
    options: CallOptions,
  ): ResultAsync<{ readonly memoryBytes: number; readonly cpuNanos: number }, RuntimeError>;

  /** Checks the stage's `options.runtime`. What it answers becomes part of the spec and comes back in `create`. */
  parseOptions?(options: unknown, path: string): Result<Json, InvalidError<'invalid-config'>>;

  /** Lets go of connections. Nothing may be called afterwards; twice is `ok`. */
  close?(): ResultAsync<void, RuntimeError>;
}
