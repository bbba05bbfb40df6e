/** What a process does that serves: its listeners, the following of the store, and their end. */
import type { Clock, ProxyError, Store } from '@quayside/core/ports';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { closed, refused, throughStore } from './errors.js';
import type { Settings } from './options.js';
import type { RouteLog } from './routes/log.js';
import { pause, turns } from './routes/pause.js';
import { type Serving, serving } from './routes/serving.js';
import type { ServerWatch } from './routes/watch.js';
import { frontDoor, type Listener } from './traffic/front-door.js';

export interface ListenOptions {
  /** An address of this machine: `127.0.0.1`, or `0.0.0.0` and `::` for all. */
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /**
   * Where the deploying processes reach this listener, to prove a route. Default: its own address, or loopback where it listens on all.
   * To be given where they run on other machines: `http://10.0.0.7:80`.
   */
  readonly frontDoor?: string;
  readonly signal?: AbortSignal;
}

export interface Listening {
  readonly host: string;
  readonly port: number;
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  /** Ends this listener alone; `close()` of the proxy ends all. */
  close(): ResultAsync<void, ProxyError>;
}

export interface Server {
  listen(options: ListenOptions): Promise<Result<Listening, ProxyError>>;
  /** While it serves. */
  serving(): Serving | undefined;
  inFlightOf(instance: string): number;
  close(): Promise<void>;
}

export interface ServerOptions {
  readonly settings: Settings;
  readonly server: string;
  readonly key: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: RouteLog;
  readonly watch: ServerWatch;
}

/** How long the first reading of the routes may take. */
const START_LIMIT_MS = 10_000;
/** How long taking the server's record out may hold up the end. */
const STOP_LIMIT_MS = 2_000;

export async function openServer(options: ServerOptions): Promise<Server> {
  const { settings, server, key, store, clock, log, watch } = options;
  // A process that only deploys does not wait for it.
  const library = await import('undici');
  const door = frontDoor({
    library,
    settings,
    server,
    key,
    ready: () => current?.ready() ?? Promise.resolve(false),
  });
  const inTurn = turns();
  const open = new Map<Listener, string>();
  let current: Serving | undefined;
  let isClosed = false;

  const begin = async (at: string, given: AbortSignal | undefined): Promise<Result<void, ProxyError>> => {
    const limit = new AbortController();
    const end = () => limit.abort();
    const cancel = clock.after(START_LIMIT_MS, end);
    given?.addEventListener('abort', end, { once: true });
    const own = serving({
      server,
      key,
      proxy: settings.name,
      ttlMs: settings.serverTtl,
      store,
      clock,
      log,
      watch,
      table: door.table,
    });
    const started = await own.start(at, limit.signal);
    cancel();
    given?.removeEventListener('abort', end);
    if (started.isOk()) {
      current = own;
      return ok();
    }
    await withLimit(clock, STOP_LIMIT_MS, (signal) => own.stop(signal));
    return err(throughStore(started.error, 'Reading the routes'));
  };

  const end = async () => {
    const own = current;
    current = undefined;
    if (own) await withLimit(clock, STOP_LIMIT_MS, (signal) => own.stop(signal));
  };

  /** Lets what is in flight finish, up to the bound; the routes are followed all the while. */
  const drain = async (listeners: readonly Listener[]) => {
    const closing = Promise.all(listeners.map((listener) => listener.close()));
    await withLimit(clock, settings.drainTimeout, () => closing);
    for (const listener of listeners) listener.destroy();
    await closing;
  };

  const closeOne = (listener: Listener) =>
    inTurn(async () => {
      if (!open.delete(listener)) return;
      const [next] = open.values();
      if (next !== undefined) current?.moveTo(next);
      await drain([listener]);
      if (open.size === 0) await end();
    });

  return {
    serving: () => current,
    inFlightOf: (instance) => door.inFlight.of(instance),
    listen: ({ host, port, frontDoor: said, signal }) =>
      inTurn(async () => {
        if (isClosed) return err(closed());
        if (said !== undefined && !/^http:\/\/[^/?#@]+\/?$/.test(said)) {
          return err(
            refused(
              'bad-front-door',
              `"${said}" is no front door.`,
              'Give its scheme, host and port: http://10.0.0.7:80.',
            ),
          );
        }
        let listener: Listener;
        try {
          listener = await door.listen(host, port);
        } catch (thrown) {
          return err(cannotListen(host, port, thrown));
        }
        const url = `http://${bracketed(reachable(listener.host))}:${listener.port}`;
        const at = said ?? url;
        const begun = current ? ok() : await begin(at, signal);
        if (begun.isErr()) {
          listener.destroy();
          await listener.close();
          return err(begun.error);
        }
        open.set(listener, at);
        return ok({
          host: listener.host,
          port: listener.port,
          url,
          close: () => ResultAsync.fromSafePromise(closeOne(listener)),
        });
      }),
    close: () =>
      inTurn(async () => {
        isClosed = true;
        door.beginClosing();
        await drain([...open.keys()]);
        open.clear();
        await end();
        door.table.destroy();
      }),
  };
}

/** Waits for the work, at most so long, and then no longer: its signal is aborted. */
async function withLimit(clock: Clock, ms: number, work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const over = new AbortController();
  const finished = new AbortController();
  const running = work(over.signal).then(
    () => finished.abort(),
    () => finished.abort(),
  );
  await Promise.race([running, pause(clock, ms, finished.signal)]);
  over.abort();
}

/** Who listens on every address is asked at loopback. */
const reachable = (host: string): string => (host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host);
const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);

function cannotListen(host: string, port: number, thrown: unknown): ProxyError {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'listen-failed';
  const hints: Readonly<Record<string, string>> = {
    EADDRINUSE: `Stop what listens on port ${port}, or choose another.`,
    EACCES: `Choose a port above 1023, or give the process the right to lower ones (CAP_NET_BIND_SERVICE).`,
    EADDRNOTAVAIL: `Choose an address of this machine; ${host} is none.`,
  };
  return {
    ...refused(code, `Cannot listen on ${host}:${port} (${code}).`, hints[code] ?? 'Correct the address and the port.'),
    cause: thrown,
  };
}
