/** What a container writes, read for one reader alone: an engine numbers no lines, so nothing could be resumed or shared. */
import type { Clock, ContainerLogLine } from '@quayside/core/ports';
import { type Chunk, type Feed, joined } from './feed.js';
import { encode } from './frame.js';
import { Gathering } from './gathering.js';

const BYTES_MAX = 65_536;

export class OutputFeed implements Feed {
  readonly after = null;
  readonly newest = null;
  readonly #closing = new AbortController();
  readonly #lines: Gathering<ContainerLogLine>;
  #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(read: (signal: AbortSignal) => AsyncIterable<ContainerLogLine>, clock: Clock) {
    const { signal } = this.#closing;
    this.#lines = new Gathering(read(signal), clock, signal, (line) => {
      const bytes = encode({ event: 'line', data: line });
      this.#parts.push(bytes);
      this.#bytes += bytes.byteLength;
      return this.#bytes < BYTES_MAX;
    });
  }

  take(): Chunk {
    if (this.#parts.length === 0) return this.#lines.hasEnded ? 'end' : { later: this.#lines.advance() };
    const bytes = joined(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    return { bytes };
  }

  forget(): void {}

  close(): void {
    this.#closing.abort();
  }
}
