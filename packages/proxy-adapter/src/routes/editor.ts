/**
 * Changing routes from any process that shares the store: write, then wait until every live server has said that it serves the
 * change. A server of this very process is told directly.
 */
import type { Clock, ProxyError, Route, Store } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { abortedCall, domainTaken, noServer, refused, routeChanged, throughStore, unacknowledged } from '../errors.js';
import type { Held, RouteLog } from './log.js';
import { pause, turns } from './pause.js';
import type { Serving } from './serving.js';
import { type RouteChange, targetsOf } from './table.js';
import { isRecordOf, type ServerWatch } from './watch.js';

/** Of one change against others that write at the same time: each round, at least one of them gets through. */
const ROUNDS_MAX = 50;
/** Between two looks at who has acknowledged; commits wake it earlier where the store tells of them. */
const LOOK_MS = 25;

export interface EditorOptions {
  readonly proxy: string;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: RouteLog;
  readonly watch: ServerWatch;
  readonly acknowledgeTimeoutMs: number;
  /** The server of this process, while there is one. */
  readonly own: () => Serving | undefined;
}

export interface Editor {
  put(route: Route, expect: string | null | undefined, signal: AbortSignal): Promise<Result<void, ProxyError>>;
  remove(
    domain: string,
    mark: string,
    signal: AbortSignal,
  ): Promise<Result<'removed' | 'absent' | 'foreign', ProxyError>>;
}

interface Written {
  readonly before: Held;
  readonly revision: number;
  readonly change: RouteChange;
}

/** Why nothing is written, or what is: null removes the route. */
type Decision =
  | { readonly write: Route | null }
  | { readonly refuse: ProxyError }
  | { readonly leave: 'absent' | 'foreign' };

export function editor({ proxy, store, clock, log, watch, acknowledgeTimeoutMs, own }: EditorOptions): Editor {
  const inTurn = turns();

  /** Reads, decides, and writes over exactly what was read; again where somebody else was quicker. */
  const change = (
    what: string,
    domain: string,
    signal: AbortSignal,
    decide: (held: Held) => Decision,
  ): Promise<Result<Written | { readonly left: 'absent' | 'foreign'; readonly revision: number }, ProxyError>> =>
    inTurn(async () => {
      for (let round = 0; round < ROUNDS_MAX; round += 1) {
        if (signal.aborted) return err(abortedCall(what, signal));
        const held = await log.read(domain, signal);
        if (held.isErr()) return err(throughStore(held.error, what));
        const decision = decide(held.value);
        if ('refuse' in decision) return err(decision.refuse);
        if ('leave' in decision) {
          return ok({ left: decision.leave, revision: held.value.head?.value.revision ?? 0 });
        }
        const written = await log.write(domain, held.value, decision.write, signal);
        if (written.isOk()) return ok({ before: held.value, ...written.value });
        if (written.error.kind !== 'store-conflict') {
          return err({ ...throughStore(written.error, what), outcome: 'unknown' } as ProxyError);
        }
      }
      return err(refused('contended', `${what}: too many others change routes.`, 'Try again in a moment.'));
    });

  /** Waits until every live server serves this revision. Answers how many those are. */
  const served = async (
    what: string,
    domain: string,
    revision: number,
    changed: RouteChange | undefined,
    signal: AbortSignal,
  ): Promise<Result<number, ProxyError>> => {
    const server = own();
    const reached = changed ? await server?.takeOver(revision, changed, signal) : await server?.reach(revision, signal);
    if (reached?.isErr()) return err({ ...throughStore(reached.error, what), outcome: 'unknown' } as ProxyError);
    const endsAtMs = clock.monotonicMs() + acknowledgeTimeoutMs;
    for (;;) {
      if (signal.aborted) return err(abortedCall(what, signal));
      const seen = await watch.look(signal);
      if (seen.isErr()) return err({ ...throughStore(seen.error, what), outcome: 'unknown' } as ProxyError);
      const others = seen.value.filter(({ record }) => !server || !isRecordOf(server.server, record.id));
      const missing = others.filter(({ record, isDead }) => !isDead && record.acknowledged < revision);
      if (missing.length === 0) {
        await watch.sweep(
          others.filter((each) => each.isDead),
          signal,
        );
        return ok((server ? 1 : 0) + others.filter((each) => !each.isDead).length);
      }
      if (clock.monotonicMs() >= endsAtMs) {
        const where = missing.map(({ record }) => record.frontDoor);
        return err(unacknowledged(domain, where, acknowledgeTimeoutMs));
      }
      await pause(clock, LOOK_MS, signal, store.subscribe?.bind(store));
    }
  };

  /** Nobody serves it, so nobody shall begin to: what was there before comes back, if it still is as this call left it. */
  const takeBack = async (what: string, domain: string, written: Written, signal: AbortSignal): Promise<ProxyError> => {
    const before = written.before.route?.value;
    const route: Route | null = before
      ? {
          domain,
          mark: before.mark,
          targets: targetsOf(before),
          ...(before.sticky ? { sticky: true } : {}),
          ...(before.holding ? { holding: before.holding } : {}),
          options: before.options,
        }
      : null;
    const back = await change(what, domain, signal, (held) =>
      held.route?.value.revision === written.revision ? { write: route } : { leave: 'foreign' },
    );
    return back.isOk() ? noServer(proxy) : { ...noServer(proxy), outcome: 'unknown' };
  };

  return {
    async put(route, expect, signal) {
      const { domain } = route;
      const what = `Putting the route ${domain}`;
      if (!own()) {
        const seen = await watch.look(signal);
        if (seen.isErr()) return err(throughStore(seen.error, what));
        if (seen.value.every((each) => each.isDead)) return err(noServer(proxy));
      }
      // The same value is written again too: only a new revision tells a server that lives from one that acknowledged it once.
      const written = await change(what, domain, signal, ({ route: held }) => {
        if (held && held.value.mark !== route.mark) return { refuse: domainTaken(domain) };
        const points = held ? (targetsOf(held.value)[0]?.instance ?? null) : null;
        if (expect !== undefined && points !== expect) return { refuse: routeChanged(domain, expect) };
        return { write: route };
      });
      if (written.isErr()) return err(written.error);
      if ('left' in written.value) return ok();
      const { revision, change: changed } = written.value;
      const live = await served(what, domain, revision, changed, signal);
      if (live.isErr()) return err(live.error);
      return live.value > 0 ? ok() : err(await takeBack(what, domain, written.value, signal));
    },

    async remove(domain, mark, signal) {
      const what = `Removing the route ${domain}`;
      const removed = await change(what, domain, signal, ({ route: held }) => {
        if (!held) return { leave: 'absent' };
        return held.value.mark === mark ? { write: null } : { leave: 'foreign' };
      });
      if (removed.isErr()) return err(removed.error);
      const done = 'left' in removed.value ? removed.value.left : 'removed';
      if (done === 'foreign') return ok(done);
      // Absent too: an earlier removal may have been given up before every server had followed it.
      const changed = 'left' in removed.value ? undefined : removed.value.change;
      const live = await served(what, domain, removed.value.revision, changed, signal);
      return live.map(() => done);
    },
  };
}
