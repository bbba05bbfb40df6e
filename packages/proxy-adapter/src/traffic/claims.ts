/**
 * Whether a domain without an answer is about to have one: its first deployment is under way. The store knows; it is asked only where a
 * visitor would get an error page otherwise, and by visitors who make up names no oftener than it can bear.
 */
import { type Store, untilAborted, within } from '@quayside/core/ports';

/** How long an answer is believed. */
const KNOWN_MS = 1_000;
const KNOWN_MAX = 1_000;
/** Questions at a time; who comes beyond it gets the page that is right for nearly everybody. */
const ASKED_MAX = 16;
const LIMIT_MS = 1_000;

/** @returns false too where the store does not say */
export function claims(store: Store): (domain: string) => Promise<boolean> {
  const known = new Map<string, { readonly isPending: Promise<boolean>; readonly atMs: number }>();
  let asked = 0;
  const ask = async (domain: string): Promise<boolean> => {
    asked += 1;
    try {
      const never = new AbortController().signal;
      return await within(never, LIMIT_MS, ({ signal }) => {
        const found = store.get('routes', domain, { signal }).map((held) => held?.value.state === 'pending');
        return untilAborted(found.unwrapOr(false), signal, () => false);
      });
    } catch {
      return false;
    } finally {
      asked -= 1;
    }
  };
  return (domain) => {
    const nowMs = performance.now();
    const last = known.get(domain);
    if (last && nowMs - last.atMs < KNOWN_MS) return last.isPending;
    if (asked >= ASKED_MAX) return Promise.resolve(false);
    const isPending = ask(domain);
    known.delete(domain);
    known.set(domain, { isPending, atMs: nowMs });
    if (known.size > KNOWN_MAX) known.delete(known.keys().next().value ?? domain);
    return isPending;
  };
}
