/** The last line of a terminal, which is written anew while something goes on; what is done is printed above it and stays. */
import type { Output } from '../io.js';
import { fit } from './width.js';

const FRAME_MS = 80;
const CLEAR = '\r\u001b[2K';
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';

export class LiveLine {
  readonly #out: Output;
  #draw: ((frame: number) => string) | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #frame = 0;
  #isDrawn = false;

  constructor(out: Output) {
    this.#out = out;
  }

  /** @param draw the line, each time anew: at most the terminal's width of it is shown */
  show(draw: (frame: number) => string): void {
    this.#draw = draw;
    if (this.#timer === undefined) {
      this.#out.write(HIDE_CURSOR);
      this.#timer = setInterval(() => {
        this.#frame += 1;
        this.#paint();
      }, FRAME_MS);
    }
    this.#paint();
  }

  /** A line that stays, above the live one. */
  print(line: string): void {
    this.#clear();
    this.#out.write(`${line}\n`);
    this.#paint();
  }

  /** Nothing is live any more; the cursor is back at the beginning of an empty line. */
  stop(): void {
    this.#draw = undefined;
    this.#clear();
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#out.write(SHOW_CURSOR);
  }

  #paint(): void {
    if (!this.#draw) return;
    // One column less: some terminals go to the next line when the last one is written.
    const columns = Math.max(1, (this.#out.columns ?? 80) - 1);
    this.#out.write(CLEAR + fit(this.#draw(this.#frame), columns));
    this.#isDrawn = true;
  }

  #clear(): void {
    if (this.#isDrawn) this.#out.write(CLEAR);
    this.#isDrawn = false;
  }
}
