/**
 * One stream of the store, read once for everybody who follows it.
 *
 * What there is already is read block by block: who asks for a block that is being read waits for the same reading. Behind the newest
 * entry one reader follows the store, for as long as somebody waits there, and what it reads is appended to the last block, the tail. So
 * a follower is no more than a sequence number, and how many there are costs neither memory nor readings.
 */
import type { Clock } from '@quayside/core/ports';
import { BLOCK_ENTRIES, Block, type Encoded, type Portion, startOf } from './block.js';
import type { Blocks } from './blocks.js';
import { Gathering } from './gathering.js';

export interface Source {
  /** Unique among the streams. */
  readonly name: string;
  /** What there is behind `after`, to the newest. */
  read(after: number, signal: AbortSignal): AsyncIterable<Encoded>;
  /** The same, and what comes. Ends where nothing more can come. */
  follow(after: number, signal: AbortSignal): AsyncIterable<Encoded>;
}

/** `later`: settles when it is worth looking again; `isLive`: nothing is behind that place yet. */
export type Taken = Portion | { readonly later: Promise<void>; readonly isLive: boolean } | 'end';

export class Channel {
  readonly #source: Source;
  readonly #blocks: Blocks;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #loading = new Map<number, Promise<void>>();
  #tail: Tail | undefined;
  #newest: Promise<number> | undefined;

  constructor(source: Source, blocks: Blocks, clock: Clock) {
    this.#source = source;
    this.#blocks = blocks;
    this.#clock = clock;
  }

  get name(): string {
    return this.#source.name;
  }

  /** What is behind that place, as far as it is in memory; else what to wait for. */
  take(after: number): Taken {
    const tail = this.#tail;
    if (tail && after >= tail.last) return tail.hasEnded ? 'end' : { later: tail.advance(), isLive: true };
    const start = startOf(after);
    const block = tail?.block.start === start ? tail.block : this.#blocks.get(this.#key(start));
    if (!block) return { later: this.#load(start), isLive: false };
    const portion = block.behind(after);
    if (portion) return portion;
    // A hole: what was there was pruned, and the next entry is in another block.
    return this.take(block.next);
  }

  /** The newest entry that is known of. */
  get known(): number | null {
    return this.#tail?.last ?? null;
  }

  /** The newest entry's number; 0: there is none. */
  newest(): Promise<number> {
    if (this.#tail) return Promise.resolve(this.#tail.last);
    this.#newest ??= this.#findNewest().finally(() => {
      this.#newest = undefined;
    });
    return this.#newest;
  }

  /** Whether there is, or was, an entry of that number. */
  async reaches(seq: number): Promise<boolean> {
    if (seq <= 0 || (this.#tail && seq <= this.#tail.last)) return true;
    return (await this.#firstBehind(seq - 1)) !== undefined;
  }

  close(): void {
    this.#closing.abort();
    this.#tail = undefined;
  }

  #key(start: number): string {
    return `${start} ${this.#source.name}`;
  }

  #load(start: number): Promise<void> {
    const known = this.#loading.get(start);
    if (known) return known;
    const loading = this.#readBlock(start).finally(() => this.#loading.delete(start));
    this.#loading.set(start, loading);
    return loading;
  }

  async #readBlock(start: number): Promise<void> {
    const block = new Block(start);
    for await (const entry of this.#source.read(start, this.#closing.signal)) {
      if (entry.seq > block.end) block.complete(startOf(entry.seq - 1));
      else block.add(entry);
      if (block.isComplete) break;
    }
    if (this.#closing.signal.aborted) return;
    if (block.isComplete) this.#blocks.put(this.#key(start), block);
    // Else nothing is behind it. Where there is a tail already it is further on by now, and the block is read again.
    else
      this.#tail ??= new Tail(block, this.#source, this.#clock, this.#closing.signal, {
        complete: (full) => this.#blocks.put(this.#key(full.start), full),
        failed: () => {
          this.#tail = undefined;
        },
      });
  }

  async #firstBehind(after: number): Promise<number | undefined> {
    for await (const { seq } of this.#source.read(after, this.#closing.signal)) return seq;
    return undefined;
  }

  /** Nobody keeps that number: it is closed in on, in strides that double and then halve. */
  async #findNewest(): Promise<number> {
    let low = 0;
    let stride = BLOCK_ENTRIES;
    for (;;) {
      const found = await this.#firstBehind(low + stride);
      if (found === undefined) break;
      low = found;
      stride *= 2;
    }
    // Something may be behind `low`, and nothing is behind `high`.
    let high = low + stride;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const found = await this.#firstBehind(middle);
      if (found === undefined) high = middle;
      else low = found;
    }
    return low;
  }
}

interface TailEvents {
  complete(block: Block): void;
  failed(): void;
}

/** The end of the stream: the last block, and the one reader that waits for more. */
class Tail {
  block: Block;
  /** The place behind which it waits: a block's start may be behind a hole. */
  last: number;
  readonly #events: TailEvents;
  readonly #gathering: Gathering<Encoded>;
  #advancing: Promise<void> | undefined;

  constructor(block: Block, source: Source, clock: Clock, signal: AbortSignal, events: TailEvents) {
    this.block = block;
    this.last = block.last;
    this.#events = events;
    let count = 0;
    this.#gathering = new Gathering(source.follow(this.last, signal), clock, signal, (entry) => {
      this.#add(entry);
      count += 1;
      return count % BLOCK_ENTRIES !== 0;
    });
  }

  get hasEnded(): boolean {
    return this.#gathering.hasEnded;
  }

  /** Settles once there is more, or the end: one promise for everybody who waits meanwhile. */
  advance(): Promise<void> {
    this.#advancing ??= this.#gathering
      .advance()
      .catch((thrown: unknown) => {
        this.#events.failed();
        throw thrown;
      })
      .finally(() => {
        this.#advancing = undefined;
      });
    return this.#advancing;
  }

  #add(entry: Encoded): void {
    if (entry.seq > this.block.end) this.#turnTo(startOf(entry.seq - 1));
    this.block.add(entry);
    this.last = entry.seq;
    if (this.block.isComplete) this.#turnTo(this.block.end);
  }

  #turnTo(start: number): void {
    if (!this.block.isComplete) this.block.complete(start);
    this.#events.complete(this.block);
    this.block = new Block(start);
  }
}
