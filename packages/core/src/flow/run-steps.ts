/**
 * Runs steps, and takes them back. Intent first: what a step is about to do is committed, with the leases that it needs, before it
 * does it. After an error what was begun is undone, newest first, and a failed undo stops the undo of all earlier steps: one of
 * them may hold up what is left. Their entries stay in the journal, and whoever settles the stage next goes on there.
 */
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import { type AnyError, aborted, failure, outcomeUnknown, timedOut } from '../domain/errors.js';
import type { Json } from '../domain/json.js';
import type { JournalEntry, JournalRecord, StepRecord } from '../domain/records.js';
import type { Deployment } from '../domain/views.js';
import type { EventDraft } from '../events/types.js';
import { guard, routine } from '../kernel/routine.js';
import { bounded, PATIENCE_WITH_WORK_MS, scope } from '../kernel/scope.js';
import type { Around } from './extensions.js';
import type { Flow } from './flow.js';
import type { Draft } from './ledger.js';
import type { Step, StepError } from './step.js';

/** Runs the steps before the commit, one after the other. The answer is the first error, with the name of its step. */
export function runSteps(steps: readonly Step[], flow: Flow, signal: AbortSignal): ResultAsync<void, StepError> {
  return guard(async () => {
    for (const [index, step] of steps.entries()) {
      const next = steps.slice(index + 1);
      const ran = signal.aborted
        ? err(aborted(`Step ${step.name}`, signal.reason))
        : await (step.around ? runAround(step, step.around, next, flow, signal) : runStep(step, next, flow, signal));
      if (ran.isErr()) {
        forgetForeseen(flow);
        return err({ ...ran.error, step: ran.error.step ?? step.name });
      }
    }
    return ok(undefined);
  });
}

function runAround(
  step: Step,
  { before, after }: Around,
  next: readonly Step[],
  flow: Flow,
  signal: AbortSignal,
): ResultAsync<void, StepError> {
  return routine(async function* () {
    if (before) yield* before(flow, signal);
    yield* runStep(step, next, flow, signal);
    if (after) yield* after(flow, signal);
    return ok<void, StepError>(undefined);
  });
}

/** What was written down and never begun has nothing to take back. */
function forgetForeseen(flow: Flow): void {
  if (flow.foreseen.size === 0) return;
  const journal = journalOf(flow);
  flow.ledger.note({
    journal: { ...journal, entries: journal.entries.filter(({ step }) => !flow.foreseen.has(step)) },
  });
  flow.foreseen.clear();
}

function runStep(step: Step, next: readonly Step[], flow: Flow, signal: AbortSignal): ResultAsync<void, StepError> {
  const { ledger, host, foreseen } = flow;
  return routine(async function* () {
    ledger.step = step.name;
    const known = foreseen.get(step.name);
    const intent = known ? known.intent : yield* intentOf(step, flow, signal);
    const does = known ? 'effects' : (step.does?.(flow, intent) ?? 'effects');
    const early = scope(host.clock, [signal]);
    try {
      step.ahead?.(flow, intent, early.signal);
      if (known) {
        foreseen.delete(step.name);
        ledger.noteSoon(started(step, flow));
      } else if (does === 'effects') yield* begin({ step, intent }, next, flow, signal);
      else {
        const draft = { ...started(step, flow), journal: withEntries(flow, [{ step, intent }]) };
        if (does === 'waits') ledger.noteSoon(draft);
        else ledger.note(draft);
      }
      return await runBegun(step, intent, flow, signal);
    } finally {
      early.abort(new Error(`step ${step.name} is over`));
      early.end();
    }
  });
}

/** Its intent is in the journal, or needs not be. */
async function runBegun(step: Step, intent: Json, flow: Flow, signal: AbortSignal): Promise<Result<void, StepError>> {
  const { ledger, host } = flow;
  const startedMs = host.clock.monotonicMs();
  const ran = await bounded(host.clock, [signal], limitOf(step, flow, `Step ${step.name}`), (options) =>
    guard(() => step.run(flow, intent, options.signal)),
  );
  if (!step.keepsLeases) releaseSoon(flow);
  const durationMs = Math.round(host.clock.monotonicMs() - startedMs);
  // A crash before the next commit leaves the entry open: undo then looks twice at what is absent.
  const isSettled = ran.isOk() || !outcomeUnknown(ran.error);
  ledger.note({
    journal: withState(flow, step, isSettled ? 'done' : 'open'),
    ...stepNote(flow, step.name, { status: ran.isOk() ? 'done' : 'failed', durationMs }),
  });
  return ran;
}

