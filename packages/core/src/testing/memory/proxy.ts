/** The proxy beside the engine in memory. It can be told to weigh, to keep visitors, and to lie. */
import { err, errAsync, ok, okAsync, ResultAsync } from 'neverthrow';
import type { Reach } from '../../domain/endpoints.js';
import { aborted } from '../../domain/errors.js';
import type { Clock } from '../../ports/clock.js';
import { holdingRefusal } from '../../ports/holding.js';
import type {
  HeldRoute,
  Holding,
  ProxyCapabilities,
  ProxyError,
  ProxyManager,
  Route,
} from '../../ports/proxy-manager.js';
import type { MemoryEngine } from './engine.js';

export interface MemoryProxy extends ProxyManager {
  /** Which instance answers a request for the domain now, and with what; 502 where nothing listens, 404 where there is no route. */
  request(
    domain: string,
    path?: string,
    cookie?: string,
  ): { readonly status: number; readonly instance: string | null; readonly cookie?: string };
  /** Whose container it is that answers, whatever the route says: an address that became free has soon another one. */
  answerer(domain: string): string | null;
  /** Everything that it holds now, whoever made it. */
  readonly routes: ReadonlyMap<
    string,
    { readonly mark: string | null; readonly targets: Route['targets']; readonly holding?: Holding }
  >;
  /** What requests see of it: the same, unless it lies. */
  readonly served: ReadonlyMap<string, { readonly targets: Route['targets']; readonly holding?: Holding }>;
  /** Puts a route as somebody else would. */
  disturb(domain: string, route: HeldRoute | null): void;
  /** From now on it takes changes and does not apply them; told to stop, it applies what it has taken. */
  lie(lies: boolean): void;
}

interface Held {
  readonly mark: string | null;
  readonly targets: Route['targets'];
  readonly sticky?: boolean;
  readonly holding?: Holding;
}

