/**
 * The wire to the engine: one HTTP request per call, over dockerode's modem.
 *
 * Its methods per endpoint are passed by: `createContainer` also writes the whole body, environment included, into the URL,
 * `distribution` takes no signal, and none of them encodes a name. The modem itself waits for ever when an answer breaks off,
 * so each call races its signal and a time limit here. Opening finds the engine's address, at the first call.
 */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { homedir } from 'node:os';
import type { Readable } from 'node:stream';
import { inspect } from 'node:util';
import { aborted, bug, type CallOptions, type RuntimeError, timedOut } from '@quayside/core/ports';
import type Docker from 'dockerode';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { describeAddress, type EngineAddress, findAddress, type Surroundings, type Wanted } from './address.js';
import { type Refusal, unreachable } from './faults.js';
import { dialSsh } from './ssh.js';

export interface Call {
  /** What it does, for errors: `Creating shop-1`. */
  readonly what: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Its parts encoded already. */
  readonly path: string;
  readonly query?: { readonly [name: string]: unknown };
  readonly body?: object;
  /** Goes into the `X-Registry-Auth` header. */
  readonly auth?: object | undefined;
  /** How long the engine may take, beyond its usual time to answer; in milliseconds. */
  readonly extraMs?: number;
}

export type Answer<T> = { readonly ok: true; readonly body: T } | ({ readonly ok: false } & Refusal);

export interface Engine {
  /** How long it may take to answer. */
  readonly answerTimeoutMs: number;
  /** The whole answer, parsed. A status that is no success is a value; an error means that there was no answer. */
  send<T>(call: Call, options: CallOptions): ResultAsync<Answer<T>, RuntimeError>;
  /** The answer's head; the body follows as a stream, which ends with an error when the signal is aborted. */
  open(call: Call, options: CallOptions): ResultAsync<Answer<Readable>, RuntimeError>;
  /** Where it is, once it was found; for errors. */
  place(): string;
  /** Null while it was not looked for. */
  address(): EngineAddress | null;
  close(): void;
}

interface Connection {
  readonly docker: Docker;
  readonly address: EngineAddress;
  close(): void;
}

export function openEngine(
  wanted: Wanted,
  { answerTimeoutMs, around = hereAndNow }: { readonly answerTimeoutMs: number; readonly around?: () => Surroundings },
): Engine {
  let connection: Connection | undefined;
  let opening: Promise<Result<Connection, RuntimeError>> | undefined;

  const connect = (): Promise<Result<Connection, RuntimeError>> => {
    opening ??= findAddress(wanted, around())
      .then(async (found) => (found.isErr() ? err(found.error) : ok(await dial(found.value))))
      .then((result) => {
        if (result.isOk()) connection = result.value;
        // What was not found now may be there at the next call.
        else opening = undefined;
        return result;
      });
    return opening;
  };

  const request = <T>(call: Call, options: CallOptions, isStream: boolean): ResultAsync<Answer<T>, RuntimeError> =>
    attempt(async () => {
      const { signal } = options;
      if (signal.aborted) return err({ ...aborted(call.what, signal.reason), outcome: 'refused' as const });
      const connected = connection ? ok<Connection, RuntimeError>(connection) : await connect();
      if (connected.isErr()) return err(connected.error);
      if (signal.aborted) return err({ ...aborted(call.what, signal.reason), outcome: 'refused' as const });
      const limitMs = answerTimeoutMs + (call.extraMs ?? 0);
      const once = () => exchange<T>(connected.value.docker, call, { signal, limitMs, isStream });
      let outcome = await once();
      // A kept connection may die in the instant in which it is used again. To ask again changes nothing.
      if (outcome.isErr() && call.method === 'GET' && isReset(outcome.error)) outcome = await once();
      return outcome.mapErr((failure): RuntimeError => {
        if (failure.type === 'aborted') return aborted(call.what, signal.reason);
        if (failure.type === 'timeout') return timedOut(call.what, limitMs);
        return unreachable(describeAddress(connected.value.address), failure.cause);
      });
    });

  return {
    answerTimeoutMs,
    send: (call, options) => request(call, options, false),
    open: (call, options) => request(call, options, true),
    place: () => (connection ? describeAddress(connection.address) : 'its address'),
    address: () => connection?.address ?? null,
    close: () => connection?.close(),
  };
}

/** What throws in the work becomes an error like any other. */
export const attempt = <T>(work: () => Promise<Result<T, RuntimeError>>): ResultAsync<T, RuntimeError> =>
  ResultAsync.fromThrowable(work, (cause): RuntimeError => bug(cause))().andThen((result) => result);

