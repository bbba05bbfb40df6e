/**
 * The proof: a request through the front door, answered by the instance, and as asked. HAProxy names the server that it chose. Each
 * target that is to be sent requests is asked by its name, and the answer says among how many was chosen: one that still gets a share is found out.
 * Where visitors are held it is looked too whether they are told what they should be, by a request that names no instance.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import {
  type Holding,
  holdingPage,
  type ProofRequest,
  type ProxyError,
  pause,
  type Route,
  retryAfterSeconds,
  within,
} from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { INSTANCE_HEADER, PASS_HEADER, PROOF_HEADER, SERVERS_HEADER } from './configuration.js';
import { PRINT_AGAIN, unproved } from './errors.js';

const BETWEEN_MS = 20;
/** Of one look: a hanging app is not to take all of the time. */
const LOOK_LIMIT_MS = 5_000;
/** Ours to say: a health check's own would lead elsewhere. */
const OWN_HEADERS = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'upgrade',
  PROOF_HEADER,
  INSTANCE_HEADER,
  PASS_HEADER,
  SERVERS_HEADER,
]);

/** Of a body: more than any of our pages has. */
const BODY_LIMIT_CHARACTERS = 8_192;

type Seen =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly instance: string | null;
      /** How many get requests where this one was chosen; null: the configuration does not say. */
      readonly servers: number | null;
      readonly retryAfter: string | null;
      readonly body: string;
    }
  | { readonly kind: 'nothing'; readonly text: string };

