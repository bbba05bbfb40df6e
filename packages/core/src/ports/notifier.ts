import type { ResultAsync } from 'neverthrow';
import type { AbortedError, BugError, TaggedError, TimeoutError } from '../domain/errors.js';
import type { JsonObject } from '../domain/json.js';
import type { CallOptions } from './call.js';
import type { KeepsSecrets } from './secrets.js';

export type NotifyError =
  | AbortedError
  | TimeoutError
  | BugError
  | (TaggedError<'notify-failed'> & {
      /** The receiver asks for at least this long a pause. */
      readonly retryAfterMs?: number;
    });

/** What is told. Without secrets. */
export interface Message {
  /** Stable over every attempt: a receiver drops what it has seen. */
  readonly id: string;
  /** Dotted: `deployment.succeeded`. */
  readonly type: string;
  /** Wall clock, milliseconds. */
  readonly time: number;
  /** The event's place in the store's stream: order is not promised, this tells it. */
  readonly sequence: number;
  readonly data: JsonObject;
}

/**
 * Tells somebody. The core calls it from an outbox: at least once, never in the way of a deployment, again with a growing
 * pause where the error is retryable. One call is bounded by itself.
 */
export interface Notifier extends KeepsSecrets {
  /** Unique among a deployer's notifiers, and stable: the outbox finds it again by this name. */
  readonly name: string;
  /** Which types it wants; default: the terminal events of deployments and their cleanup. */
  readonly events?: readonly string[];
  notify(message: Message, options: CallOptions): ResultAsync<void, NotifyError>;
  close?(): ResultAsync<void, NotifyError>;
}
