/**
 * A run of a stream's entries, encoded once for everybody who follows it: those with sequence numbers from `start` (not included) to `end`.
 * It only grows, so that what was handed out of its bytes stays what it was.
 */
import type { EventPlace } from '../authorize.js';

export const BLOCK_ENTRIES = 400;

export interface Encoded {
  readonly seq: number;
  readonly bytes: Uint8Array;
  /** Null: of everybody who may follow the stream at all. */
  readonly place: EventPlace | null;
}

/** Entries behind some place. */
export interface Portion {
  readonly bytes: Uint8Array;
  /** The first and the last of them. */
  readonly first: number;
  readonly last: number;
  /** Runs of entries that belong to one place: where each ends in `bytes`. */
  readonly runs: readonly { readonly place: EventPlace | null; readonly end: number }[];
}

export const startOf = (seq: number): number => Math.floor(seq / BLOCK_ENTRIES) * BLOCK_ENTRIES;

export class Block {
  readonly start: number;
  readonly end: number;
  /** There is nothing more to come of it. */
  isComplete = false;
  /** Of one that is complete: where the next entry is to be looked for. */
  next: number;
  #bytes = new Uint8Array(16_384);
  #length = 0;
  readonly #seqs: number[] = [];
  readonly #ends: number[] = [];
  readonly #places: (EventPlace | null)[] = [];

  /** @param start a multiple of `BLOCK_ENTRIES` */
  constructor(start: number) {
    this.start = start;
    this.end = start + BLOCK_ENTRIES;
    this.next = this.end;
  }

  get bytes(): number {
    return this.#bytes.byteLength;
  }

  /** The last entry that it has; `start` where it has none. */
  get last(): number {
    return this.#seqs.at(-1) ?? this.start;
  }

  add({ seq, bytes, place }: Encoded): void {
    const length = this.#length + bytes.byteLength;
    if (length > this.#bytes.byteLength) {
      const larger = new Uint8Array(Math.max(length, this.#bytes.byteLength * 2));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = length;
    this.#seqs.push(seq);
    this.#ends.push(length);
    this.#places.push(place);
    if (seq >= this.end) this.complete();
  }

  /** @param next the place behind which the next entry is; default the block's end */
  complete(next: number = this.end): void {
    this.isComplete = true;
    this.next = next;
  }

  behind(after: number): Portion | undefined {
    const from = this.#indexBehind(after);
    const first = this.#seqs[from];
    if (first === undefined) return undefined;
    const offset = this.#ends[from - 1] ?? 0;
    const runs: { place: EventPlace | null; end: number }[] = [];
    for (let index = from; index < this.#seqs.length; index += 1) {
      const place = this.#places[index] ?? null;
      const end = (this.#ends[index] ?? 0) - offset;
      const run = runs.at(-1);
      if (run && isSame(run.place, place)) run.end = end;
      else runs.push({ place, end });
    }
    return { bytes: this.#bytes.subarray(offset, this.#length), first, last: this.last, runs };
  }

  #indexBehind(after: number): number {
    let low = 0;
    let high = this.#seqs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#seqs[middle] ?? 0) > after) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

const isSame = (a: EventPlace | null, b: EventPlace | null): boolean =>
  a === b || (a !== null && b !== null && a.project === b.project && a.stage === b.stage && a.action === b.action);
