/** What a process does that serves: its listeners, the following of the store, and their end. */
import type { Clock, ProxyError, Store } from '@quayside/core/ports';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { badCertificate, closed, refused, throughStore } from './errors.js';
import type { Settings } from './options.js';
import type { RouteLog } from './routes/log.js';
import { pause, turns } from './routes/pause.js';
import { type Serving, serving } from './routes/serving.js';
import type { ServerWatch } from './routes/watch.js';
import { type Certificates, type CertificatesOptions, openCertificates } from './tls/certificates.js';
import { type CertificatePair, parseEveryones } from './tls/options.js';
import { claims } from './traffic/claims.js';
import { frontDoor, type Listener } from './traffic/front-door.js';
import type { Counts } from './traffic/statistics.js';

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
  /**
   * TLS: with the certificates of the proxy's option `tls`, or with this one for every domain, as PEM text or absolute paths of files. There
   * has to be an address for plain HTTP too, loopback for instance, and it has to stay: deploying processes ask there. Default: plain HTTP.
   */
  readonly tls?: boolean | CertificatePair;
  /** In a worker of `node:cluster`: a port that the other workers do not share. Default false. */
  readonly exclusive?: boolean;
  /** Sends visitors of this address from plain HTTP to https at this port (308): 443. Default: they are served here. */
  readonly redirectTo?: number;
  readonly signal?: AbortSignal;
}

export interface Listening {
  readonly host: string;
  readonly port: number;
  /** `http://127.0.0.1:8080`, with `tls` `https://…` */
  readonly url: string;
  /** Ends this listener alone; `close()` of the proxy ends all. */
  close(): ResultAsync<void, ProxyError>;
}

export interface Server {
  listen(options: ListenOptions): Promise<Result<Listening, ProxyError>>;
  /** While it serves. */
  serving(): Serving | undefined;
  inFlightOf(instance: string): number;
  /** Of an instance that has a route. */
  countsOf(instance: string): Counts | undefined;
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
    isPending: claims(store),
  });
  const inTurn = turns();
  /** With where deploying processes reach them; null: they do not. */
  const open = new Map<Listener, string | null>();
  /** Those of the options, once they are used, and each that was given to listen with. */
  const openedCertificates = new Set<Certificates>();
  let ofOptions: Certificates | undefined;
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
      const next = [...open.values()].find((at) => at !== null);
      if (next != null) current?.moveTo(next);
      await drain([listener]);
      if (open.size === 0) await end();
    });

  /** What is wrong with those that were given is told where somebody listens with them, and not to the first visitor. */
  const checked = async (
    options: Pick<CertificatesOptions, 'settings' | 'everyones'>,
  ): Promise<Result<Certificates, ProxyError>> => {
    const opened = openCertificates({
      ...options,
      hasRoute: (domain) => door.table.get(domain) !== undefined,
      report: door.report,
    });
    try {
      await opened.check();
    } catch (thrown) {
      opened.close();
      return err(badCertificate(thrown));
    }
    openedCertificates.add(opened);
    return ok(opened);
  };

  const givenCertificates = async (
    tls: true | CertificatePair,
  ): Promise<Result<Certificates | undefined, ProxyError>> => {
    if (tls !== true) {
      const parsed = parseEveryones(tls, settings.tls);
      if (parsed.isErr()) return err(badCertificate(new Error(parsed.error.message)));
      return checked({ settings: parsed.value.settings, everyones: parsed.value.pair });
    }
    if (ofOptions || !settings.tls) return ok(ofOptions);
    const opened = await checked({ settings: settings.tls });
    if (opened.isOk()) ofOptions = opened.value;
    return opened;
  };

  return {
    serving: () => current,
    inFlightOf: (instance) => door.inFlight.of(instance),
    countsOf: (instance) => door.table.tallyOf(instance)?.counts(),
    listen: (options) =>
      inTurn(async () => {
        const { host, port, tls = false, exclusive = false } = options;
        const isSecure = tls !== false;
        if (isClosed) return err(closed());
        const hasPlain = [...open.values()].some((at) => at !== null);
        const wrong = checkListen(options, settings, hasPlain);
        if (wrong) return err(wrong);
        const given = tls === false ? ok(undefined) : await givenCertificates(tls);
        if (given.isErr()) return err(given.error);
        let listener: Listener;
        try {
          const { redirectTo } = options;
          listener = await door.listen(host, port, { certificates: given.value, redirectTo, exclusive });
        } catch (thrown) {
          return err(cannotListen(host, port, thrown));
        }
        const url = `${isSecure ? 'https' : 'http'}://${bracketed(reachable(listener.host))}:${listener.port}`;
        const at = options.frontDoor ?? url;
        const begun = current ? ok() : await begin(at, options.signal);
        if (begun.isErr()) {
          listener.destroy();
          await listener.close();
          return err(begun.error);
        }
        open.set(listener, isSecure ? null : at);
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
        for (const each of openedCertificates) each.close();
        door.table.destroy();
      }),
  };
}

function checkListen(options: ListenOptions, settings: Settings, hasPlain: boolean): ProxyError | undefined {
  const { frontDoor: said, tls = false, redirectTo } = options;
  const isSecure = tls !== false;
  if (said !== undefined && (isSecure || !/^http:\/\/[^/?#@]+\/?$/.test(said))) {
    const hint = 'Give that of an address for plain HTTP, with scheme, host and port: http://10.0.0.7:80.';
    return refused('bad-front-door', `"${said}" is no front door.`, hint);
  }
  if (
    redirectTo !== undefined &&
    (isSecure || !(Number.isInteger(redirectTo) && redirectTo > 0 && redirectTo < 65_536))
  ) {
    const hint = 'Give an address for plain HTTP the port where visitors find TLS: 443.';
    return refused('bad-redirect', `${redirectTo} is nothing to send visitors of this address to.`, hint);
  }
  if (!isSecure) return undefined;
  if (tls === true && !settings.tls) {
    return refused(
      'no-certificates',
      'There are no certificates to listen with.',
      'Give embeddedProxy() the option `tls`, or listen() the certificate and its key.',
    );
  }
  const hint =
    'Call listen() for plain HTTP first: with `redirectTo`, or on 127.0.0.1 if visitors shall not come in there.';
  return hasPlain ? undefined : refused('no-plain-listener', 'Deploying processes would have nowhere to ask.', hint);
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
