/** What is wrong with an instance, as its container shows it. Pure: it decides, and others act on it. */
import type { InstanceCondition } from '../domain/records.js';
import type { Spec } from '../domain/spec.js';
import type { Container } from '../ports/container-runtime.js';

/** So many restarts within the window are a crash loop; without one for so long it is over. */
const LOOP_RESTARTS = 3;
const LOOP_WINDOW_MS = 600_000;
const LOOP_OVER_MS = 120_000;

/** Restarts that the engine has counted, and when each was first seen, by the monotonic clock. */
export interface Restarts {
  readonly count: number;
  readonly seenMs: readonly number[];
}

/** What is known of its restarts after another look. The first look only learns the number: those are of before. */
export function countRestarts(known: Restarts | undefined, count: number, nowMs: number): Restarts {
  if (!known || count < known.count) return { count, seenMs: [] };
  const fresh = Array.from({ length: Math.min(count - known.count, LOOP_RESTARTS) }, () => nowMs);
  return { count, seenMs: [...known.seenMs, ...fresh].filter((atMs) => nowMs - atMs < LOOP_WINDOW_MS) };
}

export const isLooping = ({ seenMs }: Restarts, nowMs: number): boolean =>
  seenMs.length >= LOOP_RESTARTS && nowMs - (seenMs.at(-1) ?? 0) < LOOP_OVER_MS;

/** Null: it is well. Undefined: it cannot be told yet, look again. */
export function judge(
  container: Container | undefined,
  instance: string,
  spec: Pick<Spec, 'health'>,
  restarts: Restarts,
  nowMs: number,
): InstanceCondition['state'] | null | undefined {
  if (container?.owner?.deployment !== instance) return 'lost';
  if (isLooping(restarts, nowMs)) return 'crash-looping';
  switch (container.state) {
    case 'running':
    case 'paused':
      return container.health?.status === 'unhealthy' ? 'unhealthy' : null;
    case 'created':
    case 'restarting':
    case 'removing':
      return undefined;
    default:
      // What is meant to end may have ended well.
      return spec.health.kind === 'ends' && container.exitCode === 0 ? null : 'down';
  }
}

/** Whether the engine itself would have started it again: then somebody, or its own end, has kept it from that. */
export const restartsByItself = ({ container }: Pick<Spec, 'container'>): boolean =>
  container.restart === 'always' || container.restart === 'unless-stopped';