export function memoryProxy(
  engine: MemoryEngine,
  options: {
    readonly identity?: string;
    readonly reaches?: readonly Reach[];
    readonly writes?: ProxyManager['writes'];
    readonly capabilities?: Partial<ProxyCapabilities>;
  } = {},
): MemoryProxy {
  const held = new Map<string, Held>();
  const served = new Map<string, Held>();
  /** What each target of a domain has coming to it, by its weight. */
  const credits = new Map<string, number[]>();
  const counts = new Map<string, { requests: number; errors: number }>();
  let lies = false;
  const instanceAt = (host: string, port: number) => engine.connect(host, port);

  const apply = (domain: string, entry: Held | undefined) => {
    if (entry) held.set(domain, entry);
    else held.delete(domain);
    if (lies) return;
    if (entry) served.set(domain, entry);
    else served.delete(domain);
  };
  const view = (domain: string): HeldRoute | undefined => {
    const entry = held.get(domain);
    return (
      entry && {
        domain,
        mark: entry.mark,
        targets: entry.targets.map(({ instance, host, port }) => ({ instance: instance || null, host, port })),
        ...(entry.holding && { holding: entry.holding }),
      }
    );
  };

  /** Smooth weighted round robin: shares are exact over any round. */
  const next = (domain: string, targets: Route['targets']): Route['targets'][number] | undefined => {
    if (targets.length < 2) return targets[0];
    const weights = targets.map(({ weight = 1 }) => weight);
    const before = credits.get(domain) ?? [];
    const now = weights.map((weight, index) => weight + (before.length === targets.length ? (before[index] ?? 0) : 0));
    const best = now.indexOf(Math.max(...now));
    const paid = weights.reduce((sum, weight) => sum + weight, 0);
    credits.set(
      domain,
      now.map((credit, index) => (index === best ? credit - paid : credit)),
    );
    return targets[best];
  };

  /** A visitor's request, not counted. Its cookie is the instance's id. */
  const visit = (capabilities: ProxyCapabilities, domain: string, path = '/', cookie?: string) =>
    capabilities.holding && served.get(domain)?.holding
      ? { target: undefined, answer: { status: 503, instance: null } }
      : reach(capabilities, domain, path, cookie);

  /** The same, past what holds visitors. */
  const reach = (capabilities: ProxyCapabilities, domain: string, path = '/', cookie?: string) => {
    const { targets = [], sticky = false } = served.get(domain) ?? {};
    const stays = capabilities.sticky && sticky;
    const known = stays ? targets.find(({ instance, weight = 1 }) => instance === cookie && weight > 0) : undefined;
    const target = known ?? (capabilities.weights ? next(domain, targets) : targets[0]);
    if (!target) return { target, answer: { status: 404, instance: null } };
    const found = instanceAt(target.host, target.port);
    if (!found) return { target, answer: { status: 502, instance: null } };
    const answer = { status: found.answer(path).status, instance: target.instance };
    return { target, answer: stays ? { ...answer, cookie: target.instance } : answer };
  };

  return {
    name: 'memory',
    routes: held,
    served,
    writes: options.writes ?? 'parallel',
    capabilities: {
      acceptsUnready: true,
      weights: false,
      expect: true,
      streamsSurviveWrite: true,
      sticky: false,
      holding: true,
      maxTargets: 16,
      ...options.capabilities,
    },
    describe({ signal }) {
      if (signal.aborted) return errAsync(aborted('Describing the proxy', signal.reason));
      return okAsync({
        identity: options.identity ?? 'proxy-1',
        reaches: options.reaches ?? [{ kind: 'name', network: '*' }],
      });
    },
    put(route, { signal, expect }) {
      if (signal.aborted) return errAsync(aborted(`Putting ${route.domain}`, signal.reason));
      const { maxTargets } = this.capabilities;
      if (route.targets.length > maxTargets) {
        return errAsync({
          kind: 'unsupported',
          message: `A route may have ${maxTargets} targets here, not ${route.targets.length}.`,
          hint: 'Give it fewer.',
          retryable: false,
        });
      }
      const unheld = holdingRefusal(route);
      if (unheld) return errAsync({ kind: 'proxy-refused', ...unheld, retryable: false });
      const there = held.get(route.domain);
      if (there && there.mark !== route.mark) {
        return errAsync({
          kind: 'domain-taken',
          message: `The proxy holds ${route.domain} for somebody else.`,
          hint: 'Remove it there, or choose another domain.',
          retryable: false,
        });
      }
      if (expect !== undefined && (there?.targets[0]?.instance ?? null) !== expect) {
        return errAsync({
          kind: 'route-changed',
          message: `${route.domain} does not point to ${expect ?? 'nothing'} any more.`,
          hint: 'Look at who changes routes at the proxy.',
          retryable: false,
        });
      }
      apply(route.domain, {
        mark: route.mark,
        targets: route.targets,
        sticky: route.sticky === true,
        ...(route.holding && { holding: route.holding }),
      });
      return okAsync(undefined);
    },
    remove({ domain, mark }, { signal }) {
      if (signal.aborted) return errAsync(aborted(`Removing ${domain}`, signal.reason));
      const there = held.get(domain);
      if (!there) return okAsync('absent');
      if (there.mark !== mark) return okAsync('foreign');
      apply(domain, undefined);
      return okAsync('removed');
    },
    get(domain, { signal }) {
      if (signal.aborted) return errAsync(aborted(`Reading ${domain}`, signal.reason));
      return okAsync(view(domain));
    },
    list({ storeId }, { signal }) {
      if (signal.aborted) return errAsync(aborted('Listing routes', signal.reason));
      return okAsync(
        [...held.keys()].flatMap((domain) => view(domain) ?? []).filter((route) => route.mark?.startsWith(storeId)),
      );
    },
    prove(route, request, { signal, timeoutMs = 10_000 }) {
      const look = (): ProxyError | undefined => {
        if (signal.aborted) return aborted(`Proving ${route.domain}`, signal.reason);
        const told = this.capabilities.holding ? served.get(route.domain)?.holding : undefined;
        const isHeld = told?.message === route.holding?.message && told?.retryAfterMs === route.holding?.retryAfterMs;
        const { answer } = (route.holding ? reach : visit)(this.capabilities, route.domain, request?.path);
        // Whom else it is shared with one answer does not tell.
        const isWhole = places(served.get(route.domain)?.targets ?? []) === places(route.targets);
        const isIt = isWhole && route.targets.some((target) => target.instance === answer.instance);
        const isGood =
          request === null || request.expectStatus.some(([from, to]) => answer.status >= from && answer.status <= to);
        if (isIt && isGood && (!route.holding || isHeld)) return undefined;
        return {
          kind: 'route-unproved',
          message: `${route.domain} is answered with ${answer.status} by ${answer.instance ?? 'nobody'}.`,
          hint: 'Look at the proxy.',
          retryable: true,
        };
      };
      return lookUntil(engine.clock, look, signal, timeoutMs);
    },
    statistics(instance, { signal }) {
      if (signal.aborted) return errAsync(aborted(`Counting what ${instance} has answered`, signal.reason));
      const { requests, errors } = counts.get(instance) ?? { requests: 0, errors: 0 };
      // Nothing takes any time here.
      const latencies = [
        { upToMs: 1, count: requests },
        { upToMs: Number.POSITIVE_INFINITY, count: 0 },
      ];
      return okAsync({ requests, errors, latencies });
    },
    inFlight: (_instance, { signal }) => (signal.aborted ? errAsync(aborted('Counting')) : okAsync(0)),
    request(domain, path, cookie) {
      const { answer, target } = visit(this.capabilities, domain, path, cookie);
      if (!target) return answer;
      const { requests, errors } = counts.get(target.instance) ?? { requests: 0, errors: 0 };
      counts.set(target.instance, { requests: requests + 1, errors: errors + (answer.status >= 500 ? 1 : 0) });
      return answer;
    },
    answerer(domain) {
      const [target] = served.get(domain)?.targets ?? [];
      const found = target && instanceAt(target.host, target.port);
      return found ? found.container.spec.owner.deployment : null;
    },
    disturb(domain, route) {
      if (!route) return apply(domain, undefined);
      apply(domain, {
        mark: route.mark,
        targets: route.targets.map((target) => ({ ...target, instance: target.instance ?? '' })),
        ...(route.holding && { holding: route.holding }),
      });
    },
    lie(on) {
      lies = on;
      if (on) return;
      served.clear();
      for (const [domain, entry] of held) served.set(domain, entry);
    },
  };
}

const LOOK_EVERY_MS = 50;

/** Looks until nothing is wrong any more, the signal is aborted or the time is over; answers what was wrong last. */
function lookUntil(
  clock: Clock,
  look: () => ProxyError | undefined,
  signal: AbortSignal,
  limitMs: number,
): ResultAsync<void, ProxyError> {
  const endMs = clock.monotonicMs() + limitMs;
  return new ResultAsync(
    new Promise((resolve) => {
      let cancel = () => {};
      const again = () => {
        cancel();
        const wrong = look();
        const leftMs = endMs - clock.monotonicMs();
        if (wrong && wrong.kind !== 'aborted' && leftMs > 0) {
          cancel = clock.after(Math.min(LOOK_EVERY_MS, leftMs), again, true);
          return;
        }
        signal.removeEventListener('abort', again);
        resolve(wrong ? err(wrong) : ok(undefined));
      };
      signal.addEventListener('abort', again);
      again();
    }),
  );
}

const places = (targets: Route['targets']): string =>
  targets
    .filter(({ weight = 1 }) => weight > 0)
    .map(({ instance, host, port }) => `${instance} ${host} ${port}`)
    .sort()
    .join();
