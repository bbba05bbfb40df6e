import { holds } from './assert.js';

const ROUNDS = 10;

/**
 * A call that has ended has let go of its signal: a deployer's lives as long as its process, and would collect every call that was
 * ever made under it. A listener that is about to go, or that one object keeps for all of its calls, is none too many.
 */
export async function letsGo(
  what: string,
  calls: (options: { readonly signal: AbortSignal }) => Promise<unknown>,
): Promise<void> {
  const { signal } = new AbortController();
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  let count = 0;
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    count += 1;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    count -= 1;
    remove(...args);
  };
  for (let round = 0; round < ROUNDS; round += 1) await calls({ signal });
  holds(count <= 1, `${what}: ${count} listeners are left on the signal after ${ROUNDS} rounds of calls`);
}
