/**
 * Works on the database: reads, and transactions.
 *
 *   wait for a connection ──begin──▶ work ──commit is sent──▶ answered
 *          ▲                          │  └──aborted or late──▶ rolled back, answered
 *          └──lost, or a collision────┘
 *
 * Until its commit is sent a transaction has surely done nothing: where the connection was lost it is run anew, within its
 * limit. From then on only an answer tells; without one it is unknown what became of it.
 */
import type { Clock, StoreError } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import type { Ask, Row, Work } from '../dialect.js';
import { describeFault, isAbandoned, isCollision, type Phase } from './faults.js';
import { Limit } from './limit.js';
import { type Pool, rest } from './pool.js';
import { BEGIN, type Session } from './session.js';

/** Of one call: what collides for longer than this has another reason. */
const ATTEMPTS_MAX = 20;
/** A commit that was sent is answered as what it became; an aborted one waits for that only so long. */
const HANGING_MS = 1_000;

interface WorksOptions {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly place: string;
  readonly limitMs: number;
  /** Tells the others, as part of the transaction. */
  readonly notify: Ask;
  /** Called after each commit, before it is answered. */
  readonly onCommit: () => void;
}

/** An attempt's answer, or why there is none and another one may have it. */
type Attempt<T> = Result<T, StoreError> | { readonly again: StoreError };

export class Works {
  readonly #options: WorksOptions;

  constructor(options: WorksOptions) {
    this.#options = options;
  }

  read<T>(work: () => Work<T>, signal: AbortSignal): Promise<Result<T, StoreError>> {
    return this.#attempts(signal, this.#options.limitMs, (session, limit) => this.#read(session, work, limit));
  }

  /** @param first what the transaction says before its work */
  write<T>(
    work: () => Work<Result<T, StoreError>>,
    signal: AbortSignal,
    {
      first = [],
      limitMs = this.#options.limitMs,
    }: { readonly first?: readonly Ask[]; readonly limitMs?: number } = {},
  ): Promise<Result<T, StoreError>> {
    return this.#attempts(signal, limitMs, (session, limit) =>
      this.#transaction(session, [BEGIN, ...first], work, limit),
    );
  }

  async #attempts<T>(
    signal: AbortSignal,
    limitMs: number,
    attempt: (session: Session, limit: Limit) => Promise<Attempt<T>>,
  ): Promise<Result<T, StoreError>> {
    const { pool, clock, place } = this.#options;
    const under = { clock, place };
    const limit = new Limit(under, signal, limitMs);
    try {
      let last: StoreError | undefined;
      for (let count = 1; ; count += 1) {
        if (limit.isOver || count > ATTEMPTS_MAX) return err(limit.error('refused', last));
        // What may take as long as it takes still does not wait for ever for a server.
        const connecting = Number.isFinite(limitMs) ? limit : new Limit(under, signal, this.#options.limitMs);
        const session = await pool.acquire(connecting);
        if (connecting !== limit) connecting.end();
        if (session.isErr()) return err(session.error);
        const answer = await attempt(session.value, limit).finally(() => pool.release(session.value));
        if (!('again' in answer)) return answer;
        last = answer.again;
        await rest(clock, limit, Math.min(500, 2 ** count) * Math.random());
      }
    } finally {
      limit.end();
    }
  }

  async #read<T>(session: Session, work: () => Work<T>, limit: Limit): Promise<Attempt<T>> {
    const release = limit.on(() => session.destroy());
    try {
      return ok(await drive(session, work(), []));
    } catch (thrown) {
      return this.#failed(thrown, session, limit, 'read');
    } finally {
      release();
    }
  }

  async #transaction<T>(
    session: Session,
    first: readonly Ask[],
    work: () => Work<Result<T, StoreError>>,
    limit: Limit,
  ): Promise<Attempt<T>> {
    const { clock, notify, onCommit } = this.#options;
    let phase: Phase = 'change';
    let release = () => {};
    release = limit.on((ending) => {
      if (phase !== 'commit' || ending === 'late') session.destroy();
      else release = clock.after(HANGING_MS, () => session.destroy(), true);
    });
    try {
      const outcome = await drive(session, work(), first);
      if (outcome.isErr()) {
        // What cannot be rolled back any more is lost, and rolled back by the server.
        await session.rollBack();
        return outcome;
      }
      // Over a connection that is lost by now nothing is sent.
      if (session.isLost) throw session.last;
      phase = 'commit';
      await session.commit([notify]);
      onCommit();
      return outcome;
    } catch (thrown) {
      await session.rollBack();
      return this.#failed(thrown, session, limit, phase);
    } finally {
      release();
    }
  }

  #failed<T>(thrown: unknown, session: Session, limit: Limit, phase: Phase): Attempt<T> {
    const { isLost, last } = session;
    const outcome = isLost && phase === 'commit' && !isAbandoned(last) ? 'unknown' : 'refused';
    if (limit.isOver) return err(limit.error(outcome));
    const error = describeFault(last ?? thrown, this.#options.place, isLost, phase, outcome);
    const isToBeRepeated = isLost ? error.kind === 'store-unavailable' : isCollision(thrown);
    return isToBeRepeated && outcome === 'refused' ? { again: error } : err(error);
  }
}

/** @param first goes along with the first batch */
async function drive<T>(session: Session, work: Work<T>, first: readonly Ask[]): Promise<T> {
  let before = first;
  let step = work.next();
  while (!step.done) {
    const answers: readonly (readonly Row[])[] = await session.ask([...before, ...step.value]);
    step = work.next(answers.slice(before.length));
    before = [];
  }
  return step.value;
}
