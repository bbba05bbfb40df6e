/**
 * The proof: a request through the front door, answered by the instance, and as asked. HAProxy names the server that it chose. Each
 * target that is to be sent requests is asked by its name; a configuration of before that could be done asks whomever it likes, and is asked until it was everyone.
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type ProofRequest, type ProxyError, pause, type Route, within } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { INSTANCE_HEADER, PROOF_HEADER } from './configuration.js';
import { unproved } from './errors.js';

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
]);

type Seen =
  | { readonly kind: 'answer'; readonly status: number; readonly instance: string | null }
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
  return within(limit.signal, limit.timeoutMs, async ({ signal }) => {
    for (const instance of instances) {
      for (let last: Seen | undefined; ; ) {
        const seen = await within(signal, LOOK_LIMIT_MS, (own) =>
          look(door, route.domain, instance, request, own.signal),
        );
        // A question that the limit cut off tells less than the one before it.
        if (!signal.aborted || !last) last = seen;
        if (seen.kind === 'answer' && seen.instance === instance && isGood(seen)) break;
        if (signal.aborted) return err(failed(door.frontDoor, route.domain, instance, request, last));
        await pause(BETWEEN_MS, signal);
      }
    }
    return ok();
  });
}

function failed(
  frontDoor: string,
  domain: string,
  instance: string,
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
  if (seen.instance !== instance) {
    const hint = 'See whether somebody else changes the map, or an older HAProxy process still accepts connections.';
    return unproved(domain, `${seen.instance || 'no instance'} is served there, not ${instance}`, hint);
  }
  const asked = request ? `${request.method} ${request.path}` : 'a request';
  const hint = 'Look at what the app answers behind the proxy, and whether HAProxy reaches its address.';
  return unproved(domain, `it is served, but ${asked} is answered ${seen.status}`, hint);
}

function look(
  door: { readonly frontDoor: string; readonly proofKey: string },
  domain: string,
  instance: string,
  request: ProofRequest | null,
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
        [INSTANCE_HEADER]: instance,
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
    sent.once('response', (response) => {
      const instance = response.headers[INSTANCE_HEADER];
      resolve({
        kind: 'answer',
        status: response.statusCode ?? 0,
        instance: typeof instance === 'string' ? instance : null,
      });
      response.destroy();
    });
    sent.once('upgrade', (response, socket) => {
      socket.destroy();
      const instance = response.headers[INSTANCE_HEADER];
      resolve({ kind: 'answer', status: 101, instance: typeof instance === 'string' ? instance : null });
    });
    sent.end();
  });
}
