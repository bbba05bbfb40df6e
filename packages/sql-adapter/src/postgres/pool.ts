/**
 * The connections of one store: as few as are needed at once, at most `size`, and none that nobody has used for a while. An idle one
 * does not keep the process alive.
 */
import type { Clock, StoreError } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import type { Driver } from './driver.js';
import { describeFault, mayPass } from './faults.js';
import type { Limit } from './limit.js';
import { Session } from './session.js';

export interface PoolOptions {
  readonly driver: Driver;
  readonly clock: Clock;
  readonly place: string;
  readonly size: number;
  readonly settings: { readonly [name: string]: string };
  /** Settings that a server need not know. */
  readonly wishes: { readonly [name: string]: string };
}

const IDLE_MS = 60_000;
/** Between two attempts to connect: a server that starts takes some seconds. */
const PAUSE_MS = { least: 50, most: 500 };

export class Pool {
  readonly #options: PoolOptions;
  /** With what takes back that it goes for being idle; the last used comes last. */
  readonly #idle = new Map<Session, () => void>();
  readonly #sessions = new Set<Session>();
  /** In their order. Each is given a connection, or none where there is room for a new one. */
  readonly #waiting = new Set<(session?: Session) => void>();

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Whether a connection of that number is one of these. */
  has(pid: number): boolean {
    for (const session of this.#sessions) if (session.pid === pid) return true;
    return false;
  }

  /** A connection to be released afterwards. Where the server cannot be reached it tries again until the limit. */
  async acquire(limit: Limit): Promise<Result<Session, StoreError>> {
    let last: StoreError | undefined;
    for (let pauseMs = PAUSE_MS.least; ; ) {
      if (limit.isOver) return err(limit.error('refused', last));
      const [idle] = [...this.#idle.keys()].slice(-1);
      if (idle) {
        this.#take(idle);
        idle.hold(true);
        return ok(idle);
      }
      if (this.#sessions.size >= this.#options.size) {
        const session = await this.#released(limit);
        if (session) return ok(session);
        continue;
      }
      const session = await this.#connect(limit);
      if (session.isOk() || !mayPass(session.error)) return session;
      last = session.error;
      await rest(this.#options.clock, limit, pauseMs * (0.5 + Math.random()));
      pauseMs = Math.min(PAUSE_MS.most, pauseMs * 2);
    }
  }

  release(session: Session): void {
    const [waiting] = this.#waiting;
    if (session.isLost) this.#forget(session);
    else if (waiting) waiting(session);
    else this.#rest(session);
  }

  /** To be called once nothing is under way any more. */
  async close(): Promise<void> {
    const sessions = [...this.#sessions];
    for (const session of sessions) this.#forget(session);
    await Promise.all(sessions.map((session) => session.end(this.#options.clock)));
  }

  async #connect(limit: Limit): Promise<Result<Session, StoreError>> {
    const { driver, settings, wishes, place } = this.#options;
    let session: Session | undefined;
    let release = () => {};
    try {
      const made = new Session(driver);
      session = made;
      this.#sessions.add(made);
      release = limit.on(() => made.destroy());
      await made.connect(settings, wishes);
      made.onLost(() => this.#forget(made));
      return ok(made);
    } catch (thrown) {
      session?.destroy();
      if (session) this.#forget(session);
      return err(limit.isOver ? limit.error('refused') : describeFault(thrown, place, true, 'open'));
    } finally {
      release();
    }
  }

  #rest(session: Session): void {
    const { clock } = this.#options;
    session.hold(false);
    const cancel = clock.after(IDLE_MS, () => {
      this.#forget(session);
      void session.end(clock);
    });
    this.#idle.set(session, cancel);
  }

  #take(session: Session): void {
    this.#idle.get(session)?.();
    this.#idle.delete(session);
  }

  #forget(session: Session): void {
    this.#take(session);
    if (!this.#sessions.delete(session)) return;
    const [waiting] = this.#waiting;
    waiting?.();
  }

  #released(limit: Limit): Promise<Session | undefined> {
    return new Promise((resolve) => {
      let forget = () => {};
      const wake = (session?: Session) => {
        this.#waiting.delete(wake);
        forget();
        resolve(session);
      };
      this.#waiting.add(wake);
      forget = limit.on(() => wake());
    });
  }
}

/** Waits, and not a moment longer once the limit is over. */
export function rest(clock: Clock, limit: Limit, ms: number): Promise<void> {
  return new Promise((resolve) => {
    let forget = () => {};
    const done = () => {
      cancel();
      forget();
      resolve();
    };
    const cancel = clock.after(ms, done, true);
    forget = limit.on(done);
  });
}
