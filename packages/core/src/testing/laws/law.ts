/**
 * A contract is a list of laws. The in-memory port and the real one obey the same list, and an adapter proves itself in a
 * line: `conforms(it, storeLaws, openStore)`. The caller's `it` is passed in, so that the core picks no test runner.
 *
 * Whoever breaks a law is told four things: what was seen, which rule that breaks, what the port's contract says about it, and
 * the page of the guide where that is explained.
 */
import { systemClock } from '../../system.js';
import { LawBroken } from './assert.js';

/** What the guide of a port says about one subject: what its laws hold an adapter to. */
export interface Contract {
  /** In a sentence or two, as the guide has it. */
  readonly says: string;
  /** The guide's page, from the top of the repository, and the heading there: `docs/guides/write-a-store.md#fences`. */
  readonly page: string;
}

/** The contracts of a port, by the anchors of its guide's headings. */
export const contractsOf = <Anchor extends string>(
  page: string,
  says: { readonly [A in Anchor]: string },
): { readonly [A in Anchor]: Contract } => {
  const each = Object.entries<string>(says).map(([anchor, text]) => [
    anchor,
    { says: text, page: `${page}#${anchor}` },
  ]);
  return Object.fromEntries(each) as { readonly [A in Anchor]: Contract };
};

/** One rule of a port. */
export interface Law<Harness> {
  /** The rule itself, as a sentence: it is the test's name. */
  readonly name: string;
  /** What it belongs to; an adapter's own laws, which no guide knows, have none. */
  readonly contract?: Contract;
  /**
   * Says why the law does not apply to this port (a capability that it has not), or nothing where it does. Then the test is
   * named so, and asserts exactly that absence: no law is skipped in silence.
   */
  readonly exempt?: (harness: Harness) => string | undefined;
  readonly holds: (harness: Harness) => Promise<void>;
}

/** Of vitest, jest, mocha, `node:test`: whatever takes a name and an asynchronous body. */
export type It = (name: string, body: () => Promise<void>) => unknown;

/** What a law works with: the port, fixtures, and the end of both. A new one for every law. */
export type Harness<T> = T & { close(): Promise<void> };

export interface LawOptions {
  /**
   * How long a law may take in real time, milliseconds; then it is broken, since something was never answered. It should lie below
   * the test runner's own limit, which knows no rule to name. Default 50 000.
   */
  readonly limitMs?: number;
}

const LIMIT_MS = 50_000;

/** The whole conformance test of an adapter. Each law gets a harness of its own, closed whatever happens. */
export function conforms<T>(
  it: It,
  laws: readonly Law<T>[],
  open: () => Promise<Harness<T>>,
  options: LawOptions = {},
): void {
  for (const law of laws) it(law.name, () => keep(law, open, options));
}

/** Holds a port to one law; rejects with `LawBroken`, which says all that an author needs. */
export async function keep<T>(
  law: Law<T>,
  open: () => Promise<Harness<T>>,
  { limitMs = LIMIT_MS }: LawOptions = {},
): Promise<void> {
  try {
    const harness = await within(limitMs, open, (late) => late.close());
    let broken: unknown;
    try {
      await within(limitMs, async () => {
        if (law.exempt?.(harness) === undefined) await law.holds(harness);
      });
    } catch (thrown) {
      broken = thrown ?? new LawBroken('nothing was thrown');
    }
    // Closed even where the law still waits: what it opened must not outlive the test. Its own failure counts where there is no other.
    const closing = within(limitMs, () => harness.close());
    await (broken === undefined ? closing : closing.catch(() => undefined));
    if (broken !== undefined) throw broken;
  } catch (thrown) {
    throw told(law, thrown);
  }
}

/** @param tooLate is given what the work answers after its limit */
async function within<T>(
  limitMs: number,
  work: () => Promise<T>,
  tooLate?: (value: T) => Promise<unknown>,
): Promise<T> {
  let cancel = () => {};
  let isOver = false;
  const late = new Promise<never>((_, reject) => {
    const text = `not ended within ${limitMs} ms: a call was not answered, or a stream went on`;
    cancel = systemClock().after(limitMs, () => reject(new LawBroken(text, { how: 'limit' })), true);
  });
  try {
    const working = work();
    working.then((value) => (isOver ? tooLate?.(value) : undefined)).catch(() => undefined);
    return await Promise.race([working, late]);
  } finally {
    isOver = true;
    cancel();
  }
}

/** The failure as its reader needs it, at the place where it was noticed. */
function told<T>({ name, contract }: Law<T>, thrown: unknown): LawBroken {
  const seen = thrown instanceof Error ? thrown : new Error(String(thrown));
  const lines = [seen.message, `  rule: ${name}`];
  if (contract) lines.push(`  contract: ${contract.says}`, `  read: ${contract.page}`);
  const how = thrown instanceof LawBroken ? thrown.how : 'throw';
  const broken = new LawBroken(lines.join('\n'), { how, cause: thrown });
  const frames = seen.stack?.split('\n').filter((line) => /^\s+at /.test(line)) ?? [];
  broken.stack = [`${broken.name}: ${broken.message}`, ...frames].join('\n');
  return broken;
}
