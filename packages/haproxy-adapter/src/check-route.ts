/** What a route must be to be put: anything else is refused before HAProxy hears of it. */
import { isIP } from 'node:net';
import { holdingRefusal, type ProxyError, type Route } from '@quayside/core/ports';
import { refused } from './errors.js';
import { CLAIM } from './runtime-state.js';

export const TARGETS_MAX = 64;

export function checkRoute(route: Route): ProxyError | undefined {
  const { domain, mark, targets } = route;
  const hint = 'Correct the route that is put.';
  if (!/^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/.test(domain) || domain.length > 253)
    return refused('bad-domain', `"${domain}" is no domain in lower case.`, hint);
  if (!/^[A-Za-z0-9._-]{1,63}$/.test(mark)) return refused('bad-mark', `The mark of ${domain} is not usable.`, hint);
  if (targets.length === 0) return refused('no-target', `${domain} has no target.`, hint);
  if (targets.length > TARGETS_MAX) {
    return {
      kind: 'unsupported',
      code: 'too-many-targets',
      message: `${domain} has ${targets.length} targets, more than the ${TARGETS_MAX} that a route may have.`,
      hint: `Give it at most ${TARGETS_MAX}.`,
      retryable: false,
    };
  }
  for (const { instance, host, port, weight } of targets) {
    if (!/^[A-Za-z0-9._-]{1,63}$/.test(instance) || instance === CLAIM)
      return refused('bad-instance', `"${instance}" cannot be the name of a server.`, hint);
    // HAProxy looks no name up for a server that is added at run time.
    if (isIP(host) === 0 || !Number.isInteger(port) || port < 1 || port > 65_535)
      return refused(
        'bad-target',
        `${domain} has the target "${host}:${port}", which is no IP address and port.`,
        hint,
      );
    if (weight !== undefined && !(weight >= 0 && Number.isFinite(weight)))
      return refused('bad-weight', `${domain} has a target of weight ${weight}.`, hint);
  }
  if (new Set(targets.map(({ instance }) => instance)).size < targets.length)
    return refused('bad-target', `${domain} names an instance twice.`, hint);
  const held = holdingRefusal(route);
  return held && refused('bad-holding', held.message, held.hint);
}
