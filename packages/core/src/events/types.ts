/**
 * Events. Those of `StoredEvents` are in the store's one stream, drawn in the commit that made them true, and are told here, in
 * this process, right after it; the others are told in this process only.
 */
import type { AnyError } from '../domain/errors.js';
import type { Json } from '../domain/json.js';
import type {
  InstanceCondition,
  LogEntry,
  Maintenance,
  RetireReason,
  StepRecord,
  StoredError,
} from '../domain/records.js';
import type { Measured, PruneReport, RecoveryReport } from '../domain/reports.js';
import type { AuditEntry, Deployment, Instance, RouteView } from '../domain/views.js';
import type { PullProgress } from '../ports/container-runtime.js';
import type { HeldRoute } from '../ports/proxy-manager.js';

/** Each with its payload. A deployment has exactly one of the terminal ones. */
export interface StoredEvents {
  'deployment.queued': { readonly deployment: Deployment };
  'deployment.started': { readonly deployment: Deployment };
  /** A step began, ended, failed or was undone. */
  'deployment.step': { readonly deployment: Deployment; readonly step: StepRecord };
  /** It failed before its commit, and is undone now. */
  'deployment.rolling-back': { readonly deployment: Deployment; readonly error: StoredError };
  // Terminal
  'deployment.succeeded': { readonly deployment: Deployment; readonly instance: Instance };
  'deployment.unchanged': { readonly deployment: Deployment; readonly instance: Instance };
  'deployment.failed': { readonly deployment: Deployment; readonly error: StoredError };
  'deployment.cancelled': { readonly deployment: Deployment; readonly error: StoredError };
  'deployment.superseded': { readonly deployment: Deployment };
  'deployment.abandoned': { readonly deployment: Deployment };
  /** `cleanup` went from `pending` to `done`. */
  'deployment.cleaned': { readonly deployment: Deployment };
  /** The host that looked at what is left of it cannot go on: another engine, another version of a step, no key. Told once per reason. */
  'deployment.needs-host': { readonly deployment: Deployment; readonly reason: string };
  'instance.retiring': { readonly instance: Instance; readonly reason: RetireReason };
  'instance.retired': { readonly instance: Instance; readonly reason: RetireReason };
  /** What is wrong with it now; null: it is well again. */
  'instance.condition': { readonly instance: Instance; readonly condition: InstanceCondition | null };
  'instance.pinned': { readonly instance: Instance; readonly by: string | null };
  'instance.unpinned': { readonly instance: Instance; readonly by: string | null };
  /** Its instance has another address than the proxy was told, or a change of its stage's maintenance was broken off: it is as it has to be again. */
  'route.healed': { readonly route: RouteView };
  /**
   * Somebody else has changed or removed it at the proxy; null: the proxy holds none. `putBack`: it was put back, as the host asked for, or
   * because it did not tell visitors what the stage's maintenance has for them.
   */
  'route.changed': { readonly route: RouteView; readonly held: HeldRoute | null; readonly putBack: boolean };
  /** What its visitors are told from now on, or told otherwise; null: its maintenance has ended. */
  'stage.maintenance': {
    readonly project: string;
    readonly stage: string;
    readonly maintenance: Maintenance | null;
    readonly by: string | null;
  };
  /** A preview stage came to the end of its time to live, and goes with all that it has. */
  'stage.expired': { readonly project: string; readonly stage: string };
  'store.pruned': { readonly report: PruneReport };
  /** Told by a plugin of a deployment: `name` and `data` are its own. */
  'plugin.event': {
    readonly plugin: string;
    readonly name: string;
    readonly deployment: Deployment;
    readonly data: Json;
  };
  /** Somebody has asked for something that changes what runs or what is kept: who, what and when. */
  'audit.recorded': { readonly entry: AuditEntry };
  /** From here on this notifier is told of what happens. */
  'notifier.added': { readonly notifier: string };
}

export interface LocalEvents {
  'deployment.log': { readonly deploymentId: string; readonly entry: LogEntry };
  'deployment.progress': { readonly deploymentId: string; readonly step: string; readonly progress: PullProgress };
  /**
   * A progressive cutover: a share has begun, and then after each of its windows. `measured` is what the new instance has answered since the
   * last verdict; null at the beginning, and where nothing is counted.
   */
  'deployment.cutover': {
    readonly deploymentId: string;
    /** Which of the `steps`, from 1 on. */
    readonly step: number;
    readonly steps: number;
    /** Percentage of the requests that the new instance gets. */
    readonly weight: number;
    /** Until when it is held; wall clock, milliseconds. */
    readonly until: number;
    readonly measured: Measured | null;
  };
  /** Somebody else holds the stage; told once, and again when the holder changes. */
  'deployment.waiting': {
    readonly deploymentId: string;
    readonly lease: string;
    readonly holder: string;
    readonly since: number;
    readonly heldFor: string | null;
  };
  'recovery.finished': { readonly report: RecoveryReport };
  /** The engine's events could not be followed: it is tried again, and what was missed is made up by a listing. */
  'watch.interrupted': { readonly error: AnyError; readonly retryInMs: number };
  'watch.resumed': { readonly afterMs: number };
  /** A retire, an undo or a notification failed and will be tried again. */
  'task.failed': {
    readonly kind: string;
    readonly subject: string;
    readonly error: StoredError;
    readonly attempts: number;
  };
  /**
   * Something of a plugin failed where it could harm nothing any more: a hook after the commit (`at` is `after commit`) or its `dispose`, which
   * belongs to no deployment.
   */
  'plugin.failed': {
    readonly plugin: string;
    readonly at: string;
    readonly deploymentId: string | null;
    readonly error: StoredError;
  };
  /** A listener threw or rejected: nobody else was harmed. */
  'listener.failed': { readonly event: string; readonly error: AnyError };
}

export type DeployerEvents = StoredEvents & LocalEvents;
export type StoredEventName = keyof StoredEvents;

export const TERMINAL_EVENTS = [
  'deployment.succeeded',
  'deployment.unchanged',
  'deployment.failed',
  'deployment.cancelled',
  'deployment.superseded',
  'deployment.abandoned',
] as const satisfies readonly StoredEventName[];

/** An event as the store has it. */
export type StoredEvent = {
  readonly [Name in StoredEventName]: {
    /** Its place in the store's stream: `events({ after })` goes on behind it. */
    readonly seq: number;
    /** Stable and unique. */
    readonly id: string;
    readonly type: Name;
    /** Wall clock, milliseconds. */
    readonly time: number;
    readonly payload: StoredEvents[Name];
  };
}[StoredEventName];

/** An event that is about to be committed. */
export type EventDraft = {
  readonly [Name in StoredEventName]: { readonly type: Name; readonly payload: StoredEvents[Name] };
}[StoredEventName];

export const EVENT_STREAM = 'events';
export const logStream = (deploymentId: string): string => `log:${deploymentId}`;
