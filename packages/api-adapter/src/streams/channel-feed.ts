/** A reader's place in a channel, and what of it this reader may see. */
import type { EventPlace } from '../authorize.js';
import type { Portion } from './block.js';
import type { Channel } from './channel.js';
import { type Chunk, type Feed, joined } from './feed.js';
import { encode } from './frame.js';

export interface ChannelTerms {
  /** Behind which entry it begins. */
  readonly after: number;
  /** Whether it has seen the entries before that: then one that is missing is told of. */
  readonly resumes: boolean;
  /** The place that it asked for and that was never given here: it is told. */
  readonly lost: number | null;
  /** Whether what belongs there is for this reader. Null: everything is. */
  readonly shows: ((place: EventPlace) => Promise<boolean>) | null;
  readonly onClose: () => void;
}

export class ChannelFeed implements Feed {
  readonly #channel: Channel;
  readonly #terms: ChannelTerms;
  readonly #shown = new Map<string, boolean>();
  #after: number;
  #isStrict: boolean;
  #wasLive = false;
  #lost: number | null;

  constructor(channel: Channel, terms: ChannelTerms) {
    this.#channel = channel;
    this.#terms = terms;
    this.#after = terms.after;
    this.#isStrict = terms.resumes;
    this.#lost = terms.lost;
  }

  get after(): number {
    return this.#after;
  }

  get newest(): number | null {
    return this.#channel.known;
  }

  forget(): void {
    this.#shown.clear();
  }

  close(): void {
    this.#terms.onClose();
  }

  take(): Chunk {
    if (this.#lost !== null) {
      const bytes = gap(this.#lost, this.#after + 1);
      this.#lost = null;
      return { bytes };
    }
    for (;;) {
      const taken = this.#channel.take(this.#after);
      if (taken === 'end') return taken;
      if ('later' in taken) {
        if (taken.isLive) this.#wasLive = true;
        else if (this.#wasLive) return { bytes: this.#lagging() };
        return taken;
      }
      const unknown = this.#unknownPlaces(taken);
      if (unknown.length > 0) return { later: this.#ask(unknown) };
      const bytes = this.#visible(taken);
      if (bytes) return { bytes };
    }
  }

  /** It was at the newest entry, and is so far behind by now that what comes next is not in memory any more: it is read again. */
  #lagging(): Uint8Array {
    this.#wasLive = false;
    return encode({ event: 'lagging', data: { after: this.#after, newest: this.newest, ends: false } });
  }

  #visible(portion: Portion): Uint8Array | undefined {
    const parts: Uint8Array[] = [];
    // Sequence numbers have no holes: one that is missing was pruned before this reader saw it.
    if (this.#isStrict && portion.first > this.#after + 1) {
      parts.push(gap(this.#after, portion.first));
    }
    this.#isStrict = true;
    this.#after = portion.last;
    let begin = 0;
    let from = 0;
    for (const { place, end } of portion.runs) {
      if (!this.#isShown(place)) {
        if (begin > from) parts.push(portion.bytes.subarray(from, begin));
        from = end;
      }
      begin = end;
    }
    if (begin > from) parts.push(portion.bytes.subarray(from, begin));
    return parts.length === 0 ? undefined : joined(parts);
  }

  #isShown(place: EventPlace | null): boolean {
    return place === null || this.#terms.shows === null || this.#shown.get(keyOf(place)) === true;
  }

  #unknownPlaces({ runs }: Portion): readonly EventPlace[] {
    if (this.#terms.shows === null) return [];
    return runs.flatMap(({ place }) => (place === null || this.#shown.has(keyOf(place)) ? [] : [place]));
  }

  async #ask(places: readonly EventPlace[]): Promise<void> {
    if (this.#shown.size + places.length > PLACES_MAX) this.#shown.clear();
    await Promise.all(
      places.map(async (place) => this.#shown.set(keyOf(place), (await this.#terms.shows?.(place)) ?? true)),
    );
  }
}

const gap = (after: number, next: number) => encode({ event: 'gap', data: { after, next } });

const PLACES_MAX = 10_000;

const keyOf = ({ project, stage, action }: EventPlace): string =>
  JSON.stringify([project ?? null, stage ?? null, action ?? null]);
