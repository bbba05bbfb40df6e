/**
 * Runs steps, and takes them back. Intent first: what a step is about to do is committed, with the leases that it needs, before it
 * does it. After an error what was begun is undone, newest first, and a failed undo stops the undo of all earlier steps: one of
 * them may hold up what is left. Their entries stay in the journal, and whoever settles the stage next goes on there.
 */
import { err, ok, okAsync, type ResultAsync } from 'neverthrow';
import { type AnyError, aborted, failure, outcomeUnknown, timedOut } from '../domain/errors.js';
import type { Json } from '../domain/json.js';
import type { JournalEntry, JournalRecord, StepRecord } from '../domain/records.js';
import type { Deployment } from '../domain/views.js';
import type { EventDraft } from '../events/types.js';
import { guard, routine } from '../kernel/routine.js';
import { bounded, PATIENCE_WITH_WORK_MS, scope } from '../kernel/scope.js';
import type { Flow } from './flow.js';
import type { Step, StepError } from './step.js';

/** Runs the steps before the commit, one after the other. The answer is the first error, with the name of its step. */
export function runSteps(steps: readonly Step[], flow: Flow, signal: AbortSignal): ResultAsync<void, StepError> {
  return guard(async () => {
    for (const step of steps) {
      const ran = signal.aborted ? err(aborted(`Step ${step.name}`, signal.reason)) : await runStep(step, flow, signal);
      if (ran.isErr()) return err({ ...ran.error, step: ran.error.step ?? step.name });
    }
    return ok(undefined);
  });
}

function runStep(step: Step, flow: Flow, signal: AbortSignal): ResultAsync<void, StepError> {
  const { ledger, host } = flow;
  return routine(async function* () {
    ledger.step = step.name;
    const limit = { ...step.limit(flow), patienceMs: PATIENCE_WITH_WORK_MS };
    const intent = yield* bounded(host.clock, [signal], { ...limit, what: `Preparing step ${step.name}` }, () =>
      guard(() => step.intent(flow)),
    );
    const does = step.does?.(flow, intent) ?? 'effects';
    const begun = does === 'nothing' ? noteBegin(step, intent, flow) : begin(step, intent, flow, signal);
    if (does === 'effects') yield* begun;
    const startedMs = host.clock.monotonicMs();
    const ran = await bounded(host.clock, [signal], { ...limit, what: `Step ${step.name}` }, (options) =>
      guard(() => step.run(flow, intent, options.signal)),
    );
    yield* begun;
    if (!step.keepsLeases) releaseHeld(flow);
    const durationMs = Math.round(host.clock.monotonicMs() - startedMs);
    // A crash before the next commit leaves the entry open: undo then looks twice at what is absent.
    const isSettled = ran.isOk() || !outcomeUnknown(ran.error);
    ledger.note({
      journal: withState(flow, step, isSettled ? 'done' : 'open'),
      ...stepNote(flow, step.name, { status: ran.isOk() ? 'done' : 'failed', durationMs }),
    });
    return ran;
  });
}

/**
 * Frees the leases beside the stage's: whoever waits for one need not wait for the deployment's end. Nothing here waits for that, but
 * who takes one of them next, and the end.
 */
export function releaseHeld(flow: Flow): void {
  const { clock, settings } = flow.host;
  const releases = flow.held
    .splice(0)
    .map((lease) =>
      bounded(clock, [], { what: `Releasing ${lease.key}`, ms: settings.effectTimeoutMs }, (options) =>
        guard(async () => ok(await lease.release(options))),
      ),
    );
  if (releases.length > 0) flow.releasing = Promise.all([flow.releasing, ...releases]);
}

/** The intent, with the leases that it needs and what earlier steps have left to write. */
const begin = (step: Step, intent: Json, flow: Flow, signal: AbortSignal): ResultAsync<void, AnyError> =>
  takeLeases(step, intent, flow, signal, 'run', beginning(step, intent, flow));

function noteBegin(step: Step, intent: Json, flow: Flow): ResultAsync<void, AnyError> {
  flow.ledger.note(beginning(step, intent, flow));
  return okAsync(undefined);
}

function beginning(step: Step, intent: Json, flow: Flow) {
  const { ledger, host } = flow;
  const entry: JournalEntry = { step: step.name, version: step.version, state: 'open', intent };
  const started: StepRecord = { name: step.name, status: 'running', startedAt: host.clock.now(), durationMs: null };
  const journal = journalOf(flow);
  return {
    record: { steps: [...ledger.record.steps, started] },
    journal: { ...journal, entries: [...journal.entries, entry] },
    events: (deployment: Deployment): EventDraft[] => [
      { type: 'deployment.step', payload: { deployment, step: started } },
    ],
  };
}

