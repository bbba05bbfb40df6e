/**
 * This host's part of the stages' lines: per stage one deployment is in front, the one with the smallest id, and the others wait behind it.
 * The one in front sees to its turn among hosts itself; until it has begun, one that is older steps in front of it.
 */
import type { Result } from 'neverthrow';
import type { DeploymentRecord } from '../domain/records.js';
import type { Deployment } from '../domain/views.js';
import type { Begun } from '../flow/deploy.js';
import type { LookAhead } from '../flow/resolve.js';
import type { LeaseHolder } from '../kernel/lease.js';
import type { Stored } from '../ports/store.js';
import type { DeployError } from './types.js';

export type Ended = Result<Deployment, DeployError>;

/** What became of the one in front: it has ended, or will without being in anybody's way here; or it waits again. */
export type Run = { readonly ended: Ended | PromiseLike<Ended> } | 'steps back';

/** One deployment of ours, until it has ended. */
export interface Job {
  /** As it was seen last, with its version. */
  stored: Stored<DeploymentRecord>;
  /** Ends it, with what it is to end with. */
  readonly cancel: AbortController;
  /** Ends this try at its turn. */
  waiting: AbortController;
  /** What was looked up for it while it was stored, for its first try: who waits in line looks when its turn has come. */
  ahead: LookAhead | undefined;
  /** Its stage's lease, where it was stored with that: it goes before all that wait for the stage. */
  readonly begun: Begun | undefined;
  /** It is not to be begun here any more: ended, taken over, or the deployer closes. */
  isLeft: boolean;
  isStarted: boolean;
  /** Whom it was last told that it waits for. */
  toldOf: string;
  readonly result: Promise<Ended>;
  settle(result: Ended | PromiseLike<Ended>): void;
}

export function newJob(stored: Stored<DeploymentRecord>, ahead?: LookAhead, begun?: Begun): Job {
  let settle: Job['settle'] = () => {};
  const result = new Promise<Ended>((resolve) => {
    settle = resolve;
  });
  return {
    stored,
    cancel: new AbortController(),
    waiting: new AbortController(),
    ahead,
    begun,
    isLeft: false,
    isStarted: begun !== undefined,
    toldOf: '',
    result,
    settle,
  };
}

interface Line {
  front: Job | undefined;
  /** By id. */
  readonly waiting: Job[];
}

export class Lines {
  readonly #lines = new Map<string, Line>();
  readonly #run: (job: Job) => PromiseLike<Run>;
  readonly #onFront: (front: Job, behind: readonly Job[]) => void;

  /**
   * @param run what the one in front does; its signal `waiting` is aborted when it is to step back
   * @param onFront told who waits behind whom, whenever that has changed
   */
  constructor(run: (job: Job) => PromiseLike<Run>, onFront: (front: Job, behind: readonly Job[]) => void) {
    this.#run = run;
    this.#onFront = onFront;
  }

  /** Whether whoever comes now is in front at once, of this host. */
  isFree(stageKey: string): boolean {
    return !this.#lines.has(stageKey);
  }

  enter(job: Job): void {
    const { id, stageKey } = job.stored.value;
    const line = this.#lines.get(stageKey) ?? { front: undefined, waiting: [] };
    this.#lines.set(stageKey, line);
    queue(line, job);
    const { front } = line;
    // What is taken over, or was long on its way to the store, may be older than what has come to the front.
    if (front && !front.isStarted && (job.begun || id < front.stored.value.id)) front.waiting.abort();
    this.#advance(stageKey, line);
  }

  /** It is not begun here any more. One in front may be about to begin: what becomes of it is its own run's to tell. */
  leave(job: Job, result: () => Ended | PromiseLike<Ended>): void {
    const { waiting = [] } = this.#lines.get(job.stored.value.stageKey) ?? {};
    const index = waiting.indexOf(job);
    job.isLeft = true;
    job.waiting.abort();
    if (index < 0) return;
    waiting.splice(index, 1);
    job.settle(result());
  }

  #advance(stageKey: string, line: Line): void {
    const next = line.front ? undefined : line.waiting.shift();
    if (next) {
      line.front = next;
      next.waiting = new AbortController();
      if (next.isLeft) next.waiting.abort();
      void this.#run(next).then((run) => {
        line.front = undefined;
        if (run === 'steps back') queue(line, next);
        else next.settle(run.ended);
        this.#advance(stageKey, line);
      });
    }
    if (line.front) this.#onFront(line.front, line.waiting);
    else this.#lines.delete(stageKey);
  }
}

function queue({ waiting }: Line, job: Job): void {
  waiting.push(job);
  const place = ({ begun, stored }: Job) => `${begun ? 0 : 1} ${stored.value.id}`;
  waiting.sort((a, b) => (place(a) < place(b) ? -1 : 1));
}

/** Whom somebody waits for. */
export interface WaitsFor extends Omit<LeaseHolder, 'deployment'> {
  readonly heldFor: string | null;
}
