/**
 * The API as one fetch handler. A request goes through the same gates whatever it asks for, the cheap ones first: the path, where it comes
 * from, who it is, what it gives; only then is it handled.
 */
import { type AnyError, bug, check, timedOut, within } from '@quayside/core/ports';
import { err, ok, Result, ResultAsync } from 'neverthrow';
import { asked, Permits, type Place } from './authorize.js';
import { openApi } from './openapi.js';
import { type ApiOptions, parseSettings, type Settings } from './options.js';
import { type ApiError, type Failure, problemResponse } from './problem.js';
import { readJson } from './request/body.js';
import { allowOrigin, crossSite, preflight } from './request/cross-site.js';
import { type Matched, notFound, type Table, table } from './request/match.js';
import { catalogue } from './routes/catalogue.js';
import { routes } from './routes/index.js';
import { isName } from './routes/inputs.js';
import type { Answer, Context, Route } from './routes/route.js';
import { suggested } from './routes/suggested.js';
import { Streams } from './streams/streams.js';

/** One of many functions that hosts and frameworks take: `(request: Request) => Promise<Response>`. */
export interface ApiHandler extends AsyncDisposable {
  /** Never rejects. */
  fetch(request: Request): Promise<Response>;
  /** Ends every stream, and answers what comes later with 503. The deployer stays open. Twice is fine. */
  close(): Promise<void>;
}

/** Opens nothing. Without `authorize` there is no handler. */
export function apiHandler(options: ApiOptions): Result<ApiHandler, AnyError> {
  return parseSettings(options).map((settings) => new Handler(settings));
}