function takeLeases(
  step: Step,
  intent: Json,
  flow: Flow,
  signal: AbortSignal,
  phase: 'run' | 'undo',
  draft: Parameters<Flow['ledger']['commit']>[0],
): ResultAsync<void, AnyError> {
  const keys = (step.leases?.(flow, intent, phase) ?? []).filter(
    (key) => !flow.held.some((lease) => lease.key === key),
  );
  return routine(async function* () {
    // Our own release of the same lease would be in the way.
    if (keys.length > 0) await flow.releasing;
    flow.held.push(...(yield* flow.ledger.commitTaking(keys, draft, signal)));
    return ok(undefined);
  });
}

/**
 * Takes back what the journal says was begun, newest first, under a signal of its own.
 * @returns the first undo that failed; the entries from there on backwards stay in the journal
 */
export function undoSteps(known: readonly Step[], flow: Flow, signal: AbortSignal): ResultAsync<void, StepError> {
  return guard(async () => {
    for (;;) {
      const entry = flow.ledger.journal?.entries.at(-1);
      if (!entry) return ok(undefined);
      const undone = await undoStep(known, entry, flow, signal);
      if (undone.isErr()) return err({ ...undone.error, step: entry.step });
    }
  });
}

function undoStep(
  known: readonly Step[],
  entry: JournalEntry,
  flow: Flow,
  signal: AbortSignal,
): ResultAsync<void, StepError> {
  const { ledger, host } = flow;
  const step = known.find((each) => each.name === entry.step && each.version === entry.version);
  return routine(async function* () {
    ledger.step = entry.step;
    if (!step) return err(unknownStep(entry));
    const limit = {
      what: `Undoing ${step.name}`,
      ms: host.settings.undoTimeoutMs,
      setting: 'undoTimeoutMs',
      patienceMs: PATIENCE_WITH_WORK_MS,
    };
    // What a dead host has held comes free after its ttl. Not given up amid the taking: a lease that comes after all would stay held.
    const waiting = scope(host.clock, [signal], limit.ms + host.settings.ttlMs);
    const taken = await takeLeases(step, entry.intent, flow, waiting.signal, 'undo', {});
    waiting.end();
    if (taken.isErr()) {
      const { error } = taken;
      const isLate = waiting.timedOut && error.kind === 'aborted';
      return err(isLate ? timedOut(limit.what, waiting.limitMs, limit.setting, error) : error);
    }
    const undone = await bounded(host.clock, [signal], limit, (options) =>
      guard(() => step.undo(flow, entry.intent, options.signal, entry.state === 'open')),
    );
    // However it ended: who tries again needs them.
    releaseHeld(flow);
    yield* undone;
    const journal = journalOf(flow);
    ledger.note({
      journal: { ...journal, entries: journal.entries.slice(0, -1) },
      ...stepNote(flow, step.name, { status: 'undone' }),
    });
    return ok(undefined);
  });
}

const unknownStep = (entry: JournalEntry): AnyError =>
  failure(
    'unsupported',
    `This host does not know step "${entry.step}" in version ${entry.version}.`,
    'Let a host with that version of it finish this.',
    { retryable: true },
  );

const journalOf = (flow: Flow): JournalRecord => {
  const { journal, record } = flow.ledger;
  if (journal) return journal;
  const identities = record.identities ?? { runtime: '', proxy: null };
  return { id: record.id, stageKey: record.stageKey, entries: [], identities };
};

function withState(flow: Flow, step: Step, state: JournalEntry['state']): JournalRecord {
  const journal = journalOf(flow);
  return {
    ...journal,
    entries: journal.entries.map((entry) => (entry.step === step.name ? { ...entry, state } : entry)),
  };
}

/** The step's line in the deployment's record, changed, and the event that tells it. */
function stepNote(flow: Flow, name: string, change: Partial<StepRecord>) {
  const steps = flow.ledger.record.steps.map((step) => (step.name === name ? { ...step, ...change } : step));
  const step = steps.find((each) => each.name === name);
  return {
    record: { steps },
    events: (deployment: Deployment): EventDraft[] =>
      step ? [{ type: 'deployment.step', payload: { deployment, step } }] : [],
  };
}
