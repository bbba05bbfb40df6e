/** Everybody who follows something: one channel per stream of the store, one look at the clock for all. */
import type { AnyError, Clock } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { type ApiError, apiError } from '../problem.js';
import { Blocks } from './blocks.js';
import { Channel, type Source } from './channel.js';
import { ChannelFeed, type ChannelTerms } from './channel-feed.js';
import type { Feed } from './feed.js';
import { Follower } from './follower.js';

export interface StreamSettings {
  readonly clock: Clock;
  readonly heartbeatMs: number;
  readonly stallMs: number;
  readonly reauthorizeMs: number;
  readonly followersMax: number;
  readonly bufferBytes: number;
}

export interface Opened {
  readonly signal: AbortSignal;
  reauthorize(): Promise<boolean>;
  onError(error: AnyError): void;
}

interface Shared {
  readonly channel: Channel;
  users: number;
}

export class Streams {
  readonly #settings: StreamSettings;
  readonly #blocks: Blocks;
  readonly #channels = new Map<string, Shared>();
  readonly #followers = new Set<Follower>();
  #stopTicking: (() => void) | undefined;
  #isClosed = false;

  constructor(settings: StreamSettings) {
    this.#settings = settings;
    this.#blocks = new Blocks(settings.bufferBytes);
  }

  get clock(): Clock {
    return this.#settings.clock;
  }

  /** How many follow now. */
  get size(): number {
    return this.#followers.size;
  }

  /** Follows a stream of the store; nothing is read before the answer is. */
  follow(source: Source, terms: Omit<ChannelTerms, 'onClose'>, opened: Opened): Result<Follower, ApiError> {
    const { channel, release } = this.use(source);
    const feed = new ChannelFeed(channel, { ...terms, onClose: release });
    const follower = this.open(feed, opened);
    if (follower.isErr()) release();
    return follower;
  }

  open(feed: Feed, { signal, reauthorize, onError }: Opened): Result<Follower, ApiError> {
    const { followersMax, clock, ...rest } = this.#settings;
    if (this.#isClosed || this.#followers.size >= followersMax) {
      feed.close();
      return err(tooMany(followersMax));
    }
    const follower: Follower = new Follower(feed, {
      ...rest,
      nowMs: () => clock.monotonicMs(),
      reauthorize,
      onError,
      onEnd: () => {
        signal.removeEventListener('abort', leave);
        this.#followers.delete(follower);
        if (this.#followers.size === 0) this.#rest();
      },
    });
    const leave = () => follower.end();
    this.#followers.add(follower);
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    else this.#tick();
    return ok(follower);
  }

  /** A channel, for as long as somebody uses it. */
  use(source: Source): { readonly channel: Channel; release(): void } {
    const { name } = source;
    const shared: Shared = this.#channels.get(name) ?? {
      channel: new Channel(source, this.#blocks, this.#settings.clock),
      users: 0,
    };
    this.#channels.set(name, shared);
    shared.users += 1;
    let isUsed = true;
    const release = () => {
      if (!isUsed) return;
      isUsed = false;
      shared.users -= 1;
      if (shared.users > 0) return;
      shared.channel.close();
      this.#channels.delete(name);
    };
    return { channel: shared.channel, release };
  }

  close(): void {
    this.#isClosed = true;
    for (const follower of [...this.#followers]) follower.end();
    this.#blocks.clear();
  }

  #tick(): void {
    if (this.#stopTicking || this.#followers.size === 0) return;
    const { clock, heartbeatMs, stallMs, reauthorizeMs } = this.#settings;
    const everyMs = Math.max(1, Math.floor(Math.min(heartbeatMs, stallMs, reauthorizeMs) / 8));
    this.#stopTicking = clock.after(everyMs, () => {
      this.#stopTicking = undefined;
      const nowMs = clock.monotonicMs();
      for (const follower of [...this.#followers]) follower.tick(nowMs);
      this.#tick();
    });
  }

  #rest(): void {
    this.#stopTicking?.();
    this.#stopTicking = undefined;
  }
}

const tooMany = (followersMax: number): ApiError =>
  apiError(
    'too-many-followers',
    `${followersMax} streams are open already.`,
    'Come back later, or raise `followers`.',
    {
      retryable: true,
      headers: { 'retry-after': '5' },
    },
  );