/** How long a lease is held on to after its step, in milliseconds: the cutover often follows at once, and needs it again. */
const LINGER_MS = 20;

function releaseSoon(flow: Flow): void {
  const kept = [...flow.foreseen.values()].flatMap(({ keys }) => keys);
  if (flow.held.every(({ key }) => kept.includes(key))) return;
  flow.cancelRelease();
  flow.cancelRelease = flow.host.clock.after(LINGER_MS, () => releaseHeld(flow, kept));
}

/**
 * Frees the leases beside the stage's: whoever waits for one need not wait for the deployment's end. Nothing here waits for that, but
 * who takes one of them next, and the end.
 */
export function releaseHeld(flow: Flow, kept: readonly string[] = []): void {
  const { clock, settings } = flow.host;
  flow.cancelRelease();
  const freed = flow.held.filter(({ key }) => !kept.includes(key));
  flow.held.splice(0, Infinity, ...flow.held.filter(({ key }) => kept.includes(key)));
  const releases = freed.map((lease) =>
    bounded(clock, [], { what: `Releasing ${lease.key}`, ms: settings.effectTimeoutMs }, (options) =>
      guard(async () => ok(await lease.release(options))),
    ),
  );
  if (releases.length > 0) flow.releasing = Promise.all([flow.releasing, ...releases]);
}

const limitOf = (step: Step, flow: Flow, what: string) => ({
  ...step.limit(flow),
  what,
  patienceMs: PATIENCE_WITH_WORK_MS,
});

const intentOf = (step: Step, flow: Flow, signal: AbortSignal): ResultAsync<Json, StepError> =>
  bounded(flow.host.clock, [signal], limitOf(step, flow, `Preparing step ${step.name}`), (options) =>
    guard(() => step.intent(flow, options.signal)),
  );

interface Intended {
  readonly step: Step;
  readonly intent: Json;
  /** Default `open`. */
  readonly state?: JournalEntry['state'];
}

/** The intent, with those of the steps behind it that can be foreseen, and what was left to write. */
const begin = (first: Intended, next: readonly Step[], flow: Flow, signal: AbortSignal): ResultAsync<void, AnyError> =>
  commitIntents(first, next, flow, signal, started(first.step, flow));

/**
 * Commits the intents of a step and of those behind it that can be foreseen, with the leases that they need.
 * @param first `done`: this very commit does it. Then whatever comes first behind it is taken along
 */
export function commitIntents(
  first: Intended,
  next: readonly Step[],
  flow: Flow,
  signal: AbortSignal,
  draft: Draft,
): ResultAsync<void, AnyError> {
  return routine(async function* () {
    const behind: (Intended & { keys: readonly string[] })[] = [];
    let last = first.step;
    for (const step of next) {
      const isFirst = first.state === 'done' && behind.length === 0;
      if (!isFirst && !step.isForeseen) break;
      // What stands between the two is not there yet, and may take its time.
      if (last.takesLong || last.around?.after || step.around?.before) break;
      last = step;
      const intent = yield* intentOf(step, flow, signal);
      const does = step.does?.(flow, intent) ?? 'effects';
      if (isFirst && does === 'nothing') continue;
      const keys = step.leases?.(flow, intent, 'run') ?? [];
      // Everybody's lease is not held for longer than its own step takes.
      const isShared = keys.length > 0 && flow.host.proxy?.writes === 'serial';
      if (isShared || does !== 'effects') break;
      behind.push({ step, intent, keys });
    }
    const own = first.state === 'done' ? [] : (first.step.leases?.(flow, first.intent, 'run') ?? []);
    const keys = [...own, ...behind.flatMap((each) => each.keys)];
    yield* takeLeases(keys, flow, signal, { ...draft, journal: withEntries(flow, [first, ...behind]) });
    for (const { step, ...known } of behind) flow.foreseen.set(step.name, known);
    return ok(undefined);
  });
}

/** The step's line in the deployment's record, and the event that tells it. */
function started(step: Step, { ledger, host }: Flow) {
  const record: StepRecord = { name: step.name, status: 'running', startedAt: host.clock.now(), durationMs: null };
  return {
    record: { steps: [...ledger.record.steps, record] },
    events: (deployment: Deployment): EventDraft[] => [
      { type: 'deployment.step', payload: { deployment, step: record } },
    ],
  };
}

