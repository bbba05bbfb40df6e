/** The proof that requests reach the instance, and that the app answers them as asked. */
import { type Holding, holdingPage, type ProofRequest, type ProxyError, pause, type Route } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import type { Host } from '../api/hosts.js';
import { unproved } from '../errors.js';
import { holdWord, PASS_HEADER, PASS_PATH, PATH_HEADER, passIn } from '../routes/hold.js';
import { describeSeen, type FrontDoor, type Patience, type Serving } from './front-door.js';
import type { Seen } from './look.js';

const AGAIN_MS = 200;

/**
 * @param host the record of the domain, asked for only where it is needed: an access list answers 401 or 403 in the app's place, and what
 *   holds visitors has a word to pass by
 */
export async function prove(
  frontDoor: FrontDoor,
  route: Route,
  request: ProofRequest | null,
  host: () => Promise<Host | undefined>,
  patience: Patience,
): Promise<Result<void, ProxyError>> {
  const { domain } = route;
  const instances = instancesOf(route);
  const { holding } = route;
  const hold = holding && holdWord(holding);
  // A host that holds visitors although it should not is not it either.
  const isIt = (serving: Serving) =>
    serving.kind === 'answer' &&
    serving.instance !== undefined &&
    instances.includes(serving.instance) &&
    serving.hold === hold;
  let guarded: boolean | undefined;
  /** What the app has answered last, and was not asked for. */
  let refused: ProxyError | undefined;

  for (;;) {
    const { held, last } = await frontDoor.steadily(domain, isIt, patience);
    // Where the time was up amid another look at the instance that is there, what the app answers says more.
    if (!held) return err(((isIt(last) || last.kind === 'nothing') && refused) || notServed(frontDoor, route, last));
    const limitMs = Math.max(1, Math.ceil(patience.leftMs()));
    const own = { domain, limitMs, signal: patience.signal };
    if (holding) {
      const visit = { method: 'GET', path: request?.path ?? '/', headers: {} };
      const told = await frontDoor.ask({ ...own, ...visit });
      if (!isTold(told, holding)) {
        if (patience.signal.aborted || patience.leftMs() <= AGAIN_MS) return err(notTold(frontDoor, route, told));
        await pause(AGAIN_MS, patience.signal);
        continue;
      }
    }
    if (request === null) return ok(undefined);

    const { method, path, headers, expectStatus } = request;
    const pass = holding && passIn((await host())?.advanced_config ?? '');
    const passing = { path: PASS_PATH, headers: { ...headers, [PASS_HEADER]: pass ?? '', [PATH_HEADER]: path } };
    const seen = await frontDoor.ask({ ...own, method, ...(holding ? passing : { path, headers }) });
    if (seen.kind === 'answer') {
      if (expectStatus.some(([from, to]) => seen.status >= from && seen.status <= to)) return ok(undefined);
      if (seen.status === 401 || seen.status === 403) guarded ??= ((await host())?.access_list_id ?? 0) > 0;
      if (guarded) return ok(undefined);
    }
    refused = notAnswered(frontDoor, route, `${method} ${path}`, seen);
    if (patience.signal.aborted || patience.leftMs() <= AGAIN_MS) return err(refused);
    await pause(AGAIN_MS, patience.signal);
  }
}

/** More of an answer is not read than is the same in each page; that it is this message says the word at the path of the proof. */
const SEEN_OF_PAGE = 400;

const isTold = (seen: Seen, holding: Holding): boolean =>
  seen.kind === 'answer' &&
  seen.status === 503 &&
  seen.body.slice(0, SEEN_OF_PAGE) === holdingPage(holding).html.slice(0, SEEN_OF_PAGE);

const instancesOf = (route: Route): readonly string[] => route.targets.map(({ instance }) => instance);
const namesOf = (route: Route): string => instancesOf(route).join(', ');

function notServed(frontDoor: FrontDoor, route: Route, { seen, ...serving }: Serving): ProxyError {
  const { addresses } = frontDoor;
  const what = describeSeen(seen, addresses, frontDoor.schemeOf(route.domain));
  if (serving.kind === 'nothing') {
    const hint =
      'Set `frontDoor` to where visitors reach the proxy, as this process sees it, and check that it listens.';
    return unproved(route.domain, namesOf(route), what, hint);
  }
  if (serving.kind === 'answer' && instancesOf(route).includes(serving.instance ?? '')) {
    const hint = 'See that the nginx of Nginx Proxy Manager reloads (its log, nginx -t), then put the route again.';
    const state =
      serving.hold === undefined ? 'its visitors are sent on' : 'its visitors are held, or told something else';
    return unproved(route.domain, namesOf(route), state, hint);
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

function notTold(frontDoor: FrontDoor, route: Route, seen: Seen): ProxyError {
  const what = `its visitors should be held, and to one of them ${describeSeen(seen, frontDoor.addresses, frontDoor.schemeOf(route.domain))}`;
  const hint = 'See whether the custom configuration of the host, at its web page, answers before our lines do.';
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
