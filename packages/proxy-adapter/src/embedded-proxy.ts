/**
 * A reverse proxy in the host's own process. Its routes are the store's: any process that shares the store can change them, and any
 * can serve them, by `listen()`.
 */
import { randomBytes } from 'node:crypto';
import {
  aborted,
  bug,
  type Clock,
  type HeldRoute,
  type InvalidError,
  type ProxyError,
  type ProxyManager,
  type ProxyRouteRecord,
  type Store,
} from '@quayside/core/ports';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { abortedCall, closed, noServer, notAttached, throughStore, unproved } from './errors.js';
import { type EmbeddedProxyOptions, parseRouteOptions, parseSettings, type Settings } from './options.js';
import { checkRoute, TARGETS_MAX } from './routes/check-route.js';
import { editor } from './routes/editor.js';
import { fromServers } from './routes/from-servers.js';
import { routeLog } from './routes/log.js';
import { pause } from './routes/pause.js';
import { disprove } from './routes/proof.js';
import { targetsOf } from './routes/table.js';
import { serverWatch } from './routes/watch.js';
import { type Listening, type ListenOptions, openServer, type Server } from './server.js';
import { IN_FLIGHT_PATH, type InFlightAnswer, STATISTICS_PATH, type StatisticsAnswer } from './traffic/inspection.js';
import { statisticsOf } from './traffic/statistics.js';

export interface EmbeddedProxy extends ProxyManager {
  /** Whether `listen({ tls: true })` has certificates: the option `tls` was given. */
  readonly hasCertificates: boolean;
  /**
   * Serves the store's routes at an address, from when this answers on. May be called several times. The deployer must have the
   * proxy first, since the routes are in its store.
   *
   * Errors: `unsupported` before that, `proxy-refused` where the address cannot be had (`code` is the system's: `EADDRINUSE`,
   * `EACCES`, `EADDRNOTAVAIL`), `proxy-unreachable` where the store cannot be read.
   */
  listen(options: ListenOptions): ResultAsync<Listening, ProxyError>;
}

const PROOF_LIMIT_MS = 10_000;
/** Between two looks of a proof. */
const PROOF_LOOK_MS = 50;

/** Opens nothing: wrong options fail here, and the first listener is that of `listen()`. */
export function embeddedProxy(
  options: EmbeddedProxyOptions = {},
): Result<EmbeddedProxy, InvalidError<'invalid-options'>> {
  return parseSettings(options).map(build);
}

type Attached = ReturnType<typeof attachTo>;

function attachTo(store: Store, clock: Clock, settings: Settings, server: () => Server | undefined) {
  const log = routeLog(store, settings.name);
  const watch = serverWatch(store, clock, settings.name);
  const own = () => server()?.serving();
  const edit = editor({
    proxy: settings.name,
    store,
    clock,
    log,
    watch,
    acknowledgeTimeoutMs: settings.acknowledgeTimeout,
    own,
  });
  return { store, clock, log, watch, edit };
}

