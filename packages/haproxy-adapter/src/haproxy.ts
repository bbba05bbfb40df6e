/**
 * HAProxy as a `ProxyManager`, over its runtime socket: no reload at a deployment. Routes are entries of a map, each leading to a backend
 * that is filled at run time (`slots.ts`). What HAProxy loses in a restart is put again from the store, within half a second of it.
 */
import {
  aborted,
  bug,
  type HeldRoute,
  type InvalidError,
  type ProxyError,
  type ProxyManager,
  untilAborted,
} from '@quayside/core/ports';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { checkRoute, TARGETS_MAX } from './check-route.js';
import { configurationText } from './configuration.js';
import { type Editor, openEditor } from './editor.js';
import { closed, refused } from './errors.js';
import { routeMemory } from './memory.js';
import { type HaproxyOptions, parseSettings, type Settings } from './options.js';
import { prove } from './prove.js';
import {
  type Entry,
  type Everything,
  hasHolding,
  readEntry,
  readEverything,
  readProcess,
  targetsIn,
} from './runtime-state.js';
import { openSlots, type Slots } from './slots.js';
import { runtimeApi } from './socket.js';
import { hasTables, inFlightOf, statisticsOf } from './statistics.js';

const PROOF_LIMIT_MS = 10_000;

/** Opens nothing: wrong options fail here, an absent HAProxy fails the first call. */
export const haproxy = (options: HaproxyOptions): Result<ProxyManager, InvalidError<'invalid-options'>> =>
  parseSettings(options).map(build);

interface Attached {
  readonly editor: Editor;
  readonly slots: Slots;
  /** Puts back what a restart has lost, where there was one since the last look. */
  settle(signal: AbortSignal): Promise<Result<void, ProxyError>>;
  end(): void;
}

const notAttached = () =>
  refused(
    'not-attached',
    'The HAProxy adapter has no store yet.',
    'Give it to createDeployer first, or call attach(store, clock).',
  );

