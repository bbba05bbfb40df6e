/** The proof that requests reach the instance, and that the app answers them as asked. */
import { type ProofRequest, type ProxyError, pause, type Route } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { unproved } from '../errors.js';
import { describeSeen, type FrontDoor, type Patience, type Serving } from './front-door.js';
import type { Seen } from './look.js';

const AGAIN_MS = 200;

/**
 * @param isGuarded whether the domain is behind an access list, which answers 401 or 403 in the app's place; asked once, and only then
 */
export async function prove(
  frontDoor: FrontDoor,
  route: Route,
  request: ProofRequest | null,
  isGuarded: () => Promise<boolean>,
  patience: Patience,
): Promise<Result<void, ProxyError>> {
  const { domain } = route;
  const instances = route.targets.map(({ instance }) => instance);
  const isIt = (serving: Serving) =>
    serving.kind === 'answer' && serving.instance !== undefined && instances.includes(serving.instance);
  let guarded: boolean | undefined;

  for (;;) {
    const { held, last } = await frontDoor.steadily(domain, isIt, patience);
    if (!held) return err(notServed(frontDoor, route, last));
    if (request === null) return ok(undefined);

    const { method, path, headers, expectStatus } = request;
    const limitMs = Math.max(1, Math.ceil(patience.leftMs()));
    const seen = await frontDoor.ask({ domain, method, path, headers, limitMs, signal: patience.signal });
    if (seen.kind === 'answer') {
      if (expectStatus.some(([from, to]) => seen.status >= from && seen.status <= to)) return ok(undefined);
      if (seen.status === 401 || seen.status === 403) guarded ??= await isGuarded();
      if (guarded) return ok(undefined);
    }
    if (patience.signal.aborted || patience.leftMs() <= AGAIN_MS) {
      return err(notAnswered(frontDoor, route, `${method} ${path}`, seen));
    }
    await pause(AGAIN_MS, patience.signal);
  }
}

const namesOf = (route: Route): string => route.targets.map(({ instance }) => instance).join(', ');

function notServed(frontDoor: FrontDoor, route: Route, { seen, ...serving }: Serving): ProxyError {
  const { addresses } = frontDoor;
  const what = describeSeen(seen, addresses, frontDoor.schemeOf(route.domain));
  if (serving.kind === 'nothing') {
    const hint =
      'Set `frontDoor` to where visitors reach the proxy, as this process sees it, and check that it listens.';
    return unproved(route.domain, namesOf(route), what, hint);
  }
  if (serving.instance !== undefined) {
    const hint =
      'See that the nginx of Nginx Proxy Manager reloads (its log, nginx -t): it serves an older configuration.';
    return unproved(route.domain, namesOf(route), `${serving.instance} is served there`, hint);
  }
  const hint =
    'See that `frontDoor` leads to this proxy, and that nobody changed the host on its web page (its target, its custom configuration).';
  return unproved(route.domain, namesOf(route), what, hint);
}

function notAnswered(frontDoor: FrontDoor, route: Route, asked: string, seen: Seen): ProxyError {
  const what = `it is served, but to ${asked} ${describeSeen(seen, frontDoor.addresses, frontDoor.schemeOf(route.domain))}`;
  const status = seen.kind === 'answer' ? seen.status : 0;
  const hint =
    status === 502 || status === 504 || seen.kind === 'nothing'
      ? 'See that the proxy reaches the instance: its network, and `reaches` of nginxProxyManager.'
      : `Look at what the app answers behind the proxy (headers such as X-Forwarded-Proto): it is ${status} there.`;
  return unproved(route.domain, namesOf(route), what, hint);
}
