/** How a script speaks while it works: one line per thing done, and one failure that says what to do. */

/** What the reader has to see to before the script can go on. */
export class SetupError extends Error {
  /**
   * @param {string} message what is missing or went wrong
   * @param {string} hint what to do now, in one imperative sentence
   */
  constructor(message, hint) {
    super(message);
    this.name = 'SetupError';
    this.hint = hint;
  }
}

/** @param {string} line */
export const say = (line) => console.log(`setup: ${line}`);

/** @param {unknown} error the lines to print for it; a bug keeps its stack */
export function explain(error) {
  if (error instanceof SetupError) return `setup: ${error.message}\n       ${error.hint}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** `2.4 s` since a `performance.now()` of earlier. */
export const since = (startMs) => `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