function build(settings: Settings): ProxyManager {
  const { map, name } = settings;
  const api = runtimeApi(settings.socket, settings.answerTimeout);
  let attached: Attached | undefined;
  let isClosed = false;

  const attach: NonNullable<ProxyManager['attach']> = (store, clock) => {
    const slots = openSlots({ api, map, name, clock });
    const editor = openEditor({ api, name, map, slots, memory: routeMemory(store, name) });
    const ended = new AbortController();
    let known: string | undefined;
    let settling: Promise<Result<void, ProxyError>> | undefined;
    let cancel: (() => void) | undefined;
    const settleOnce = async (signal: AbortSignal): Promise<Result<void, ProxyError>> => {
      const found = await readProcess(api, signal);
      if (found.isErr()) return err(found.error);
      if (found.value === known) return ok();
      const restored = await editor.restore(signal);
      if (restored.isErr()) return err(restored.error);
      known = found.value;
      // What processes that died have left in it.
      await slots.sweep(signal);
      return ok();
    };
    const settle: Attached['settle'] = (signal) => {
      // Of several at once one looks; the others' signals bound their own waiting only.
      settling ??= settleOnce(ended.signal).finally(() => {
        settling = undefined;
      });
      return untilAborted(settling, signal, () => err(aborted('Looking at HAProxy', signal.reason)));
    };
    const look = () => {
      cancel = clock.after(settings.lookEvery, () => {
        void settle(ended.signal).then(() => {
          if (!ended.signal.aborted) look();
        });
      });
    };
    look();
    attached = {
      editor,
      slots,
      settle,
      end() {
        ended.abort(new Error('closed'));
        cancel?.();
        slots.end();
      },
    };
  };

  /** Every call: under its signal, before the end; what is thrown all the same is a bug. */
  const call = <T>(
    what: string,
    signal: AbortSignal,
    work: () => Promise<Result<T, ProxyError>>,
  ): ResultAsync<T, ProxyError> => {
    const run = async (): Promise<Result<T, ProxyError>> => {
      if (signal.aborted) return err(aborted(what, signal.reason));
      if (isClosed) return err(closed());
      const answer = await work();
      // Whatever an aborted call stumbled over, it is the abort that its caller has to know of.
      if (answer.isErr() && signal.aborted) return err(aborted(what, signal.reason));
      return answer;
    };
    return ResultAsync.fromThrowable(run, bug)().andThen((result) => result);
  };

  /** A call that looks at routes or changes them: what a restart has lost is there again before. */
  const withRoutes = <T>(
    what: string,
    signal: AbortSignal,
    work: (parts: Attached) => Promise<Result<T, ProxyError>>,
  ): ResultAsync<T, ProxyError> =>
    call(what, signal, async () => {
      if (!attached) return err(notAttached());
      const settled = await attached.settle(signal);
      return settled.isErr() ? err(settled.error) : work(attached);
    });

  return {
    name: 'haproxy',
    writes: 'parallel',
    capabilities: {
      acceptsUnready: true,
      weights: true,
      // Looking and putting are two commands.
      expect: false,
      streamsSurviveWrite: true,
      sticky: true,
      holding: true,
      maxTargets: TARGETS_MAX,
    },
    attach,
    secrets: () => [settings.proofKey],
    configuration: () => configurationText(settings),

    describe: ({ signal }) =>
      call('Describing the proxy', signal, async () =>
        ok({ identity: `haproxy:${settings.node}/${settings.socket}#${name}`, reaches: settings.reaches }),
      ),

    put: (route, { signal, expect }) =>
      withRoutes(`Putting the route ${route.domain}`, signal, async ({ editor }) => {
        const wrong = expect === undefined ? checkRoute(route) : noExpectation(route.domain);
        if (wrong) return err(wrong);
        const able = route.sticky ? await hasTables(api, name, signal) : ok();
        return able.isErr() ? err(able.error) : editor.put(route, signal);
      }),

    remove: ({ domain, mark }, { signal }) =>
      withRoutes(`Removing the route ${domain}`, signal, ({ editor }) => editor.remove(domain, mark, signal)),

    get: (domain, { signal }) =>
      withRoutes(`Reading the route ${domain}`, signal, async () => {
        const entry = await readEntry(api, map, domain, signal);
        if (entry.isErr() || !entry.value) return entry.map(() => undefined);
        const all = await readEverything(api, map, signal);
        return all.map((everything) => {
          const now = everything.entries.find((each) => each.domain === domain);
          return now && heldRoute(now, everything, name);
        });
      }),

    list: ({ storeId }, { signal }) =>
      withRoutes('Listing the routes', signal, async () => {
        const all = await readEverything(api, map, signal);
        return all.map((everything) =>
          everything.entries
            .filter(({ mark }) => mark?.startsWith(storeId))
            .map((entry) => heldRoute(entry, everything, name)),
        );
      }),

    prove: (route, request, { signal, timeoutMs = PROOF_LIMIT_MS }) =>
      call(`Proving the route ${route.domain}`, signal, () => prove(settings, route, request, { timeoutMs, signal })),

    inFlight: (instance, { signal }) =>
      call(`Counting what ${instance} has in flight`, signal, () => inFlightOf(api, name, instance, signal)),

    statistics: (instance, { signal }) =>
      call(`Counting what ${instance} has answered`, signal, () => statisticsOf(api, name, instance, signal)),

    close: () => {
      isClosed = true;
      attached?.end();
      return ResultAsync.fromSafePromise(Promise.resolve());
    },
  };
}

const noExpectation = (domain: string): ProxyError => ({
  kind: 'unsupported',
  code: 'expect',
  message: `HAProxy cannot put ${domain} only where it holds what is expected: looking and putting are two commands.`,
  hint: 'Put it without `expect`, under a lease.',
  retryable: false,
});

const heldRoute = ({ domain, backend, mark, holding }: Entry, everything: Everything, name: string): HeldRoute => ({
  domain,
  mark,
  targets: targetsIn(everything.servers, backend).map(({ instance, host, port }) => ({ instance, host, port })),
  ...(holding && hasHolding(everything, name) ? { holding } : {}),
});