class Handler implements ApiHandler {
  readonly #settings: Settings;
  readonly #table: Table = table(routes);
  readonly #origins: ReadonlySet<string>;
  readonly #context: Context;
  readonly #closing = new AbortController();

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#origins = new Set(settings.origins);
    let document: object | undefined;
    this.#context = {
      deployer: settings.deployer,
      catalogue: catalogue(settings.projects, settings.registry),
      basePath: settings.basePath,
      describe: () => {
        document ??= openApi(routes, settings.basePath);
        return document;
      },
      streams: new Streams({
        clock: settings.clock,
        heartbeatMs: settings.heartbeat,
        stallMs: settings.stallTimeout,
        reauthorizeMs: settings.reauthorize,
        followersMax: settings.followers,
        bufferBytes: settings.streamBuffer,
      }),
    };
  }

  fetch = async (request: Request): Promise<Response> => {
    const answered = await ResultAsync.fromThrowable(() => this.#answer(request), bug)();
    const response = answered.andThen((inner) => inner).unwrapOr(undefined);
    const failure = answered.isErr() ? answered.error : answered.value.isErr() ? answered.value.error : undefined;
    return this.#finished(request, response ?? this.#failed(request, failure ?? bug('no answer')));
  };

  async close(): Promise<void> {
    this.#closing.abort();
    this.#context.streams.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #answer(request: Request): Promise<Result<Response, Failure>> {
    const path = this.#pathOf(request);
    if (path === undefined) return err(notFound());
    if (request.method === 'OPTIONS') return this.#options(request, path);
    const matched = this.#table.match(request.method, path);
    if (matched.isErr()) return err(matched.error);
    if (this.#closing.signal.aborted) return err(closed());
    const { route } = matched.value;
    if (route.method !== 'GET') {
      const refused = crossSite(request, this.#origins);
      if (refused) return err(refused);
    }
    return this.#call(request, matched.value);
  }

  /** Below the base path; undefined: it is none of ours. */
  #pathOf(request: Request): string | undefined {
    const { basePath } = this.#settings;
    const { pathname } = new URL(request.url);
    return pathname.startsWith(`${basePath}/`) ? pathname.slice(basePath.length) : undefined;
  }

  #options(request: Request, path: string): Result<Response, Failure> {
    const methods = this.#table.methods(path).join(', ');
    if (methods === '') return err(notFound());
    const headers = new Headers({ allow: methods });
    preflight(request, this.#origins, methods, headers);
    return ok(new Response(null, { status: 204, headers }));
  }

  async #call(request: Request, { route, params }: Matched): Promise<Result<Response, Failure>> {
    const { clock, authorize, challenge, authorizeTimeout, bodyLimit, bodyTimeout } = this.#settings;
    const terms = { clock, challenge, limitMs: authorizeTimeout };
    const permits = new Permits((ask) => asked(authorize, request, ask, terms));
    const query = queryOf(request);
    const first = await permits.grant(route.action, named(params, query));
    if (first.isErr()) return err(first.error);
    const given = Result.combine([
      check('invalid-request', route.params, params, ''),
      check('invalid-request', route.query, query, ''),
    ]);
    if (given.isErr()) return err(given.error);
    const read = route.body ? await readJson(request, { clock, bytesMax: bodyLimit, limitMs: bodyTimeout }) : ok(null);
    if (read.isErr()) return err(read.error);
    const body = route.body ? checkedBody(route.body, read.value) : ok(null);
    if (body.isErr()) return err(body.error);
    const call = { request, params: given.value[0], query: given.value[1], body: body.value, context: this.#context };
    // A stream that stays open needs all of it to stay granted.
    const places: Place[] = [named(params, query)];
    const permit = async (place: Place) => {
      places.push(place);
      return (await permits.grant(route.action, { project: place.project, stage: place.stage })).map(({ by }) => by);
    };
    const shows = (place: Place, action = route.action) =>
      permits.allows(action, { project: place.project, stage: place.stage });
    const answer = await this.#bounded(route, request, async (signal) => {
      const whole = { ...call, signal, permit, shows } as Parameters<Route['handle']>[0];
      const handled = await route.handle(whole);
      if (handled.isOk() || !('kind' in handled.error) || route.action === 'remove') return handled;
      return err(await suggested(handled.error as AnyError, { ...given.value[0], ...(body.value as object) }, whole));
    });
    const isStillGranted = async () => {
      permits.forget();
      const granted = await Promise.all(places.map((place) => permits.allows(route.action, place)));
      return granted.every(Boolean);
    };
    return answer.andThen((value) => this.#response(request, value, isStillGranted));
  }

  /** What changes something is not cut off when its caller goes away: it might have happened, and nobody would know. */
  async #bounded(
    route: Route,
    request: Request,
    work: (signal: AbortSignal) => Promise<Result<Answer, Failure>>,
  ): Promise<Result<Answer, Failure>> {
    const { answerTimeout } = this.#settings;
    const parent = route.method === 'GET' ? request.signal : new AbortController().signal;
    return within(parent, answerTimeout, async ({ signal, timedOut: isLate }) => {
      const answer = await work(signal);
      const isCut = answer.isErr() && 'kind' in answer.error && answer.error.kind === 'aborted';
      return isCut && isLate ? err(timedOut('The answer', answerTimeout, 'answerTimeout')) : answer;
    });
  }

  #response(request: Request, answer: Answer, reauthorize: () => Promise<boolean>): Result<Response, Failure> {
    if (!('stream' in answer)) {
      if (!('body' in answer)) return ok(new Response(null, { status: answer.status }));
      const headers = { 'content-type': 'application/json', ...answer.headers };
      return ok(new Response(JSON.stringify(answer.body), { status: answer.status, headers }));
    }
    const headers = {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store, no-transform',
      // nginx would hold events back until its buffer is full.
      'x-accel-buffering': 'no',
    };
    if (request.method === 'HEAD') return ok(new Response(null, { headers }));
    const opened = answer.stream({
      signal: request.signal,
      reauthorize,
      onError: (error) => this.#tell(error, request),
    });
    return opened.map(({ stream }) => new Response(stream, { headers }));
  }

  #failed(request: Request, failure: Failure): Response {
    if ('response' in failure) return this.#hostsOwn(request, failure.response);
    const response = problemResponse(failure);
    if (response.status >= 500 && isAnyError(failure)) this.#tell(failure, request);
    return response;
  }

  /** A host may answer the same object each time, and one that nobody can send. */
  #hostsOwn(request: Request, response: Response): Response {
    if (response.status >= 200 && !response.bodyUsed) return response.clone();
    return this.#failed(request, bug(new TypeError('authorize answered a Response that cannot be sent')));
  }

  #tell(error: AnyError, request: Request): void {
    try {
      this.#settings.onError?.(error, request);
    } catch {
      // The host's own, and nobody is left to tell.
    }
  }

  /** What every answer says: it is nobody's to keep, to guess at or to embed. */
  #finished(request: Request, from: Response): Response {
    const headers = new Headers(from.headers);
    if (!headers.has('cache-control')) headers.set('cache-control', 'no-store');
    headers.set('x-content-type-options', 'nosniff');
    headers.set('cross-origin-resource-policy', 'same-origin');
    allowOrigin(request, this.#origins, headers);
    const { status } = from;
    const body = request.method === 'HEAD' ? null : from.body;
    return new Response(body, { status, statusText: from.statusText, headers });
  }
}

const isAnyError = (failure: AnyError | ApiError): failure is AnyError => !('headers' in failure);

/** Where a field is given twice, the last one would hide the first. */
function queryOf(request: Request): { readonly [name: string]: string | readonly string[] } {
  const { searchParams } = new URL(request.url);
  const names = [...new Set(searchParams.keys())];
  return Object.fromEntries(
    names.map((name) => {
      const values = searchParams.getAll(name);
      return [name, values.length === 1 ? (values[0] ?? '') : values];
    }),
  );
}

/**
 * What the address itself names. What can be no name is none: the host is asked without it, may write what it is asked into its log, and the
 * call is refused for it afterwards, since every field is checked.
 */
function named(
  params: { readonly [name: string]: string },
  query: { readonly [name: string]: string | readonly string[] },
): Place {
  const text = (name: string) => {
    const value = params[name] ?? query[name];
    return typeof value === 'string' && isName(value) ? value : undefined;
  };
  return { project: text('project'), stage: text('stage') };
}

function checkedBody(schema: NonNullable<Route['body']>, value: unknown): Result<unknown, AnyError> {
  return check('invalid-request', schema, value, '');
}

const closed = (): AnyError => ({
  kind: 'closed',
  message: 'This host is closing.',
  hint: 'Call again once it is back.',
  retryable: true,
});
