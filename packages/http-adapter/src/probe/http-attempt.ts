/**
 * One HTTP request on a connection of its own, by `node:http`: a pooled connection could be answered by a process that no
 * longer accepts new ones, a fetch cannot choose its `Host`, and loading a client for it would cost more than the request.
 */
import { type ClientRequest, type IncomingMessage, request as openRequest } from 'node:http';
import type { ProbeAnswer, ProbeError, ProbeRequest, TimeLimit } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { describeRequest, failureOf, probeFailed } from './failure.js';
import { headerHider } from './header-secrets.js';

/** What is read of a body at most. */
export const BODY_LIMIT_BYTES = 65_536;

export async function httpAttempt(request: ProbeRequest, limit: TimeLimit): Promise<Result<ProbeAnswer, ProbeError>> {
  let sent: ClientRequest;
  try {
    sent = openRequest({
      host: request.host.replace(/^\[(.*)\]$/, '$1'),
      port: request.port,
      method: request.method,
      path: request.path,
      headers: { 'user-agent': 'Quayside', accept: '*/*', ...lowerCased(request.headers) },
      // An agent of its own, without keep-alive: one connection per attempt, closed after it.
      agent: false,
    });
  } catch (thrown) {
    return err(cannotBeSent(request, thrown));
  }
  const seen: { status?: number } = {};
  const onAbort = () => sent.destroy();
  limit.signal.addEventListener('abort', onAbort, { once: true });
  try {
    const response = await answered(sent);
    const status = response.statusCode ?? 0;
    seen.status = status;
    const hide = headerHider(request.headers);
    const body = await readStart(response);
    return ok({
      status,
      body: hide(body),
      location: response.headers.location ? hide(response.headers.location) : null,
    });
  } catch (thrown) {
    return err(broken(request, limit, seen.status, thrown));
  } finally {
    limit.signal.removeEventListener('abort', onAbort);
    sent.destroy();
  }
}

const lowerCased = (headers: { readonly [name: string]: string }): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

function answered(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // Stays on: a destroyed request may emit once more, and an `error` that nobody hears ends the process.
    sent.on('error', reject);
    sent.once('response', resolve);
    // A 101 is an answer like any other; without a listener the connection would just be closed.
    sent.once('upgrade', (response, socket) => {
      socket.destroy();
      resolve(response);
    });
    sent.end();
  });
}

function readStart(response: IncomingMessage): Promise<string> {
  if (response.statusCode === 101) return Promise.resolve('');
  return new Promise((resolve, reject) => {
    const decoder = new TextDecoder();
    let left = BODY_LIMIT_BYTES;
    let text = '';
    response.on('data', (chunk: Buffer) => {
      if (left === 0) return;
      const part = chunk.subarray(0, left);
      left -= part.length;
      // As a stream, so that a character which the limit cuts through is left out, not replaced.
      text += decoder.decode(part, { stream: true });
      if (left === 0) resolve(text);
    });
    response.once('end', () => resolve(text + decoder.decode()));
    response.once('error', reject);
    response.once('close', () => reject(Object.assign(new Error('closed before its end'), { code: 'ECONNRESET' })));
  });
}

function broken(request: ProbeRequest, limit: TimeLimit, status: number | undefined, thrown: unknown): ProbeError {
  const what = describeRequest(request);
  if (limit.timedOut) {
    const got = status === undefined ? 'no answer' : `answered ${status}, and its body did not end`;
    return probeFailed('timeout', { code: 'timeout', message: `${what}: ${got} within ${request.timeoutMs} ms.` });
  }
  const failure = failureOf(request, thrown);
  return status === undefined
    ? failure
    : { ...failure, message: `${what}: answered ${status}, then broke off within its body.` };
}

/** Node refuses to send a path or a header with such characters; its message names the header, never its value. */
const cannotBeSent = (request: ProbeRequest, thrown: unknown): ProbeError => {
  const { code = 'unsendable', message } = thrown as { code?: string; message: string };
  return probeFailed('unreachable', {
    code,
    message: `${describeRequest(request)} cannot be sent: ${headerHider(request.headers)(message)}.`,
    hint: "Correct the health check's path and headers: they have characters that HTTP does not allow.",
    retryable: false,
  });
};
