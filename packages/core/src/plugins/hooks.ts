/** Hooks: what plugins do right before and right after a step. They are in no journal: what has to be taken back is a step of its own. */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { LogEntry } from '../domain/records.js';
import type { EventDraft } from '../events/types.js';
import type { Hook } from '../flow/extensions.js';
import type { Flow } from '../flow/flow.js';
import { routine } from '../kernel/routine.js';
import { storedError } from '../kernel/stored-error.js';
import { addAfterword } from './afterword.js';
import { callPlugin } from './call.js';
import { ledgerSink, type Sink, surroundingOf, withContext } from './context.js';
import type { PluginHook } from './types.js';

/** A hook as a plugin has given it, checked. */
export interface GivenHook {
  readonly plugin: string;
  readonly side: 'before' | 'after';
  readonly step: string;
  readonly hook: PluginHook;
  readonly timeoutMs: number;
  /** Whether the new instance runs by then. */
  readonly isStarted: boolean;
}

/** One after the other; the first that fails ends it. Undefined: there are none. */
export function allOfHooks(given: readonly GivenHook[]): Hook | undefined {
  if (given.length === 0) return undefined;
  return (flow, signal) =>
    routine(async function* () {
      for (const each of given) {
        flow.ledger.step = each.step;
        const called = await call(each, flow, ledgerSink(flow, each.plugin), signal);
        yield* called.mapErr((error) => ({ ...error, step: each.step }));
      }
      return ok<void, AnyError>(undefined);
    });
}

function call(
  { plugin, side, step, hook, timeoutMs, isStarted }: GivenHook,
  flow: Flow,
  sink: Sink,
  signal: AbortSignal,
): ResultAsync<unknown, AnyError> {
  return routine(async function* () {
    const around = yield* surroundingOf(flow, isStarted, signal);
    const terms = { plugin, at: `${side} ${step}`, ms: timeoutMs, setting: 'timeout' };
    return await callPlugin(flow.host.clock, terms, [signal], (own) =>
      withContext(flow, own, sink, (context) => hook({ ...context, ...around })),
    );
  });
}

/** Hooks after the commit: all of them, whatever becomes of each. What they say, and why one failed, is added to the log. */
export async function afterCommit(given: readonly GivenHook[], flow: Flow, signal: AbortSignal): Promise<void> {
  const { host, ledger } = flow;
  const { id } = ledger.record;
  const { redactor } = ledger;
  for (const each of given) {
    const { plugin } = each;
    const entries: Omit<LogEntry, 'seq'>[] = [];
    const events: Pick<Extract<EventDraft, { type: 'plugin.event' }>['payload'], 'name' | 'data'>[] = [];
    const say: Sink['log'] = (level, message, data) => {
      const text = redactor.text(message);
      entries.push({ time: host.clock.now(), level, step: null, message: text, data: redactor.json(data) });
    };
    const sink: Sink = {
      log: (level, message, data) => say(level, `${plugin}: ${message}`, data),
      event: (name, data) => events.push({ name, data: redactor.json(data) }),
    };
    const called = await call(each, flow, sink, signal);
    if (called.isErr()) {
      const error = storedError(called.error, redactor);
      say('error', `${error.message} ${error.hint}`, error.details ?? null);
      host.hub.emit('plugin.failed', { plugin, at: 'after commit', deploymentId: id, error });
    }
    // Under the deployer's own end: what a hook that was given up has said is still owed.
    await addAfterword(
      host,
      id,
      {
        entries,
        events: (deployment) =>
          events.map((event): EventDraft => ({ type: 'plugin.event', payload: { plugin, deployment, ...event } })),
      },
      host.ended,
    );
  }
}
