import type { Block } from './block.js';

/** Blocks of all streams, the least recently used of them given up first. */
export class Blocks {
  readonly #bytesMax: number;
  #bytes = 0;
  readonly #kept = new Map<string, Block>();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(key: string): Block | undefined {
    const block = this.#kept.get(key);
    if (block) {
      this.#kept.delete(key);
      this.#kept.set(key, block);
    }
    return block;
  }

  /** Only one that is complete: its bytes are counted once. */
  put(key: string, block: Block): void {
    this.remove(key);
    this.#kept.set(key, block);
    this.#bytes += block.bytes;
    for (const [oldest, { bytes }] of this.#kept) {
      if (this.#bytes <= this.#bytesMax || oldest === key) break;
      this.#kept.delete(oldest);
      this.#bytes -= bytes;
    }
  }

  remove(key: string): void {
    const block = this.#kept.get(key);
    if (!block) return;
    this.#kept.delete(key);
    this.#bytes -= block.bytes;
  }

  clear(): void {
    this.#kept.clear();
    this.#bytes = 0;
  }
}
