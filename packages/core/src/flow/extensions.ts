/**
 * What plugins add to deployments, as the flow sees it: steps like its own, and what is done around steps. The flow asks for it where there
 * is some; `plugins/` is behind it.
 */
import type { Result, ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { Flow } from './flow.js';
import type { Step, StepError } from './step.js';

/** Done before or after a step, outside of its intent, its leases and its time limit. */
export type Hook = (flow: Flow, signal: AbortSignal) => ResultAsync<void, StepError>;

export interface Around {
  readonly before?: Hook;
  readonly after?: Hook;
}

/** A deployment moves routes to a new container, or to an instance that runs already. */
export type Mode = 'create' | 'cutover';

export interface Extensions {
  /** Every step of a plugin that this host could undo. */
  readonly steps: readonly Step[];
  /** The plugins that take part in deployments, each with the version that its journal entries have: who takes over a deployment needs them. */
  readonly needed: readonly string[];
  /** What stands before the claim. Undefined: nothing, and nothing is waited for. */
  readonly beforeClaim: Hook | undefined;
  /** The steps of a deployment with those of plugins at their places, and what is done around each. */
  arrange(steps: readonly Step[], flow: Flow, mode: Mode): Result<readonly Step[], AnyError>;
  /** It is committed: what follows harms it no more, and is not waited for here. */
  committed(flow: Flow): void;
}
