/** What came from outside, and what was made of it. */

/** A push that somebody outside told of, as it is kept until it was looked into. */
export interface AnnouncedPush {
  /** The repository, with its registry: `ghcr.io/octo-org/shop`. */
  readonly image: string;
  /** Whether repositories below it may be meant as well. */
  readonly below: boolean;
  /** Null: it was not said which. */
  readonly tag: string | null;
  readonly digest: string | null;
  /** Wall clock, by whoever told of it. */
  readonly pushedAt: number | null;
}

/**
 * A webhook's delivery: what was accepted and has not been looked into outlives the process that accepted it, and a second one with the same
 * id is known. `deliveries`
 */
export interface DeliveryRecord {
  /** The day (`20260131`) and a hash of what makes it unique: the oldest come first. */
  readonly id: string;
  /** Which of the host's sources it came from. */
  readonly source: string;
  readonly at: number;
  readonly state: 'accepted' | 'done';
  /** Empty once it is done. */
  readonly pushes: readonly AnnouncedPush[];
}

/** What was decided last for a stage by what came from outside: nothing is deployed twice for one digest. `triggers` */
export interface TriggerRecord {
  /** `stageKey(project, stage)`. */
  readonly id: string;
  readonly tag: string;
  readonly digest: string;
  /** The idempotency key that it is submitted with, by whoever gets to it. */
  readonly key: string;
  /** Wall clock. */
  readonly at: number;
  /** When that tag was pushed, as far as it was said. */
  readonly pushedAt: number | null;
  /** Counts the deployments of this digest, from 1. */
  readonly attempt: number;
  /** What came of it; null: nobody has submitted it yet. */
  readonly deployment: string | null;
}
