/** How far a pull is, over all its layers. */
import type { PullProgress } from '@quayside/core';
import { bytesText } from '../terminal/quantities.js';
import type { Signs } from '../terminal/style.js';

interface Layer {
  currentBytes: number;
  totalBytes: number;
}

const DONE = /^(pull complete|download complete|already exists)/i;
const BAR_MAX = 24;
const BAR_MIN = 6;

export class PullMeter {
  readonly #layers = new Map<string, Layer>();
  /** Totals become known one layer after the other: a bar that goes back would only confuse. */
  #shown = 0;
  #status = '';

  add({ layer, status, currentBytes, totalBytes }: PullProgress): void {
    this.#status = status;
    if (layer === null) return;
    const known = this.#layers.get(layer) ?? { currentBytes: 0, totalBytes: 0 };
    this.#layers.set(layer, known);
    if (/^downloading/i.test(status)) {
      known.currentBytes = currentBytes ?? known.currentBytes;
      known.totalBytes = Math.max(known.totalBytes, totalBytes ?? 0, known.currentBytes);
    } else if (DONE.test(status) || /^(extracting|verifying)/i.test(status)) known.currentBytes = known.totalBytes;
  }

  get currentBytes(): number {
    return [...this.#layers.values()].reduce((sum, layer) => sum + layer.currentBytes, 0);
  }

  get totalBytes(): number {
    return [...this.#layers.values()].reduce((sum, layer) => sum + layer.totalBytes, 0);
  }

  /** From 0 to 1; undefined as long as nothing is known. */
  get fraction(): number | undefined {
    const total = this.totalBytes;
    if (total === 0) return undefined;
    this.#shown = Math.max(this.#shown, Math.min(1, this.currentBytes / total));
    return this.#shown;
  }

  /** `62 %, 12 MB of 20 MB` */
  get text(): string {
    const { fraction } = this;
    if (fraction === undefined) return this.#status.toLowerCase();
    const what = fraction === 1 ? 'extracting' : `${bytesText(this.currentBytes)} of ${bytesText(this.totalBytes)}`;
    return `${Math.floor(fraction * 100)} %, ${what}`;
  }

  /** `██████░░░░ 62 %, …`, in so many columns at most; without the bar where there is no room for one. */
  bar(signs: Signs, columns: number): string {
    const { fraction, text } = this;
    const width = Math.min(BAR_MAX, columns - text.length - 1);
    if (fraction === undefined || width < BAR_MIN) return text;
    const filled = Math.round(fraction * width);
    return `${signs.filled.repeat(filled)}${signs.empty.repeat(width - filled)} ${text}`;
  }
}
