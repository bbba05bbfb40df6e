/** A plugin's step as the flow runs it: its intent in the journal first, each of its functions called as foreign code is. */
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { Json } from '../domain/json.js';
import type { Flow } from '../flow/flow.js';
import type { Step } from '../flow/step.js';
import { routine } from '../kernel/routine.js';
import { callPlugin, plainJson, pluginFailed, refused } from './call.js';
import { ledgerSink, questionOf, surroundingOf, withContext } from './context.js';
import { oneOff, removeOneOff, type StepIntent } from './one-off.js';
import type { PluginStep } from './types.js';

/** A step as a plugin has given it, checked. */
export interface GivenStep {
  readonly plugin: string;
  /** See `compatible`. */
  readonly version: string;
  readonly given: PluginStep;
  readonly timeoutMs: number;
  /** Null: the setting's. */
  readonly undoTimeoutMs: number | null;
  /** Where it stands among the flow's own; see `arrange`. */
  readonly rank: number;
  /** Whether the new instance runs by then. */
  readonly isStarted: boolean;
}

export const nameOfStep = ({ plugin, given }: Pick<GivenStep, 'plugin' | 'given'>): string => `${plugin}/${given.name}`;

/** Its intent has no effects, so it needs no more time than this, and often less. */
const INTENT_MS = 30_000;

/** @param defaultUndoMs the setting */
export function flowStep(of: GivenStep, defaultUndoMs: number): Step {
  const { plugin, given, timeoutMs, isStarted } = of;
  const name = nameOfStep(of);
  const undoMs = of.undoTimeoutMs ?? defaultUndoMs;
  return {
    name,
    version: of.version,
    takesLong: true,
    // A margin, for its own limit to speak first: the lease may have to be renewed before it begins.
    limit: ({ host }) => ({ ms: timeoutMs + host.settings.effectTimeoutMs, setting: 'timeout' }),
    // And one for what a death may have left to remove before.
    undoMs: undoMs + 2 * defaultUndoMs,
    intent: (flow, signal) =>
      routine(async function* () {
        const asked = given.intent ? yield* ask(of, flow, signal) : null;
        const intent: StepIntent = { own: asked, container: null, networks: [] };
        return ok<Json, AnyError>(intent as unknown as Json);
      }),
    run: (flow, intent, signal) =>
      routine(async function* () {
        const around = yield* surroundingOf(flow, isStarted, signal);
        return yield* flow
          .effect(
            `Step ${name}`,
            signal,
            (options) =>
              callPlugin(
                flow.host.clock,
                { plugin, at: `in step ${given.name}`, ms: timeoutMs, setting: 'timeout' },
                [options.signal],
                (own) =>
                  withContext(flow, own, ledgerSink(flow, plugin, ''), (context) =>
                    given.run({ ...context, ...around, ...oneOff(flow, name, timeoutMs, own) }, ownOf(intent)),
                  ),
              ),
            { ms: timeoutMs, setting: 'timeout' },
          )
          .map((): Result<void, AnyError> => ok(undefined));
      }),
    undo: (flow, intent, signal, wasOpen) =>
      routine(async function* () {
        yield* removeOneOff(flow, intent as unknown as StepIntent, signal, wasOpen);
        if (!given.undo) return ok<void, AnyError>(undefined);
        const { undo } = given;
        const at = `undoing step ${given.name}`;
        yield* callPlugin(flow.host.clock, { plugin, at, ms: undoMs, setting: 'undoTimeout' }, [signal], (own) =>
          withContext(flow, own, ledgerSink(flow, plugin, ''), (context) =>
            undo.call(given, { ...context, wasOpen, ...oneOff(flow, name, undoMs, own) }, ownOf(intent)),
          ),
        );
        return ok<void, AnyError>(undefined);
      }),
  };
}

/** A copy each time: what a plugin changes of it is not what the journal has. */
const ownOf = (intent: Json): Json => JSON.parse(JSON.stringify((intent as unknown as StepIntent).own)) as Json;

function ask(
  { plugin, given, timeoutMs, isStarted }: GivenStep,
  flow: Flow,
  signal: AbortSignal,
): ResultAsync<Json, AnyError> {
  const at = `preparing step ${given.name}`;
  return routine(async function* () {
    const around = yield* surroundingOf(flow, isStarted, signal);
    const answer = yield* callPlugin(
      flow.host.clock,
      { plugin, at, ms: Math.min(timeoutMs, INTENT_MS), setting: undefined },
      [signal],
      (own) =>
        withContext(flow, own, ledgerSink(flow, plugin, ''), (context) => given.intent?.({ ...context, ...around })),
    );
    const plain = plainJson(answer);
    if (plain.isErr()) return err(refused(plugin, at, `answered ${plain.error}.`));
    const redacted = flow.ledger.redactor.json(plain.value);
    if (JSON.stringify(redacted) !== JSON.stringify(plain.value))
      return err(refused(plugin, at, 'answered an intent with a secret in it, which the journal must not keep.'));
    return ok<Json, AnyError>(plain.value);
  });
}

/** Whether this deployment has it. */
export function isWanted({ plugin, given }: GivenStep, flow: Flow): Result<boolean, AnyError> {
  const { when } = given;
  const at = `asking whether step ${given.name} is wanted`;
  if (!when) return ok(true);
  try {
    const answer: unknown = when.call(given, questionOf(flow));
    if (typeof answer === 'boolean') return ok(answer);
    return err(refused(plugin, at, `answered a ${typeof answer}, where true or false was expected.`));
  } catch (thrown) {
    return err(pluginFailed(`Plugin "${plugin}" ${at}`, thrown));
  }
}
