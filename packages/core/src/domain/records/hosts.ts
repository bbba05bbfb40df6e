/** Who works, who may change what, and who waits for whom. */

/** Who may change something, and until when. `leases` */
export interface LeaseRecord {
  /** `stage:…`, `instance:…`, `domain:…` or `proxy:…` */
  readonly id: string;
  /** The deployer that holds it; null when it is free. */
  readonly holder: string | null;
  /** Grows with every grant; the fence of every commit. */
  readonly token: number;
  /** Grows with every renewal: a contender watches it stand still. */
  readonly beat: number;
  readonly ttlMs: number;
  /** How long beyond its expiry something may still happen that was begun under it, by this holder or, while that has not passed, by an earlier one. */
  readonly effectTimeoutMs: number;
  readonly deployment: string | null;
  readonly since: number;
  /** Which time its holder asked for it: two of one process may ask for the same token, and one of them gets it. Absent: of an older version. */
  readonly ask?: number;
  /**
   * Of one that was given back: something that was begun under it may still happen for so long. Who has it next waits for that, by its
   * own clock, before an effect.
   */
  readonly quietForMs?: number;
}

/** A deployer that is open: others watch its beat stand still, and take over what it has left. `hosts` */
export interface HostRecord {
  /** The deployer's id. */
  readonly id: string;
  /** What it submits belongs to this group; null: to none. */
  readonly group: string | null;
  /** Whether it takes over what others of its group have left. */
  readonly isWorker: boolean;
  readonly beat: number;
  readonly ttlMs: number;
  readonly since: number;
}

/**
 * A stage's line. Every submission writes it, so that one that depends on who else waits (`supersede`, `reject`) can be sure of that by
 * its version. `queues`
 */
export interface QueueRecord {
  /** `stageKey(project, stage)` */
  readonly id: string;
  /** The newest submission. */
  readonly last: string;
}
