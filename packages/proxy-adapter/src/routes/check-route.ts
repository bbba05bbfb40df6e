/** What a route must be to be served: anything else is refused before it is written. */
import { isIP } from 'node:net';
import { holdingRefusal, type ProxyError, type Route } from '@quayside/core/ports';
import { refused } from '../errors.js';

export const TARGETS_MAX = 64;

export function checkRoute(route: Route): ProxyError | undefined {
  const { domain, mark, targets } = route;
  const hint = 'Correct the route that is put.';
  if (!/^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/.test(domain) || domain.length > 253) {
    return refused('bad-domain', `"${domain}" is no domain in lower case.`, hint);
  }
  if (mark.length === 0 || mark.length > 63)
    return refused('bad-mark', `The mark of ${domain} has ${mark.length} characters, not 1 to 63.`, hint);
  if (targets.length === 0) return refused('no-target', `${domain} has no target.`, hint);
  if (targets.length > TARGETS_MAX) return tooManyTargets(domain, targets.length);
  for (const { host, port, weight } of targets) {
    const isHost = isIP(host) !== 0 || /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$/.test(host);
    if (!isHost || !Number.isInteger(port) || port < 1 || port > 65_535) {
      return refused('bad-target', `${domain} has the target "${host}:${port}", which is no host and port.`, hint);
    }
    if (weight !== undefined && !(weight >= 0 && Number.isFinite(weight))) {
      return refused('bad-weight', `${domain} has a target of weight ${weight}.`, hint);
    }
  }
  const held = holdingRefusal(route);
  return held && refused('bad-holding', held.message, held.hint);
}

const tooManyTargets = (domain: string, count: number): ProxyError => ({
  kind: 'unsupported',
  code: 'too-many-targets',
  message: `${domain} has ${count} targets, more than the ${TARGETS_MAX} that the embedded proxy takes.`,
  hint: `Give it at most ${TARGETS_MAX}.`,
  retryable: false,
});
