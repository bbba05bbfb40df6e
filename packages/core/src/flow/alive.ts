import { err, ok } from 'neverthrow';
import { guard } from '../kernel/routine.js';
import type { Container } from '../ports/container-runtime.js';
import { endOf, unhealthy } from './evidence.js';
import type { Flow } from './flow.js';
import { targetOf } from './target.js';

/** Where the proxy reaches it, or why it cannot be reached any more. */
export function aliveAt(flow: Flow, next: string, container: Container | undefined, signal: AbortSignal) {
  return guard(async () => {
    const target = targetOf(flow.spec, next, container);
    const end = endOf(container, flow.seen.restarts ?? 0);
    if (target && !end) return ok(target);
    const observed = { attempts: 0, polls: 1, waitedMs: 0, container };
    return err(await unhealthy(flow, flow.spec.health, end ?? 'unreachable', observed, signal));
  });
}
