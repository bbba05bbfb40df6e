/** The progressive cutover of a stage: its defaults, and what it takes. */
import type { SpecCutover } from '../domain/spec.js';
import type { ProxyManager } from '../ports/proxy-manager.js';
import type { ParsedDefaults } from './schema.js';

const MIN_REQUESTS = 100;
const WINDOW_MS = 5_000;

export function resolveCutover(given: ParsedDefaults['cutover']): SpecCutover | null {
  // A stage that has none where its project or the settings do says so with an empty list.
  if (!given || given.steps.length === 0) return null;
  const { abortOn, steps } = given;
  return {
    steps,
    abortOn: abortOn
      ? {
          errorRate: abortOn.errorRate ?? null,
          p99Ms: abortOn.p99Ms ?? null,
          minRequests: abortOn.minRequests ?? MIN_REQUESTS,
          windowMs: abortOn.windowMs ?? WINDOW_MS,
        }
      : null,
  };
}

/** How long all of its steps are held. */
export const holdsMs = (cutover: SpecCutover | null): number =>
  cutover?.steps.reduce((total, { holdMs }) => total + holdMs, 0) ?? 0;

/** What the stage or its proxy cannot do of it: the field, what is expected there, and what came. */
export function cutoverIssue(
  cutover: SpecCutover,
  stage: {
    readonly port: number | null;
    readonly replace: 'start-first' | 'stop-first';
    readonly deployTimeoutMs: number | undefined;
  },
  proxy: Pick<ProxyManager, 'name' | 'capabilities' | 'statistics'> | null,
): readonly [field: string, expected: string, received: string] | undefined {
  const came = `${cutover.steps.length} steps`;
  const heldMs = holdsMs(cutover);
  const { deployTimeoutMs = Number.POSITIVE_INFINITY } = stage;
  const canWeigh = proxy === null || (proxy.capabilities.weights && proxy.capabilities.maxTargets >= 2);
  if (stage.port === null) return ['cutover', 'nothing, as a stage without a port has no route', came];
  if (stage.replace === 'stop-first')
    return ['cutover', "nothing beside `replace: 'stop-first'`, as there is one instance at a time", came];
  if (deployTimeoutMs <= heldMs)
    return ['cutover.steps', `steps that end within \`deployTimeout\`, which is ${deployTimeoutMs} ms`, `${heldMs} ms`];
  if (!canWeigh) return ['cutover', `a proxy that can weigh its targets, which ${proxy.name} cannot`, came];
  if (cutover.abortOn && proxy && !proxy.statistics)
    return ['cutover.abortOn', `a proxy that counts answers, which ${proxy.name} does not`, 'limits'];
  return undefined;
}
