/**
 * Whether a route is what the front door serves. Every server is asked with its key, per target, what the app answers to the request of
 * the health check, sent on by this server to just that instance. The answer names the instance and the mark of the very route that it
 * was sent by. Where that says too little, or nothing is to be asked of the app, the server tells which targets the domain has.
 *
 * Where visitors are held the question says that it is to pass; where they should not be it does not, and would be held like them.
 */
import { type ProofRequest, type Route, retryAfterSeconds } from '@quayside/core/ports';
import { INSTANCE_HEADER, KEY_HEADER, PASS_HEADER, ROUTE_HEADER } from '../traffic/headers.js';
import { INSTANCE_PATH, type InstanceAnswer, places, routeProof, told } from '../traffic/inspection.js';
import { ask, type Reply } from './ask.js';
import { isRecordOf, type Seen } from './watch.js';

/** Of one question. An app that needs longer for its health check path is asked again. */
const ANSWER_LIMIT_MS = 5_000;

/** What speaks against it, for people; undefined: it is proved. */
export async function disprove(
  route: Route,
  request: ProofRequest | null,
  servers: readonly Seen[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const findings = await Promise.all(servers.map((server) => askServer(route, request, server, servers, signal)));
  return findings.find((finding) => finding !== undefined);
}

async function askServer(
  route: Route,
  request: ProofRequest | null,
  { record }: Seen,
  servers: readonly Seen[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const at = record.frontDoor;
  const headers = { host: route.domain, [KEY_HEADER]: record.key };
  const questionTo = (instance: string) => ({
    method: request?.method ?? 'GET',
    path: request?.path ?? '/',
    headers: {
      ...lowerCased(request?.headers ?? {}),
      ...headers,
      [INSTANCE_HEADER]: instance,
      ...(route.holding ? { [PASS_HEADER]: '1' } : {}),
    },
  });
  try {
    const replies = await Promise.all(
      (request ? route.targets : []).map(({ instance }) => ask(at, questionTo(instance), ANSWER_LIMIT_MS, signal)),
    );
    // Several workers of one port answer for each other.
    const isOurs = (server: string) => servers.some((each) => isRecordOf(server, each.record.id));
    const isMarked = ({ headers: { [ROUTE_HEADER]: mark } }: Reply) => {
      const [server = ''] = String(mark).split(' ');
      return isOurs(server) && mark === routeProof(server, route);
    };
    if (replies.length === 0 || !replies.every(isMarked)) {
      const reply = await ask(at, { method: 'GET', path: INSTANCE_PATH, headers }, ANSWER_LIMIT_MS, signal);
      const answer = reply.status === 200 ? parse(reply.body) : undefined;
      if (!answer || !isOurs(answer.server)) {
        return `${at} is answered by something that is not a server of this proxy (${reply.status})`;
      }
      if (!answer.targets) return `${at} has no route for it`;
      if (places(answer.targets).join() !== places(route.targets).join()) {
        return `${at} sends it to ${answer.targets.map((each) => each.instance).join(', ')}`;
      }
      if (told(answer.holding) !== told(route.holding)) {
        if (!route.holding) return `${at} holds its visitors`;
        return `${at} ${answer.holding ? 'tells its visitors something else' : 'does not hold its visitors'}`;
      }
    }
    for (const [index, reply] of replies.entries()) {
      const instance = route.targets[index]?.instance;
      if (reply.headers[INSTANCE_HEADER] !== instance) {
        return `${at} answers ${request?.path} with ${reply.status}, and not from ${instance}`;
      }
      if (!request?.expectStatus.some(([from, to]) => reply.status >= from && reply.status <= to)) {
        return `${instance} answers ${request?.path} with ${reply.status} through ${at}`;
      }
    }
    if (!route.holding) return undefined;
    // Without an instance it is asked as any visitor asks; that no instance is asked by it is known by now.
    const visitor = await ask(at, { method: 'GET', path: request?.path ?? '/', headers }, ANSWER_LIMIT_MS, signal);
    const isHeld =
      visitor.status === 503 && visitor.headers['retry-after'] === String(retryAfterSeconds(route.holding));
    return isHeld ? undefined : `${at} answers a visitor with ${visitor.status}`;
  } catch (thrown) {
    return `${at} does not answer: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
  }
}

const lowerCased = (headers: { readonly [name: string]: string }): { [name: string]: string } =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

function parse(body: string): InstanceAnswer | undefined {
  try {
    return JSON.parse(body) as InstanceAnswer;
  } catch {
    return undefined;
  }
}
