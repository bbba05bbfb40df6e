/** Receivers, the desk behind them and the poller, over one store. */
import { type AnyError, shownError, systemClock, untilAborted, within } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { decisionsOf } from './decisions.js';
import { deskOf } from './desk.js';
import { inboxOf } from './inbox.js';
import { parseOptions } from './options.js';
import { pollerOf } from './poller.js';
import { receiverOf } from './receive/receiver.js';
import type { PortOption, TriggerReport, Triggers, TriggersOptions } from './types.js';

/** Deliveries that a dead process has left are looked for so often; what is younger may still be somebody's. */
const SWEEP_MS = 300_000;
const LEFT_MS = 180_000;

/**
 * What calls `submit` from outside: receivers for the webhooks of registries, and a poller for the pushes whose webhook is lost. Both come to the
 * same decision per stage, which is kept in the store: one digest is deployed once, in however many processes.
 *
 * Opens nothing and begins nothing: `fetch` can be mounted at once, `start()` polls and takes up what was left over.
 */
export function triggers(options: TriggersOptions): Result<Triggers, AnyError> {
  const { deployer, registry, store, onReport, clock = systemClock(), random = Math.random, ...plain } = options;
  const ports = portOf(registry).andThen((own) => portOf(store).map((kept) => ({ registry: own, store: kept })));
  if (ports.isErr()) return err(ports.error);
  return parseOptions(plain).map((settings) => {
    const closing = new AbortController();
    const { signal } = closing;
    // A registry is asked here without a deployer, which would have taken the login out of what a server repeats.
    const shown = (told: TriggerReport): TriggerReport =>
      'error' in told ? { ...told, error: shownError(told.error, [ports.value.registry, ports.value.store]) } : told;
    const report = (told: TriggerReport) => {
      try {
        onReport?.(shown(told));
      } catch {
        // Its own matter.
      }
    };
    const decisions = decisionsOf(deployer, ports.value.store, clock);
    const inbox = inboxOf(ports.value.store, clock);
    const shared = { decisions, clock, random, report, signal, registry: ports.value.registry };
    const desk = deskOf({ ...shared, inbox, settings });
    const poller = pollerOf({
      ...shared,
      watches: settings.watches.filter(({ isPolled }) => isPolled),
      everyMs: settings.poll === false ? 0 : settings.poll.every,
    });
    const fetch = receiverOf({ settings, inbox, desk, now: () => clock.now(), report, signal });
    let isStarted = false;
    let sweeping: Promise<void> = Promise.resolve();

    const sweep = async (olderThanMs: number): Promise<void> => {
      await within(signal, 30_000, async (limit) => {
        const left = await inbox.left(olderThanMs, limit.signal);
        for (const delivery of left.unwrapOr([])) {
          if (desk.holds(delivery.id) || desk.size >= settings.queueMax) continue;
          // Of a stage or an image that is not followed any more there is nothing to do.
          if (!desk.take(delivery)) await inbox.done([delivery], limit.signal);
        }
        await inbox.prune(limit.signal);
      }).catch(() => undefined);
    };

    const sweepOn = (ms: number, olderThanMs: number) => {
      if (signal.aborted) return;
      const cancel = clock.after(ms, () => {
        signal.removeEventListener('abort', cancel);
        sweeping = sweep(olderThanMs).then(() => sweepOn(SWEEP_MS, LEFT_MS));
      });
      signal.addEventListener('abort', cancel, { once: true });
    };

    const close = async (timeoutMs: number): Promise<void> => {
      closing.abort(new DOMException('The triggers are closed.', 'AbortError'));
      const over = AbortSignal.timeout(timeoutMs);
      await untilAborted(Promise.all([desk.idle(), poller.idle(), sweeping]), over, () => undefined);
    };

    return {
      fetch,
      start() {
        if (isStarted) return;
        isStarted = true;
        sweepOn(0, 0);
        if (settings.poll !== false) poller.start();
      },
      poll: ({ signal: own = signal } = {}) => poller.poll(own),
      idle: async ({ signal: own = signal } = {}) => {
        await untilAborted(desk.idle(), own, () => undefined);
      },
      close: ({ timeoutMs = 10_000 } = {}) => close(timeoutMs),
      [Symbol.asyncDispose]: () => close(10_000),
    };
  });
}

/** A port, or what an adapter's factory answered. */
const portOf = <Port extends object>(option: PortOption<Port>): Result<Port, AnyError> =>
  'isErr' in option && typeof option.isErr === 'function' ? (option as Result<Port, AnyError>) : ok(option as Port);