function build(settings: Settings): EmbeddedProxy {
  const proxy = settings.name;
  let attached: Attached | undefined;
  let server: Server | undefined;
  let opening: Promise<Server> | undefined;
  let closing: Promise<void> | undefined;

  /** Every call: under its signal, with a store, before the end; what is thrown all the same is a bug. */
  const call = <T>(
    what: string,
    signal: AbortSignal,
    work: (parts: Attached) => Promise<Result<T, ProxyError>>,
  ): ResultAsync<T, ProxyError> => {
    const run = async (): Promise<Result<T, ProxyError>> => {
      if (signal.aborted) return err(abortedCall(what, signal));
      if (closing) return err(closed());
      if (!attached) return err(notAttached());
      const answer = await work(attached);
      // Whatever an aborted call stumbled over, it is the abort that its caller has to know of.
      if (answer.isErr() && signal.aborted) return err(aborted(what, signal.reason));
      return answer;
    };
    return ResultAsync.fromThrowable(run, bug)().andThen((result) => result);
  };

  /** The one of this process, while it serves: it is not asked over the network. */
  const ownServer = () => {
    const id = server?.serving()?.server;
    return { own: id === undefined ? undefined : server, id };
  };

  return {
    name: 'embedded-proxy',
    hasCertificates: settings.tls !== undefined,
    writes: 'parallel',
    capabilities: {
      acceptsUnready: true,
      weights: true,
      expect: true,
      streamsSurviveWrite: true,
      sticky: true,
      holding: true,
      maxTargets: TARGETS_MAX,
    },

    attach(store, clock) {
      attached = attachTo(store, clock, settings, () => server);
    },

    describe: ({ signal }) =>
      call('Describing the proxy', signal, async ({ store }) => {
        const storeId = await store.storeId({ signal });
        if (storeId.isErr()) return err(throughStore(storeId.error, 'Describing the proxy'));
        return ok({ identity: `embedded:${storeId.value}/${proxy}`, reaches: settings.reaches });
      }),

    put: (route, { signal, expect }) =>
      call(`Putting the route ${route.domain}`, signal, async ({ edit }) => {
        const wrong = checkRoute(route);
        return wrong ? err(wrong) : edit.put(route, expect, signal);
      }),

    remove: ({ domain, mark }, { signal }) =>
      call(`Removing the route ${domain}`, signal, ({ edit }) => edit.remove(domain, mark, signal)),

    get: (domain, { signal }) =>
      call(`Reading the route ${domain}`, signal, async ({ log }) => {
        const held = await log.read(domain, signal);
        return held
          .map(({ route }) => route && heldRoute(route.value))
          .mapErr((error) => throughStore(error, `Reading the route ${domain}`));
      }),

    list: ({ storeId }, { signal }) =>
      call('Listing the routes', signal, async ({ log }) => {
        const records = await log.list(signal);
        return records
          .map((all) => all.filter(({ mark }) => mark.startsWith(storeId)).map(heldRoute))
          .mapErr((error) => throughStore(error, 'Listing the routes'));
      }),

    prove: (route, request, { signal, timeoutMs = PROOF_LIMIT_MS }) =>
      call(`Proving the route ${route.domain}`, signal, async ({ watch, clock }) => {
        const limit = new AbortController();
        const end = () => limit.abort(signal.reason ?? new Error(`over its limit of ${timeoutMs} ms`));
        const cancel = clock.after(timeoutMs, end);
        signal.addEventListener('abort', end, { once: true });
        try {
          for (let last: string | undefined; ; ) {
            const seen = await watch.look(signal);
            if (seen.isErr()) return err(throughStore(seen.error, `Proving the route ${route.domain}`));
            const live = seen.value.filter((each) => !each.isDead);
            if (live.length === 0) return err(noServer(proxy));
            const finding = await disprove(route, request, live, limit.signal);
            if (finding === undefined) return ok(undefined);
            if (signal.aborted) return err(abortedCall(`Proving the route ${route.domain}`, signal));
            // A question that the limit cut off tells less than the one before it.
            if (limit.signal.aborted) return err(unproved(route.domain, last ?? finding));
            last = finding;
            await pause(clock, PROOF_LOOK_MS, limit.signal);
          }
        } finally {
          cancel();
          signal.removeEventListener('abort', end);
        }
      }),

    inFlight: (instance, { signal }) =>
      call(`Counting what ${instance} has in flight`, signal, async ({ watch }) => {
        const { own, id } = ownServer();
        const answers = await fromServers<InFlightAnswer>(watch, IN_FLIGHT_PATH, instance, id, signal);
        const here = own?.inFlightOf(instance) ?? 0;
        return answers.map((all) => all.reduce((total, { count }) => total + count, here));
      }),

    statistics: (instance, { signal }) =>
      call(`Counting what ${instance} has answered`, signal, async ({ watch }) => {
        const { own, id } = ownServer();
        const answers = await fromServers<StatisticsAnswer>(watch, STATISTICS_PATH, instance, id, signal);
        return answers.map((all) => {
          const counts = [own?.countsOf(instance), ...all.map((answer) => answer.counts)];
          return statisticsOf(counts.filter((each) => each != null));
        });
      }),

    parseOptions: parseRouteOptions,

    listen: (options) =>
      call('Listening', options.signal ?? new AbortController().signal, async (parts) => {
        opening ??= openServer({
          ...parts,
          settings,
          server: `${proxy}-${randomBytes(9).toString('hex')}`,
          key: randomBytes(24).toString('base64url'),
        });
        server = await opening;
        return server.listen(options);
      }),

    close() {
      const run = async (): Promise<Result<void, ProxyError>> => {
        closing ??= Promise.resolve(opening).then(() => server?.close());
        await closing;
        return ok();
      };
      return ResultAsync.fromThrowable(run, bug)().andThen((result) => result);
    },
  };
}

const heldRoute = (record: ProxyRouteRecord): HeldRoute => ({
  domain: record.domain,
  // Without one, a person wrote it.
  mark: record.mark || null,
  targets: targetsOf(record).map(({ instance, host, port }) => ({ instance, host, port })),
  ...(record.holding ? { holding: record.holding } : {}),
});
