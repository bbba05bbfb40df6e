/**
 * One request forwarded and its answer brought back, byte for byte as they come, with the slower side setting the pace.
 *
 * It is sent a second time only where nobody can tell the difference: before anything of it was written (the connection could not be
 * made), or, without a body and with a method that changes nothing, where a connection that had been kept died without a byte of an
 * answer. The route is looked up again for it, since it may have been moved meanwhile.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { RouteLimits } from '../options.js';
import type { Backend, LiveRoute } from '../routes/table.js';
import type { Context, Passage } from './context.js';
import { INSTANCE_HEADER, ROUTE_HEADER, requestHeaders, responseHeaders } from './headers.js';
import { routeProof } from './inspection.js';
import { type Page, type PageStatus, sendPage } from './page.js';
import { stayCookie, stayingWith } from './stay.js';
import type { Carriage } from './upstream.js';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
/** Kept connections that died under one request before it is given up: after a restart of the app all of them have. */
const DEAD_CONNECTIONS_MAX = 3;
/** Targets that cannot be connected to before a request is given up. */
const TARGETS_TRIED_MAX = 4;
/** How long the rest of a refused upload is read and dropped, so that the visitor gets to read the answer. */
const LINGER_MS = 10_000;

export function forward(context: Context, request: IncomingMessage, response: ServerResponse, passage: Passage): void {
  new Exchange(context, request, response, passage).send();
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

class Exchange implements Dispatcher.DispatchHandler {
  readonly #context: Context;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #passage: Passage;
  readonly #limits: RouteLimits;
  readonly #canRepeat: boolean;
  readonly #beganMs = performance.now();
  #body: PassThrough | undefined;
  /** By which it was sent. */
  #route: LiveRoute | undefined;
  #backend: Backend | undefined;
  #carriage: Carriage | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #uncount: (() => void) | undefined;
  #failed: Backend[] | undefined;
  #deadConnections = 0;
  /** Whether the visitor left before the answer was complete. */
  #isGone = false;
  #hasLimit = false;
  #hasEnded = false;

  constructor(context: Context, request: IncomingMessage, response: ServerResponse, passage: Passage) {
    this.#context = context;
    this.#request = request;
    this.#response = response;
    this.#passage = passage;
    this.#limits = passage.route.limits;
    const carriesBody = hasBody(request);
    this.#canRepeat = !carriesBody && SAFE_METHODS.has(request.method ?? '');
    if (carriesBody) this.#openBody();
    response.once('close', () => this.#onVisitorGone());
  }

  /** The client library destroys the body of a request that failed; the visitor's own stream has to outlive that. */
  #openBody(): void {
    const body = new PassThrough();
    this.#body = body;
    body.on('error', () => undefined);
    this.#request.pipe(body);
    this.#expectVisitor();
    this.#request.once('end', () => this.#response.setTimeout(0));
  }

  send(): void {
    const { pin, destination } = this.#passage;
    const route = this.#context.routeOf(destination.domain);
    const backend = route && this.#pick(route);
    if (!backend) {
      this.#fail(route && pin === undefined ? 502 : 404, undefined);
      return;
    }
    this.#route = route;
    this.#backend = backend;
    this.#controller = undefined;
    this.#uncount = this.#context.inFlight.begin(backend.instance);
    this.#carriage = backend.upstream.take(this.#canRepeat);
    this.#carriage.dispatch(
      {
        method: (this.#request.method ?? 'GET') as Dispatcher.HttpMethod,
        path: destination.path,
        headers: requestHeaders(this.#request, destination.host, this.#context.trust),
        body: this.#body ?? null,
        headersTimeout: this.#limits.answerTimeoutMs,
        bodyTimeout: this.#limits.idleTimeoutMs,
      },
      this,
    );
  }

  #pick(route: LiveRoute): Backend | undefined {
    const { pin } = this.#passage;
    const failed = this.#failed;
    // Whether it answers is asked whatever its share, which may be nothing yet.
    if (pin !== undefined) return route.backends.find((each) => each.instance === pin && !failed?.includes(each));
    if (!failed) return stayingWith(route, this.#request) ?? route.next();
    return route.next((each) => !failed.includes(each));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isGone) controller.abort(new Error('the visitor left'));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
    message?: string,
  ): void {
    // An interim answer (103) is not passed on; 100 was given when the request came.
    if (status < 200) return;
    const raw = controller.rawHeaders;
    const out = responseHeaders(Array.isArray(raw) ? raw : flat(headers));
    if (this.#passage.pin !== undefined && this.#route) {
      const { backends: targets, holding } = this.#route;
      const proof = routeProof(this.#context.server, { targets, holding });
      out.push(INSTANCE_HEADER, this.#passage.pin, ROUTE_HEADER, proof);
    } else if (this.#backend) {
      // What proves a route is no visitor's, and is not counted among theirs.
      this.#backend.tally.answered(status, performance.now() - this.#beganMs);
      const cookie = stayCookie(this.#backend, this.#request);
      if (cookie !== undefined) out.push('Set-Cookie', cookie);
    }
    if (this.#context.isClosing()) this.#response.shouldKeepAlive = false;
    this.#response.writeHead(status, message ?? '', out);
    // Header and first bytes go out together where they came together; a header alone must not wait for the body.
    process.nextTick(flush, this.#response, this);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const response = this.#response;
    this.hasData = true;
    if (response.write(chunk)) return;
    controller.pause();
    this.#expectVisitor();
    response.once('drain', () => {
      response.setTimeout(0);
      controller.resume();
    });
  }

  /** Public for `flush` alone. */
  hasData = false;

  onResponseEnd(): void {
    this.#release();
    this.#hasEnded = true;
    this.#response.end();
    this.#dropUpload();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const canSendAgain = this.#canSendAgain(codeOf(error));
    this.#release();
    if (this.#isGone || this.#hasEnded) return;
    if (canSendAgain) this.send();
    else this.#fail(this.#response.headersSent ? null : statusFor(codeOf(error)), error);
  }

  #canSendAgain(code: string): boolean {
    if (this.#response.headersSent || REFUSED_HERE.has(code)) return false;
    const wasWritten = this.#controller !== undefined;
    if (!wasWritten) return this.#hasElsewhere();
    if (!this.#canRepeat || !this.#carriage?.isReused || code === 'UND_ERR_HEADERS_TIMEOUT') return false;
    this.#deadConnections += 1;
    return this.#deadConnections <= DEAD_CONNECTIONS_MAX;
  }

  /** After a connection that could not be made: whether the route has a target by now that was not tried yet. */
  #hasElsewhere(): boolean {
    if (!this.#backend) return false;
    const failed = [...(this.#failed ?? []), this.#backend];
    this.#failed = failed;
    const route = this.#context.routeOf(this.#passage.destination.domain);
    return failed.length <= TARGETS_TRIED_MAX && route?.backends.some((each) => !failed.includes(each)) === true;
  }

  #release(): void {
    this.#carriage?.release();
    this.#uncount?.();
  }

  #onVisitorGone(): void {
    if (this.#hasEnded) return;
    this.#isGone = true;
    this.#controller?.abort(new Error('the visitor left'));
    this.#body?.destroy();
  }

  /** From now on the visitor has to move something within the limit. */
  #expectVisitor(): void {
    if (!this.#hasLimit) this.#response.on('timeout', () => this.#onIdleVisitor());
    this.#hasLimit = true;
    this.#response.setTimeout(this.#limits.idleTimeoutMs);
  }

  /** Neither a byte of the upload came nor one of the answer was taken. */
  #onIdleVisitor(): void {
    const isUpload = !this.#request.complete;
    const isAppSlow = isUpload && this.#body?.writableNeedDrain === true;
    const error = new Error(isUpload ? 'the upload stood still' : 'the visitor does not take the answer');
    const status = isAppSlow ? 504 : 408;
    this.#isGone = true;
    this.#controller?.abort(error);
    this.#fail(this.#response.headersSent ? null : status, error);
  }

  #fail(status: PageStatus | null, error: Error | undefined): void {
    this.#hasEnded = true;
    const { destination, pin } = this.#passage;
    if (pin === undefined && (status === 502 || status === 504)) this.#backend?.tally.failed();
    if (error && status !== 400) {
      const instance = this.#backend?.instance ?? null;
      this.#context.report({ domain: destination.domain, instance, status, message: describe(error) });
    }
    if (status === null) {
      this.#response.destroy();
      return;
    }
    // Nobody was there to be asked, as it is while an app that is new under its name starts.
    if (status === 502 && pin === undefined && this.#controller === undefined) {
      void this.#context
        .isPending(destination.domain)
        .then((isPending) => this.#end(isPending ? 'being-deployed' : 502));
    } else this.#end(status);
  }

  #end(page: Page): void {
    if (this.#response.destroyed) return;
    if (this.#context.isClosing()) this.#response.shouldKeepAlive = false;
    sendPage(this.#request, this.#response, page);
    this.#dropUpload();
  }

  #dropUpload(): void {
    const request = this.#request;
    if (!this.#body || request.complete) return;
    request.unpipe(this.#body);
    request.resume();
    const timer = setTimeout(() => request.destroy(), LINGER_MS).unref();
    request.once('close', () => clearTimeout(timer));
  }
}

/** The client library would not send this: the request is at fault. */
const REFUSED_HERE: ReadonlySet<string> = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED']);
const TIMEOUTS: ReadonlySet<string> = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT']);

function statusFor(code: string): PageStatus {
  if (REFUSED_HERE.has(code)) return 400;
  return TIMEOUTS.has(code) ? 504 : 502;
}

const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : '');

const describe = (error: Error): string => (codeOf(error) ? `${codeOf(error)}: ${error.message}` : error.message);

function flush(response: ServerResponse, exchange: { readonly hasData: boolean }): void {
  if (!exchange.hasData && !response.writableEnded && !response.destroyed) response.flushHeaders();
}

const flat = (headers: Record<string, string | string[] | undefined>): string[] =>
  Object.entries(headers).flatMap(([name, value]) =>
    Array.isArray(value) ? value.flatMap((each) => [name, each]) : value === undefined ? [] : [name, value],
  );
