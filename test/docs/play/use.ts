/** What is done with a block once it was read, and what its page says that its reader has. */
import type { Site } from './site.js';

// biome-ignore lint/suspicious/noExplicitAny: what a block exports is its page's.
export type Exports = Record<string, any>;

export interface Use {
  /** Variables of the environment that it reads. */
  readonly env?: Readonly<Record<string, string>> | ((site: Site) => Promise<Readonly<Record<string, string>>>);
  /** What it declares and does not bring: its page says that its reader has it. */
  readonly given?: (site: Site) => Promise<Readonly<Record<string, unknown>>> | Readonly<Record<string, unknown>>;
  /** Arguments of its process. */
  readonly argv?: readonly string[];
  /** Before it is read. */
  readonly before?: (site: Site) => Promise<void> | void;
  /** Uses what it exports as its page says, and throws where that is not so. */
  readonly shows?: (exports: Exports, site: Site) => Promise<void> | void;
}

/** By page and place: `docs/api.md#mounting` is the first block of code below that heading, `docs/api.md#mounting-2` the second. */
export type Uses = Readonly<Record<string, Use>>;
