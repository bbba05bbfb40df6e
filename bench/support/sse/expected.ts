/**
 * What every follower has to be sent, byte by byte. Whoever is sent an entry first has it read, and its number has to be the next one;
 * everybody else has to be sent the same bytes. So each entry of each follower is checked, and only one of them costs more than comparing.
 */
export class Expected {
  #bytes = Buffer.allocUnsafe(1 << 20);
  #length = 0;
  /** Where each entry ends; of entry 0: at 0. */
  #ends = new Float64Array(1 << 16);
  #count = 0;

  get length(): number {
    return this.#length;
  }

  /** How many entries are known. */
  get count(): number {
    return this.#count;
  }

  endOf(seq: number): number {
    return this.#ends[seq] ?? Number.NaN;
  }

  /** The number of the last entry that ends at or before that place. */
  lastBefore(place: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.endOf(middle) <= place) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** How many of these bytes are those at that place: all of them, mostly. */
  matching(place: number, chunk: Buffer): number {
    const length = Math.min(chunk.length, this.#length - place);
    if (this.#bytes.compare(chunk, 0, length, place, place + length) === 0) return length;
    let same = 0;
    while (this.#bytes[place + same] === chunk[same]) same += 1;
    return same;
  }

  /** Adds the next entry. */
  add(frame: Buffer): void {
    if (this.#length + frame.length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + frame.length));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    frame.copy(this.#bytes, this.#length);
    this.#length += frame.length;
    this.#count += 1;
    if (this.#count >= this.#ends.length) {
      const larger = new Float64Array(this.#ends.length * 2);
      larger.set(this.#ends);
      this.#ends = larger;
    }
    this.#ends[this.#count] = this.#length;
  }
}

export interface Event {
  readonly event: string;
  readonly id: string | null;
  readonly data: string;
}

/** One frame, as a browser reads it. Source: WHATWG HTML, "Interpreting an event stream". */
export function parseFrame(frame: Buffer): Event | null {
  const fields: { event: string; id: string | null; data: string } = { event: 'message', id: null, data: '' };
  let isEvent = false;
  for (const line of frame.toString('utf8').split('\n')) {
    const colon = line.indexOf(': ');
    if (colon <= 0) continue;
    const name = line.slice(0, colon);
    if (name !== 'event' && name !== 'id' && name !== 'data') continue;
    isEvent ||= name === 'data';
    fields[name] = line.slice(colon + 2);
  }
  return isEvent ? fields : null;
}
