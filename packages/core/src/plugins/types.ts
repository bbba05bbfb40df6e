/** What the author of a plugin sees. */
import type { Result } from 'neverthrow';
import type { Duration } from '../domain/duration.js';
import type { Endpoint } from '../domain/endpoints.js';
import type { AnyError } from '../domain/errors.js';
import type { Json } from '../domain/json.js';
import type { Spec } from '../domain/spec.js';
import type { EventName, Listener } from '../events/hub.js';
import type { Notifier } from '../ports/notifier.js';

/** Steps that every deployment may have, in their order. What a deployment does not need is not among its steps. */
export const STEP_NAMES = [
  'claim',
  'pull',
  'stop-previous',
  'create',
  'start',
  'connect',
  'route',
  'health',
  'cutover',
  'commit',
] as const;

/**
 * A step to put something before or after. `claim` takes the domains: before it nothing is touched. `commit` is the point of no return: what
 * comes after it harms the deployment no more.
 */
export type StepName = (typeof STEP_NAMES)[number];

/** Where a step of a plugin stands: before the commit, as it could not be taken back after it, and after the claim. */
export type StepPlace =
  | { readonly before: Exclude<StepName, 'claim'>; readonly after?: never }
  | { readonly after: Exclude<StepName, 'commit'>; readonly before?: never };

/** Its entries go into the deployment's log, with the plugin's name; secrets are taken out. `data` is plain JSON. */
export interface PluginLog {
  debug(message: string, data?: unknown): void;
  info(message: string, data?: unknown): void;
  warn(message: string, data?: unknown): void;
  error(message: string, data?: unknown): void;
}

/** A variable of the environment. Only what the stage calls plain (`plainEnv`) has its value here. */
export interface PublicVariable {
  readonly name: string;
  readonly value?: string;
}

/** Everything that the deployment was resolved to, without secrets. A copy: changing it changes nothing. */
export type PublicSpec = Omit<Spec, 'env' | 'fingerprint'> & { readonly env: readonly PublicVariable[] };

/** What everything of a plugin is told that is called for a deployment. */
export interface DeploymentContext {
  readonly deploymentId: string;
  readonly kind: 'deploy' | 'rollback';
  readonly project: string;
  readonly stage: string;
  readonly tag: string;
  /** `sha256:…` */
  readonly digest: string;
  /** Who asked, as the host said. */
  readonly by: string | null;
  readonly spec: PublicSpec;
  readonly log: PluginLog;
  /** Aborted at the time limit, at a cancel, and when the stage's lease is lost. What goes on after that is thrown away. */
  readonly signal: AbortSignal;
  /** Waits by the deployer's clock; rejects as soon as `signal` is aborted. */
  sleep(ms: number): Promise<void>;
  /** Tells everybody who follows the store's events: as `plugin.event`, with the plugin's name. `data` is plain JSON without secrets. */
  emit(name: string, data?: unknown): void;
}

export interface HookContext extends DeploymentContext {
  /** `create`: a new container is made. `cutover`: its routes move to an instance that runs already. */
  readonly mode: 'create' | 'cutover';
  /** The instance that the routes are to lead to; null before it is started. */
  readonly instance: {
    readonly id: string;
    readonly container: string;
    /** Every way to reach its port now; empty where the stage has none. */
    readonly endpoints: readonly Endpoint[];
  } | null;
  /** What the default route leads to by the last commit; null: nothing yet. */
  readonly previous: {
    readonly id: string;
    readonly container: string;
    readonly tag: string;
    readonly digest: string;
  } | null;
}

export interface OneOffOptions {
  /** Default: the stage's, else the image's. */
  readonly entrypoint?: readonly string[];
  /** Beside the stage's own, and before it. */
  readonly env?: { readonly [name: string]: string };
}

export interface OneOff {
  /**
   * Runs a command in a container of the deployment's image that is made for it and removed afterwards, with the environment, the mounts, the
   * limits and the first network of the stage, and waits for its end. One at a time. After `pull`: the image has to be there.
   *
   * What is left of it is removed by the step's undo, in another process, too. Rejects with a `QuaysideError`: `unsupported` where the runtime
   * has no `runToEnd`, `aborted` with the step's signal, and what the runtime says. A command that ends with another code than 0 is an answer.
   *
   * @returns the last 64 kB of its output, without secrets
   */
  runToEnd(
    command: readonly string[],
    options?: OneOffOptions,
  ): Promise<{ readonly exitCode: number; readonly output: string }>;
}

export interface StepContext extends HookContext, OneOff {}

/**
 * What `undo` is told: all but what only the process knew that ran the step. It is called in this one, or, after the death of that one, in
 * any other that has the plugin.
 */
export interface UndoContext extends DeploymentContext, OneOff {
  /** Whether the end of `run` was never learned (a time limit, a cancel, a death): it may have done all, a part, or nothing of its work. */
  readonly wasOpen: boolean;
}

/** What a step is asked by before a deployment begins. */
export type StepQuestion = Pick<HookContext, 'kind' | 'project' | 'stage' | 'tag' | 'digest' | 'spec' | 'mode'>;

