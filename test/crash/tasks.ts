/**
 * A host that recovers lives on for a while: what a dead one was retiring is done by the tasks' own runner, when that one's lease has run
 * out.
 */
import { unwrap } from '../../packages/core/src/index.js';
import { openStore } from '../support/store-at.js';
import type { Place } from './ports.js';

/** How long tasks may take, beside the recovery. */
const TASKS_MS = 30_000;

/** Looks by a connection of its own, and gives up after a while: whoever looks afterwards finds what is left. */
export async function untilNothingIsLeft({ store: at }: Place): Promise<void> {
  const store = openStore(at);
  const { signal } = new AbortController();
  for (const untilMs = performance.now() + TASKS_MS; performance.now() < untilMs; ) {
    if ((await unwrap(store.list('tasks', { limit: 1 }, { signal }))).length === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await store.close();
}