type Failure =
  | { readonly type: 'aborted' }
  | { readonly type: 'timeout' }
  | { readonly type: 'broken'; readonly cause: unknown };

const isReset = (failure: Failure): boolean =>
  failure.type === 'broken' && ['ECONNRESET', 'EPIPE'].includes((failure.cause as { code?: string }).code ?? '');

const SUCCESS = { 200: true, 201: true, 202: true, 204: true } as const;

function exchange<T>(
  docker: Docker,
  call: Call,
  { signal, limitMs, isStream }: { readonly signal: AbortSignal; readonly limitMs: number; readonly isStream: boolean },
): Promise<Result<Answer<T>, Failure>> {
  return new Promise((resolve) => {
    // Of its own, so that neither a listener on the caller's signal nor a timer outlives the call.
    const own = new AbortController();
    let isOver = false;
    const end = (result: Result<Answer<T>, Failure>): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      const stream =
        result.isOk() && result.value.ok && isStream ? (result.value.body as unknown as Readable) : undefined;
      if (stream) stream.once('close', () => signal.removeEventListener('abort', onAbort));
      else signal.removeEventListener('abort', onAbort);
      resolve(result);
    };
    const onAbort = (): void => {
      end(err({ type: 'aborted' }));
      own.abort();
    };
    const timer = setTimeout(() => {
      end(err({ type: 'timeout' }));
      own.abort();
    }, limitMs);
    signal.addEventListener('abort', onAbort, { once: true });
    docker.modem.dial(
      {
        method: call.method,
        path: `${call.path}?`,
        options: { _query: call.query ?? {}, _body: call.body ?? {} },
        authconfig: call.auth,
        abortSignal: own.signal,
        isStream,
        statusCodes: SUCCESS,
      } as never,
      (error: unknown, body: unknown) => {
        if (isOver) (body as Readable | null)?.destroy?.();
        else if (!error) end(ok({ ok: true, body: body as T }));
        else end(refusalOf(error));
      },
    );
  });
}

function refusalOf(error: unknown): Result<Answer<never>, Failure> {
  const {
    statusCode,
    message = '',
    json,
  } = error as { statusCode?: number; message?: string; json?: { message?: string } };
  if (statusCode === undefined) return err({ type: 'broken', cause: error });
  // While pulling `json` is null, and the text stands behind the modem's own words.
  const text = json?.message ?? /^\(HTTP code \d+\) \w+ - (.*)$/s.exec(message)?.[1] ?? message;
  return ok({ ok: false, status: statusCode, message: text.trim() || `HTTP ${statusCode}` });
}

async function dial(address: EngineAddress): Promise<Connection> {
  const agent = agentFor(address);
  // Loaded with the first call: it takes a seventh of a second, which a command that calls no engine need not wait for.
  const { default: Client } = await import('dockerode');
  const docker = new Client({ ...modemOptions(address), agent, timeout: undefined, pathPrefix: '/' } as never);
  return { docker, address, close: () => agent.destroy() };
}

function modemOptions(address: EngineAddress): object {
  // The empty host keeps the modem from preferring DOCKER_HOST to what was found.
  if (address.kind === 'socket') return { socketPath: address.path, host: '', protocol: 'http' };
  if (address.kind === 'ssh') return { host: 'engine', port: 80, protocol: 'http' };
  const { host, port, tls, path } = address;
  const files = { ca: tls?.ca, cert: tls?.cert, key: tls?.key };
  return {
    host: host.includes(':') ? `[${host}]` : host,
    port,
    protocol: tls ? 'https' : 'http',
    ...files,
    version: path ? path.slice(1) : undefined,
  };
}

/** How long an idle connection is kept. */
const IDLE_MS = 5_000;

/**
 * Connections of our own, kept for the next call and gone with `close`; idle ones do not keep the process alive. TCP's own
 * keep-alive notices an engine that vanished.
 */
function agentFor(address: EngineAddress): HttpAgent {
  const options = { keepAlive: true, timeout: IDLE_MS };
  const agent =
    address.kind === 'tcp' && address.tls
      ? new HttpsAgent({ ...options, rejectUnauthorized: address.tls.verify })
      : new HttpAgent(options);
  if (address.kind === 'ssh') Object.assign(agent, { createConnection: () => dialSsh(address) });
  // With each request the modem writes its options out for a debug log that nobody reads; all our sockets would be in it.
  return Object.assign(agent, { [inspect.custom]: () => 'Agent' });
}

const hereAndNow = (): Surroundings => ({
  env: process.env,
  home: homedir(),
  platform: process.platform,
  uid: process.getuid?.() ?? null,
});