/**
 * A step of a plugin's own, before the commit. Where it, or one behind it, fails, what was begun is undone, newest first.
 *
 * It fails by a throw, a rejection, or an `Err` as its answer. Whatever it does, it cannot keep the deployment from ending.
 */
export type PluginStep<Intent extends Json = Json> = StepPlace & {
  /** Lower case letters, digits and dashes, at most 40. In the history it is `plugin/name`. */
  readonly name: string;
  /** Of `run`; default 10 minutes. The deployment's own limit (`deployTimeout`) counts, too. */
  readonly timeout?: Duration;
  /** Of `undo`; default the setting `undoTimeoutMs`. */
  readonly undoTimeout?: Duration;
  /** Whether this deployment has the step; default: each has. Asked once, before anything is touched. */
  when?(about: StepQuestion): boolean;
  /**
   * What `undo` will need, all known before `run`. Plain JSON without secrets, at most 64 kB: it is in the store before `run` begins. Has no
   * effects, as it may be asked before it is the step's turn. Default null.
   */
  intent?(context: HookContext): Intent | PromiseLike<Intent>;
  run(context: StepContext, intent: Intent): unknown;
  /**
   * Takes back what `run` did, or half did; done twice, or where there is nothing to take back, it is content. What throws or rejects is tried
   * again later, and nothing that was begun before the step is undone until then. Default: there is nothing to take back.
   */
  undo?(context: UndoContext, intent: Intent): unknown;
};

/** What a hook does with an error is in `HookOptions`; its answer counts only where it is an `Err`. */
export type PluginHook = (context: HookContext) => unknown;

export interface HookOptions {
  /** Default 30 s. */
  readonly timeout?: Duration;
}

/** A record of a plugin's own in the store, seen by every process that shares it. */
export interface StateEntry {
  readonly key: string;
  readonly value: Json;
  /** 1 when it was made, and one more with every change. */
  readonly version: number;
}

/** Small records of a plugin, by key (1 to 200 visible characters). Each call is bounded, and rejects with a `QuaysideError`. */
export interface PluginState {
  get(key: string, options?: { readonly signal?: AbortSignal }): Promise<StateEntry | undefined>;
  /** In the order of their keys. */
  list(options?: { readonly signal?: AbortSignal }): Promise<readonly StateEntry[]>;
  /**
   * Plain JSON of at most 64 kB.
   * @param options.version only over exactly this one, 0: only where there is none; default: whatever is there
   * @returns whether it was written: false, and nothing was changed, where another version is there
   */
  put(
    key: string,
    value: unknown,
    options?: { readonly version?: number; readonly signal?: AbortSignal },
  ): Promise<boolean>;
  /** Gone already is fine. */
  remove(key: string, options?: { readonly signal?: AbortSignal }): Promise<void>;
}

/** What `setup` gets. Everything but `state` and `now` belongs into `setup` itself, and throws after it. */
export interface PluginHost {
  /** The plugin's own name. */
  readonly name: string;
  /** Told of events of this process. One that throws or rejects is told as `listener.failed`. */
  on<Name extends EventName>(event: Name, listener: Listener<Name>): void;
  /**
   * Called before a step of every deployment that has it; of a plugin's own step it is `plugin/step`. What fails before the commit fails the
   * deployment, which is rolled back.
   */
  before(step: StepName | `${string}/${string}`, hook: PluginHook, options?: HookOptions): void;
  /** As `before`, after the step has succeeded. After `commit` a failure is told (`plugin.failed`, the log) and nothing more. */
  after(step: StepName | `${string}/${string}`, hook: PluginHook, options?: HookOptions): void;
  step<Intent extends Json>(step: PluginStep<Intent>): void;
  /** One more notifier: told at least once, by the deployer's outbox, also after a kill. */
  notifier(notifier: Notifier): void;
  readonly state: PluginState;
  /** Wall clock of the deployer, milliseconds. */
  now(): number;
}

/** Lets go of what `setup` has opened; at most 10 s, when the deployer closes. */
export interface PluginHandle {
  dispose?(): unknown;
}

export type SetupAnswer = void | PluginHandle | PromiseLike<void | PluginHandle>;

/** Factories by the name that a configuration in JSON calls them by, as the bundled adapters have them. */
export interface ContributedAdapters {
  readonly runtime?: AdapterFactories;
  readonly proxy?: AdapterFactories;
  readonly store?: AdapterFactories;
  readonly probe?: AdapterFactories;
  readonly registry?: AdapterFactories;
  readonly notifiers?: AdapterFactories;
}

export interface AdapterFactories {
  /** From its options (checked by itself) to the port, or what is wrong with them. */
  readonly [name: string]: (options: never) => Result<object, AnyError>;
}

/** A plugin, ready for `createDeployer({ plugins: [...] })`. */
export interface Plugin {
  readonly name: string;
  readonly version: string;
  readonly after: readonly string[];
  readonly adapters: ContributedAdapters;
  setup(host: PluginHost): SetupAnswer;
}