function takeLeases(
  wanted: readonly string[],
  flow: Flow,
  signal: AbortSignal,
  draft: Draft,
): ResultAsync<void, AnyError> {
  const keys = wanted.filter((key) => !flow.held.some((lease) => lease.key === key));
  return routine(async function* () {
    if (wanted.length > 0) flow.cancelRelease();
    // Our own release of the same lease would be in the way.
    if (keys.length > 0) await flow.releasing;
    flow.held.push(...(yield* flow.ledger.commitTaking(keys, draft, signal)));
    return ok(undefined);
  });
}

/**
 * Takes back what the journal says was begun, newest first, under a signal of its own. Leases that it took are left in `flow.held`, for the
 * last commit to free.
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
  const step = stepOf(known, entry);
  return routine(async function* () {
    ledger.step = entry.step;
    if (!step) return err(unknownStep(entry));
    const limit = {
      what: `Undoing ${step.name}`,
      ms: step.undoMs ?? host.settings.undoTimeoutMs,
      setting: 'undoTimeoutMs',
      patienceMs: PATIENCE_WITH_WORK_MS,
    };
    // What a dead host has held comes free after its ttl. Not given up amid the taking: a lease that comes after all would stay held.
    const waiting = scope(host.clock, [signal], limit.ms + host.settings.ttlMs);
    const keys = step.leases?.(flow, entry.intent, 'undo') ?? [];
    // What was undone before goes with the next commit, whatever that is for: undoing it once more would find nothing to do.
    const taken = keys.length > 0 ? await takeLeases(keys, flow, waiting.signal, {}) : ok(undefined);
    waiting.end();
    if (taken.isErr()) {
      const { error } = taken;
      const isLate = waiting.timedOut && error.kind === 'aborted';
      return err(isLate ? timedOut(limit.what, waiting.limitMs, limit.setting, error) : error);
    }
    // What it has to wait for first is none of its own time.
    const patient = { ...limit, ms: limit.ms + flow.unsettledMs() };
    const undone = await bounded(host.clock, [signal], patient, (options) =>
      guard(() => step.undo(flow, entry.intent, options.signal, entry.state === 'open')),
    );
    // Who tries again needs them. Else they go with the last commit, unless everybody waits for them.
    if (undone.isErr() || host.proxy?.writes === 'serial') releaseHeld(flow);
    // A call of the undo may still have its effect: whoever goes on there must not take what is there now for the last word.
    if (undone.isErr() && outcomeUnknown(undone.error)) ledger.note({ journal: withState(flow, step, 'open') });
    yield* undone;
    const journal = journalOf(flow);
    ledger.note({
      journal: { ...journal, entries: journal.entries.slice(0, -1) },
      ...stepNote(flow, step.name, { status: 'undone' }),
    });
    return ok(undefined);
  });
}

type Entry = Pick<JournalEntry, 'step' | 'version'>;

const stepOf = (known: readonly Step[], entry: Entry): Step | undefined =>
  known.find((each) => each.name === entry.step && each.version === entry.version);

/** Whether this host could take it back. */
export const isKnownEntry = (known: readonly Step[], entry: Entry): boolean => stepOf(known, entry) !== undefined;

export const isOfPlugin = ({ step }: Pick<JournalEntry, 'step'>): boolean => step.includes('/');

/** The `code` of an undo that this host cannot do: its message says which host could. */
export const UNKNOWN_STEP = 'unknown-step';

const unknownStep = (entry: JournalEntry): AnyError =>
  failure(
    'unsupported',
    isOfPlugin(entry)
      ? `It takes a host with the plugin "${entry.step.split('/')[0]}" in version ${entry.version}, whose step "${entry.step}" is to be undone.`
      : `It takes a host that knows step "${entry.step}" in version ${entry.version}.`,
    'Let a host with that version of it finish this.',
    { retryable: true, code: UNKNOWN_STEP },
  );

const journalOf = (flow: Flow): JournalRecord => {
  const { journal, record } = flow.ledger;
  if (journal) return journal;
  const identities = record.identities ?? { runtime: '', proxy: null };
  return { id: record.id, stageKey: record.stageKey, entries: [], identities };
};

function withEntries(flow: Flow, added: readonly Intended[]): JournalRecord {
  const journal = journalOf(flow);
  const entries = added.map(
    ({ step, intent, state = 'open' }): JournalEntry => ({ step: step.name, version: step.version, state, intent }),
  );
  return { ...journal, entries: [...journal.entries, ...entries] };
}

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