export async function prove(
  door: { readonly frontDoor: string; readonly proofKey: string },
  route: Route,
  request: ProofRequest | null,
  limit: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<Result<void, ProxyError>> {
  // Whom nobody is sent to is in maintenance, and answers nobody.
  const sent = route.targets.filter(({ weight = 1 }) => weight > 0);
  const instances = (sent.length > 0 ? sent : route.targets).map(({ instance }) => instance);
  const isGood = (seen: Seen): boolean =>
    request === null ||
    (seen.kind === 'answer' && request.expectStatus.some(([from, to]) => seen.status >= from && seen.status <= to));
  const { holding } = route;
  /** Looks until it is as it should be, or the time is over: then what was seen last. */
  const until = async (
    isRight: (seen: Seen) => boolean,
    signal: AbortSignal,
    asks: (own: AbortSignal) => Promise<Seen>,
  ): Promise<Seen | undefined> => {
    for (let last: Seen | undefined; ; ) {
      const seen = await within(signal, LOOK_LIMIT_MS, (own) => asks(own.signal));
      // A question that the limit cut off tells less than the one before it.
      if (!signal.aborted || !last) last = seen;
      if (isRight(seen)) return undefined;
      if (signal.aborted) return last;
      await pause(BETWEEN_MS, signal);
    }
  };
  return within(limit.signal, limit.timeoutMs, async ({ signal }) => {
    for (const instance of instances) {
      const isIt = (seen: Seen) =>
        seen.kind === 'answer' && seen.instance === instance && seen.servers === sent.length && isGood(seen);
      // Where nobody should be held nothing is passed by: what holds visitors all the same holds this one too.
      const own = { [INSTANCE_HEADER]: instance, ...(holding ? { [PASS_HEADER]: '1' } : {}) };
      const wrong = await until(isIt, signal, (limit) => look(door, route.domain, request, own, limit));
      if (wrong) return err(failed(door.frontDoor, route.domain, { instance, servers: sent.length }, request, wrong));
    }
    if (!holding) return ok();
    const visitor = { method: 'GET', path: request?.path ?? '/', headers: { accept: 'application/json' } };
    const told = await until(
      (seen) => isTold(seen, holding),
      signal,
      (limit) => look(door, route.domain, visitor, {}, limit),
    );
    return told ? err(notTold(door.frontDoor, route.domain, told)) : ok();
  });
}

/** Whether visitors get just this. */
const isTold = (seen: Seen, holding: Holding): boolean =>
  seen.kind === 'answer' &&
  seen.status === 503 &&
  seen.retryAfter === String(retryAfterSeconds(holding)) &&
  seen.body.trimEnd() === holdingPage(holding).json;

function notTold(frontDoor: string, domain: string, seen: Seen): ProxyError {
  const hint =
    "See that HAProxy's configuration is the one that `quayside proxy-config` prints, and whether somebody else changes the map.";
  if (seen.kind === 'nothing') return unproved(domain, `${frontDoor} does not answer a visitor (${seen.text})`, hint);
  const what = seen.status === 503 ? 'are told something else' : `are answered ${seen.status}`;
  return unproved(domain, `its visitors should be held, and ${what}`, hint);
}

function failed(
  frontDoor: string,
  domain: string,
  { instance, servers }: { readonly instance: string; readonly servers: number },
  request: ProofRequest | null,
  seen: Seen,
): ProxyError {
  if (seen.kind === 'nothing') {
    const hint = 'Set `frontDoor` to where visitors reach HAProxy, as this process sees it.';
    return unproved(domain, `${frontDoor} does not answer (${seen.text})`, hint);
  }
  if (seen.instance === null) {
    const hint = 'See that `frontDoor` leads to this HAProxy, and that `proofKey` is the one of its configuration.';
    return unproved(domain, `${frontDoor} answers ${seen.status} and does not say which instance it asked`, hint);
  }
  if (seen.instance === '' && seen.status === 503 && seen.retryAfter !== null) {
    const hint = 'See whether somebody else changes the map, or an older HAProxy process still accepts connections.';
    return unproved(domain, 'its visitors are held', hint);
  }
  if (seen.instance !== instance) {
    const hint = 'See whether somebody else changes the map, or an older HAProxy process still accepts connections.';
    return unproved(domain, `${seen.instance || 'no instance'} is served there, not ${instance}`, hint);
  }
  if (seen.servers === null)
    return unproved(domain, 'HAProxy does not say among how many servers it chose', PRINT_AGAIN);
  if (seen.servers !== servers) {
    const hint = 'See whether somebody else changes the map, or the weights and states of its servers.';
    return unproved(domain, `${instance} is one of ${seen.servers} that are served there, not of ${servers}`, hint);
  }
  const asked = request ? `${request.method} ${request.path}` : 'a request';
  const hint = 'Look at what the app answers behind the proxy, and whether HAProxy reaches its address.';
  return unproved(domain, `it is served, but ${asked} is answered ${seen.status}`, hint);
}

function look(
  door: { readonly frontDoor: string; readonly proofKey: string },
  domain: string,
  request: Pick<ProofRequest, 'method' | 'path' | 'headers'> | null,
  own: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Seen> {
  const url = new URL(door.frontDoor);
  const isSecure = url.protocol === 'https:';
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request?.headers ?? {}))
    if (!OWN_HEADERS.has(name.toLowerCase())) headers[name] = value;
  return new Promise((resolve) => {
    const sent = (isSecure ? httpsRequest : httpRequest)({
      host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: url.port || (isSecure ? 443 : 80),
      method: request?.method ?? 'GET',
      path: request?.path ?? '/',
      headers: {
        ...headers,
        host: domain,
        connection: 'close',
        [PROOF_HEADER]: door.proofKey,
        ...own,
      },
      agent: false,
      signal,
      // Which instance answers is the question, and not whether a browser would trust the certificate.
      ...(isSecure ? { servername: domain, rejectUnauthorized: false } : {}),
    });
    const nothing = (thrown: unknown) => {
      resolve({ kind: 'nothing', text: thrown instanceof Error ? thrown.message : String(thrown) });
      sent.destroy();
    };
    sent.once('error', nothing);
    const answered = ({ headers, statusCode = 0 }: IncomingMessage, body: string) => {
      const { [INSTANCE_HEADER]: instance, [SERVERS_HEADER]: servers } = headers;
      resolve({
        kind: 'answer',
        status: statusCode,
        instance: typeof instance === 'string' ? instance : null,
        servers: typeof servers === 'string' ? Number(servers) : null,
        retryAfter: headers['retry-after'] ?? null,
        body,
      });
    };
    sent.once('response', (response) => {
      const end = (body: string) => {
        answered(response, body);
        response.destroy();
      };
      // An app's own answer may be a download: its head says all.
      if (response.headers[INSTANCE_HEADER] !== '') return end('');
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
        if (body.length > BODY_LIMIT_CHARACTERS) end(body);
      });
      response.once('error', nothing);
      response.once('end', () => end(body));
      return undefined;
    });
    sent.once('upgrade', (response, socket) => {
      socket.destroy();
      answered(response, '');
    });
    sent.end();
  });
}
