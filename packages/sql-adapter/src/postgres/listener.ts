/**
 * Tells of commits, while somebody wants to know: of this process's own at once, of everybody else's by `listen`, over a connection
 * of its own that keeps no process alive.
 *
 *   down ──connected, listening──▶ up ──lost──▶ down (tries again: 100 ms, then twice as long each time, up to 5 s)
 *
 * Whatever may have been missed is told of as `look again`: after each (re)connection, with each attempt that fails, and with each
 * sign of life, which also finds a pooler that takes a `listen` and passes nothing on.
 */
import type { Clock } from '@quayside/core/ports';
import type { Driver } from './driver.js';
import { Limit } from './limit.js';
import { Session } from './session.js';

const BACK_OFF_MS = { least: 100, most: 5_000 };
/** How often the connection has to show that it is alive, and how long it may take for that, and to connect. */
const SIGN_EVERY_MS = 10_000;
const SIGN_LIMIT_MS = 5_000;

interface ListenerOptions {
  readonly driver: Driver;
  readonly clock: Clock;
  readonly place: string;
  readonly channel: string;
  /** Whether a connection of that number is this process's own: its commits were told of already. */
  readonly isOwn: (pid: number) => boolean;
}

export class Listener {
  readonly #options: ListenerOptions;
  #following: Following | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  start(onCommit: () => void): () => void {
    const following = new Following(this.#options, onCommit);
    this.#following = following;
    return () => {
      this.#following = undefined;
      this.#ended = following.end();
    };
  }

  /** This process has committed. */
  own(): void {
    this.#following?.tell();
  }

  /** Until what was started, and has been stopped, has ended. */
  async close(): Promise<void> {
    await this.#ended;
  }
}

class Following {
  readonly #options: ListenerOptions;
  readonly #stop = new AbortController();
  #onCommit: () => void;
  #session: Session | undefined;
  #cancel: (() => void) | undefined;
  #backOffMs = BACK_OFF_MS.least;

  constructor(options: ListenerOptions, onCommit: () => void) {
    this.#options = options;
    this.#onCommit = onCommit;
    void this.#connect();
  }

  tell(): void {
    this.#onCommit();
  }

  async end(): Promise<void> {
    this.#onCommit = () => {};
    this.#cancel?.();
    this.#stop.abort();
    await this.#session?.end(this.#options.clock);
  }

  async #connect(): Promise<void> {
    const { driver, channel, isOwn } = this.#options;
    try {
      const session = new Session(driver);
      this.#session = session;
      session.hold(false);
      await this.#within(session, async () => {
        await session.connect();
        session.onNotification((pid) => {
          if (!isOwn(pid)) this.tell();
        });
        await session.ask([{ sql: `listen "${channel}"`, values: [], answer: 'none' }]);
      });
      this.#backOffMs = BACK_OFF_MS.least;
      session.onLost(() => this.#later());
      this.#watch(session);
      this.tell();
    } catch {
      this.#session?.destroy();
      this.tell();
      this.#later();
    }
  }

  #watch(session: Session): void {
    if (this.#stop.signal.aborted || session.isLost) return;
    this.#cancel = this.#options.clock.after(SIGN_EVERY_MS, () => {
      void this.#within(session, () => session.ask([{ sql: 'select 1', values: [], answer: 'none' }])).then(
        () => {
          this.tell();
          this.#watch(session);
        },
        () => session.destroy(),
      );
    });
  }

  #later(): void {
    this.#cancel?.();
    if (this.#stop.signal.aborted) return;
    const pauseMs = this.#backOffMs * (0.5 + Math.random());
    this.#backOffMs = Math.min(BACK_OFF_MS.most, this.#backOffMs * 2);
    this.#cancel = this.#options.clock.after(pauseMs, () => void this.#connect());
  }

  async #within(session: Session, work: () => Promise<unknown>): Promise<void> {
    const { clock, place } = this.#options;
    const limit = new Limit({ clock, place }, this.#stop.signal, SIGN_LIMIT_MS, false);
    const release = limit.on(() => session.destroy());
    try {
      await work();
    } finally {
      release();
      limit.end();
    }
  }
}
