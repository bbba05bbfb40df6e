/**
 * How long the steps may take. Each call of a step has a limit of its own; the step's bounds their sum, and whatever it waits for
 * between them. They follow from what the step may have to do, and name the setting that they follow from.
 */
import type { Limit } from '../kernel/scope.js';
import type { Flow } from './flow.js';

/** So many changes or looks, one after the other, and `moreMs` for what has a limit of another kind. */
export const calls = (flow: Flow, count: number, moreMs = 0): Limit => ({
  ms: count * flow.host.settings.effectTimeoutMs + moreMs,
  setting: 'effectTimeoutMs',
});

/** Writes of so many routes, as the proxy takes them: at once, or in sequence. */
export const writes = ({ host }: Flow, routes: number): number =>
  host.proxy?.writes === 'serial' ? routes : Math.min(1, routes);

/** What bounds the whole, for a step that waits for the app to come to its end. */
export const wholeLimit = ({ spec }: Pick<Flow, 'spec'>): Limit => ({
  ms: spec.limits.deploymentMs,
  setting: 'deployTimeout',
});
