/**
 * One reader of a stream: takes from its feed only when the transport asks, so that nothing piles up for a slow one.
 *
 *   asked ──there is something──▶ unread ──the transport asks──▶ asked
 *     └──nothing for a while──▶ a heartbeat     └──for too long──▶ told where to resume, and ended
 */
import type { AnyError } from '@quayside/core/ports';
import { problemOf } from '../problem.js';
import { thrownError } from '../thrown.js';
import type { Feed } from './feed.js';
import { encode, heartbeat, ready } from './frame.js';

export interface FollowerTerms {
  nowMs(): number;
  readonly heartbeatMs: number;
  readonly stallMs: number;
  readonly reauthorizeMs: number;
  /** Whether it may still follow. */
  reauthorize(): Promise<boolean>;
  onError(error: AnyError): void;
  onEnd(): void;
}

export class Follower {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #feed: Feed;
  readonly #terms: FollowerTerms;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #isOver = false;
  #isGreeted = false;
  /** Since when it waits for news, or for being read. */
  #sinceMs: number;
  #isUnread = true;
  #allowedMs: number;
  #waits: { readonly later: Promise<unknown>; failed?: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(feed: Feed, terms: FollowerTerms) {
    this.#feed = feed;
    this.#terms = terms;
    this.#sinceMs = terms.nowMs();
    this.#allowedMs = this.#sinceMs;
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#pull(),
        cancel: () => this.end(),
      },
      // Nothing is taken ahead: what waits for a slow reader waits in the store.
      { highWaterMark: 0 },
    );
  }

  /** Looks at the time. */
  tick(nowMs: number): void {
    const { heartbeatMs, stallMs, reauthorizeMs } = this.#terms;
    if (this.#isUnread) {
      if (nowMs - this.#sinceMs >= stallMs) this.#giveUp();
    } else if (nowMs - this.#sinceMs >= heartbeatMs || nowMs - this.#allowedMs >= reauthorizeMs) this.#wake?.();
  }

  /** Closes the stream, as if the connection were lost: who wants more comes again. */
  end(last?: Uint8Array): void {
    if (this.#isOver) return;
    this.#isOver = true;
    try {
      if (last) this.#controller?.enqueue(last);
      this.#controller?.close();
    } catch {
      // The reader has cancelled it.
    }
    this.#feed.close();
    this.#wake?.();
    this.#terms.onEnd();
  }

  #giveUp(): void {
    const { after, newest } = this.#feed;
    this.end(encode({ event: 'lagging', data: { after, newest, ends: true } }));
  }

  /** Answers once it has given something, or has ended: the stream asks again only then. */
  async #pull(): Promise<void> {
    this.#isUnread = false;
    this.#sinceMs = this.#terms.nowMs();
    if (!this.#isGreeted) {
      this.#isGreeted = true;
      return this.#give(ready(this.#feed.after));
    }
    while (!this.#isOver) {
      try {
        if (await this.#step()) return;
      } catch (thrown) {
        const error = thrownError(thrown);
        this.#terms.onError(error);
        this.end(encode({ event: 'failed', data: problemOf(error) }));
      }
    }
  }

  /** Whether it has given something. */
  async #step(): Promise<boolean> {
    const nowMs = this.#terms.nowMs();
    if (nowMs - this.#allowedMs >= this.#terms.reauthorizeMs) {
      this.#allowedMs = nowMs;
      this.#feed.forget();
      if (!(await this.#terms.reauthorize())) this.end();
      return false;
    }
    const chunk = this.#feed.take();
    if (chunk === 'end') {
      this.end(encode({ event: 'end', data: { after: this.#feed.after } }));
      return false;
    }
    const isQuiet = nowMs - this.#sinceMs >= this.#terms.heartbeatMs;
    if ('bytes' in chunk) this.#give(chunk.bytes);
    else if (isQuiet) this.#give(heartbeat(this.#feed.after));
    else {
      await this.#news(chunk.later);
      return false;
    }
    return true;
  }

  #give(bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.#isUnread = true;
    this.#sinceMs = this.#terms.nowMs();
    this.#controller?.enqueue(bytes);
  }

  /** Until it has come, or it is time to look at the clock. */
  async #news(later: Promise<unknown>): Promise<void> {
    // Listened to once, however many heartbeats it takes: a promise keeps everybody who ever listened.
    if (this.#waits?.later !== later) {
      const waits: { readonly later: Promise<unknown>; failed?: unknown } = { later };
      this.#waits = waits;
      const settled = () => {
        if (this.#waits === waits) this.#wake?.();
      };
      later.then(settled, (thrown: unknown) => {
        waits.failed = thrown ?? new Error('a stream failed');
        settled();
      });
    }
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    const failed = this.#waits?.failed;
    if (failed !== undefined) throw failed;
  }
}
