/**
 * WebSockets: a request that asks for one is passed on over a connection of its own, and from the answer 101 on bytes go both ways
 * until one side ends. It outlives every change of its route. Other protocols are not upgraded to: behind `h2c` a visitor could send
 * requests that no route was looked up for.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Backend } from '../routes/table.js';
import type { Context, Passage } from './context.js';
import { requestHeaders, responseHeaders } from './headers.js';
import { type PageStatus, sendPage } from './page.js';
import { stayCookie, stayingWith } from './stay.js';

/** How long the second side may go on once the first has ended. */
const HALF_OPEN_MS = 10_000;

export const wantsWebSocket = (request: IncomingMessage): boolean =>
  request.method === 'GET' && /(^|,)\s*websocket\s*(,|$)/i.test(request.headers.upgrade ?? '');

/** An ordinary answer to a request that came as an upgrade. Its connection ends with it. */
export function answerOn(request: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as never);
  response.once('finish', () => {
    response.detachSocket(socket as never);
    socket.end();
  });
  return response;
}

export function upgrade(
  context: Context,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  { destination, route }: Passage,
): void {
  const beganMs = performance.now();
  const backend = stayingWith(route, request) ?? route.next();
  if (!backend) {
    sendPage(request, answerOn(request, socket), 502);
    return;
  }
  const limits = route.limits;
  const uncount = context.inFlight.begin(backend.instance);
  let isSettled = false;

  const fail = (status: PageStatus, message: string) => {
    if (isSettled) return;
    isSettled = true;
    finish();
    backend.tally.failed();
    context.report({ domain: destination.domain, instance: backend.instance, status, message });
    sendPage(request, answerOn(request, socket), status);
  };
  const onVisitorGone = () => {
    isSettled = true;
    finish();
    outgoing.destroy();
  };
  const answered = ({ statusCode = 502 }: IncomingMessage): readonly string[] => {
    backend.tally.answered(statusCode, performance.now() - beganMs);
    const cookie = stayCookie(backend, request);
    return cookie === undefined ? [] : ['Set-Cookie', cookie];
  };
  const finish = () => {
    clearTimeout(timer);
    socket.off('close', onVisitorGone);
    uncount();
  };

  const outgoing = ask(context, request, backend, destination);
  const timer = setTimeout(() => {
    fail(504, `no answer to the upgrade within ${limits.answerTimeoutMs} ms`);
    outgoing.destroy();
  }, limits.answerTimeoutMs);
  socket.once('close', onVisitorGone);

  outgoing.on('error', (error) => fail(502, error.message));
  outgoing.once('response', (answer) => {
    if (isSettled) return answer.destroy();
    isSettled = true;
    clearTimeout(timer);
    // No upgrade, but an answer like any other: a 401, or a redirect.
    const response = answerOn(request, socket);
    const headers = [...responseHeaders(answer.rawHeaders), ...answered(answer)];
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', headers);
    answer.pipe(response);
    answer.once('error', () => socket.destroy());
    answer.once('close', uncount);
    return undefined;
  });
  outgoing.once('upgrade', (answer, upstream, upstreamHead) => {
    if (isSettled) return upstream.destroy();
    isSettled = true;
    clearTimeout(timer);
    socket.off('close', onVisitorGone);
    socket.write(startLine(answer, answered(answer)));
    if (upstreamHead.length > 0) socket.write(upstreamHead);
    if (head.length > 0) upstream.write(head);
    join(socket, upstream, uncount);
    return undefined;
  });
  outgoing.end();
}

function ask(
  context: Context,
  request: IncomingMessage,
  backend: Backend,
  destination: Passage['destination'],
): ClientRequest {
  const headers = requestHeaders(request, destination.host, context.trust);
  headers.push('connection', 'Upgrade', 'upgrade', 'websocket');
  const outgoing = httpRequest({
    host: backend.host,
    port: backend.port,
    method: 'GET',
    path: destination.path,
    // Name and value in turn; the types know the object form alone.
    headers: headers as never,
    setHost: false,
    agent: false,
    maxHeaderSize: context.headerLimitBytes,
  });
  const timer = setTimeout(
    () => outgoing.destroy(new Error(`no connection within ${context.connectTimeoutMs} ms`)),
    context.connectTimeoutMs,
  );
  outgoing.once('socket', (socket) => socket.once('connect', () => clearTimeout(timer)));
  outgoing.once('close', () => clearTimeout(timer));
  return outgoing;
}

function startLine(answer: IncomingMessage, more: readonly string[]): string {
  const headers = [...responseHeaders(answer.rawHeaders, true), ...more];
  let text = `HTTP/1.1 101 ${answer.statusMessage || 'Switching Protocols'}\r\n`;
  for (let index = 0; index + 1 < headers.length; index += 2) text += `${headers[index]}: ${headers[index + 1]}\r\n`;
  return `${text}\r\n`;
}

/** Bytes go both ways until both sides have ended, or the second one is over its time. */
function join(a: Duplex, b: Duplex, onEnd: () => void): void {
  let open = 2;
  let timer: NodeJS.Timeout | undefined;
  const link = (from: Duplex, to: Duplex) => {
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.once('end', () => {
      timer ??= setTimeout(() => {
        a.destroy();
        b.destroy();
      }, HALF_OPEN_MS).unref();
    });
    from.once('close', () => {
      open -= 1;
      // A side that was cut off takes the other along; one that ended was piped on as an end.
      if (!from.readableEnded) to.destroy();
      if (open > 0) return;
      clearTimeout(timer);
      onEnd();
    });
    // A visitor whose machine vanished sends nothing any more, not even an end: the kernel asks after it.
    if ('setKeepAlive' in from)
      (from as Duplex & { setKeepAlive(on: boolean, delayMs: number): void }).setKeepAlive(true, 30_000);
    if ('setTimeout' in from) (from as Duplex & { setTimeout(ms: number): void }).setTimeout(0);
    if ('setNoDelay' in from) (from as Duplex & { setNoDelay(on: boolean): void }).setNoDelay(true);
  };
  link(a, b);
  link(b, a);
}
