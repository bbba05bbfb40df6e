/**
 * The ledger of one deployment: its record, its journal, its log and its events, which change together in one fenced commit or
 * not at all. Whoever runs the deployment holds it; there is one commit at a time, in the order of asking.
 *
 * A commit whose answer was lost is read again before anything else happens: every write draws a `writeId`, and the record that
 * the store has tells whether it arrived.
 */
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { type BugError, bug, outcomeUnknown } from '../domain/errors.js';
import type { Json } from '../domain/json.js';
import { type DeploymentRecord, isTerminal, type JournalRecord, type LogEntry } from '../domain/records.js';
import { type Deployment, deploymentView } from '../domain/views.js';
import { appendEvents, type EventEntry, emitEvents, eventEntries } from '../events/drafts.js';
import { type EventDraft, logStream } from '../events/types.js';
import { type Lease, leaseLost } from '../kernel/held-lease.js';
import type { Redactor } from '../kernel/redactor.js';
import { guard } from '../kernel/routine.js';
import { sleep } from '../kernel/scope.js';
import type { Change, CommitReceipt, Expectation, Stored, StoreError } from '../ports/store.js';
import type { Host } from './host.js';

/** What one commit is to do beside the log entries that are waiting. */
export interface Draft {
  readonly record?: Partial<DeploymentRecord>;
  /** The journal as it is from now on; null: nothing is left to settle, and it goes. */
  readonly journal?: JournalRecord | null;
  readonly changes?: readonly Change[];
  /** What has to be so when the commit happens, beside the lease. */
  readonly expect?: readonly Expectation[];
  /** Told with the deployment as this commit leaves it. */
  readonly events?: (deployment: Deployment) => readonly EventDraft[];
}

/** How long log entries, and what need not be stored at once, wait for a commit that would take them along, in milliseconds. */
const DELAY_MS = 20;
/** Entries of one commit: what a sudden flood leaves over goes with the next. */
const LOG_BATCH = 500;
/** How long a commit whose answer was lost is asked about, and a store that is away is waited for. */
const LOST_ANSWER_MS = 30_000;

type Entry = Omit<LogEntry, 'seq'>;

export class Ledger {
  readonly #host: Host;
  readonly #lease: Lease;
  /** The record and the journal with what is noted and not yet written, and the versions that the store has. */
  #record: DeploymentRecord;
  #version: number;
  #journal: JournalRecord | null;
  #journalVersion: number;
  /** Grows with every journal that is noted; what the store has was noted under the other number. */
  #journalNote = 0;
  #journalNoteStored = 0;
  #notedEvents: ((deployment: Deployment) => readonly EventDraft[])[] = [];
  #waiting: Entry[] = [];
  #tail: Promise<unknown> = Promise.resolve();
  #cancelFlush: (() => void) | undefined;
  #isClosed = false;
  redactor: Redactor;
  /** The step that log entries belong to. */
  step: string | null = null;

  constructor(
    host: Host,
    stored: Stored<DeploymentRecord>,
    journal: Stored<JournalRecord> | undefined,
    lease: Lease,
    redactor: Redactor,
  ) {
    this.#host = host;
    this.#record = stored.value;
    this.#version = stored.version;
    this.#journal = journal?.value ?? null;
    this.#journalVersion = journal?.version ?? 0;
    this.#lease = lease;
    this.redactor = redactor;
  }

  get record(): DeploymentRecord {
    return this.#record;
  }

  get journal(): JournalRecord | null {
    return this.#journal;
  }

  get lease(): Lease {
    return this.#lease;
  }

  get view(): Deployment {
    return deploymentView(this.#record);
  }

  /** Adds to the deployment's log. It is stored with the next commit, or by one of its own shortly after. */
  log(level: LogEntry['level'], message: string, data: Json = null): void {
    if (this.#isClosed) return;
    this.#waiting.push({
      time: this.#host.clock.now(),
      level,
      step: this.step,
      message: this.redactor.text(message),
      data: this.redactor.json(data),
    });
    this.#flushSoon();
  }

  /** What is true already and need not be written at once: it goes with the next commit, whatever that is for. */
  note(draft: Pick<Draft, 'record' | 'journal' | 'events'>): void {
    this.#record = { ...this.#record, ...draft.record };
    if (draft.journal !== undefined) {
      this.#journal = draft.journal;
      this.#journalNote += 1;
    }
    if (draft.events) this.#notedEvents.push(draft.events);
  }

  /** As `note`, for what somebody may be watching: if no other commit comes soon, it gets one of its own. */
  noteSoon(draft: Pick<Draft, 'record' | 'journal' | 'events'>): void {
    this.note(draft);
    this.#flushSoon();
  }

  #flushSoon(): void {
    this.#cancelFlush ??= this.#host.clock.after(DELAY_MS, () => {
      this.#cancelFlush = undefined;
      if (!this.#isClosed && this.#waiting.length + this.#notedEvents.length > 0) void this.commit({});
    });
  }

  /** Commits, under the deployment's lease. */
  commit(draft: Draft): ResultAsync<void, StoreError | BugError> {
    return this.#next(draft, async (prepared) => {
      const committed = await this.#send(prepared);
      if (committed.isOk()) return ok(committed.value);
      return this.#afterLostAnswer(prepared, committed.error);
    });
  }

  /** Commits, and gives these leases back with it; where it fails they are kept. */
  commitFreeing(freed: readonly Lease[], draft: Draft): ResultAsync<void, StoreError | BugError> {
    return guard(async () => {
      const release = await Promise.all(freed.map((lease) => lease.releaseChange()));
      const committed = await this.commit({ ...draft, changes: [...(draft.changes ?? []), ...release] });
      for (const lease of freed)
        if (committed.isOk()) lease.released();
        else lease.kept();
      return committed;
    });
  }

  /** Commits together with the grant of further leases: an intent and the right to act on it, in one. */
  commitTaking(
    keys: readonly string[],
    draft: Draft,
    signal: AbortSignal,
  ): ResultAsync<readonly Lease[], StoreError | BugError> {
    if (keys.length === 0) return this.commit(draft).map(() => []);
    let taken: readonly Lease[] = [];
    return this.#next(draft, async (prepared) => {
      const answer = await this.#host.leases.take(keys, {
        signal,
        deployment: this.record.id,
        changes: () => prepared.changes,
        fence: [this.#lease.fence],
        onWait: (holder) => {
          this.#host.hub.emit('deployment.waiting', {
            deploymentId: this.record.id,
            heldFor: holder.deployment,
            ...holder,
          });
        },
      });
      if (answer.isErr()) {
        const { error } = answer;
        if (isForeign(error, prepared)) return err(leaseLost(this.#lease.key));
        // Without `once` it waits and is never told to go away.
        return err(error.kind === 'stage-busy' ? bug(error) : error);
      }
      taken = answer.value.leases;
      return ok(answer.value.receipt);
    }).map(() => taken);
  }

  /** No commit is made after this one has run out. */
  async close(): Promise<void> {
    this.#cancelFlush?.();
    if (this.#waiting.length > 0 && !this.#lease.lost.aborted) await this.commit({});
    this.#isClosed = true;
    this.#cancelFlush?.();
    await this.#tail;
  }

  #next(
    draft: Draft,
    send: (prepared: Prepared) => Promise<Result<CommitReceipt | null, StoreError | BugError>>,
  ): ResultAsync<void, StoreError | BugError> {
    const mine = this.#tail.then(async () => {
      this.#cancelFlush?.();
      this.#cancelFlush = undefined;
      const prepared = this.#prepare(draft);
      const answer = await send(prepared);
      if (answer.isErr()) {
        this.#waiting.unshift(...prepared.entries);
        return err(answer.error);
      }
      this.#accept(prepared, answer.value);
      return ok(undefined);
    });
    this.#tail = mine.catch(() => undefined);
    return new ResultAsync(mine.catch((thrown: unknown) => err(bug(thrown))));
  }

  #send(prepared: Prepared): ResultAsync<CommitReceipt, StoreError> {
    const { expect } = prepared;
    const terms = { signal: this.#lease.lost, fence: [this.#lease.fence] };
    return this.#host.store.commit(prepared.changes, expect ? { ...terms, expect } : terms);
  }

  #prepare(draft: Draft): Prepared {
    const { clock, ids } = this.#host;
    const record: DeploymentRecord = { ...this.#record, ...draft.record, writeId: ids.next(clock.now()) };
    const isNoted = this.#journalNote > this.#journalNoteStored;
    const journal = draft.journal === undefined && isNoted ? this.#journal : draft.journal;
    // After the terminal commit nothing is written any more: it takes everything along.
    const entries = this.#waiting.splice(0, isTerminal(record.status) ? this.#waiting.length : LOG_BATCH);
    const sources = [...this.#notedEvents, ...(draft.events ? [draft.events] : [])];
    const drafts = sources
      .flatMap((source) => source(deploymentView(record)))
      .map((draft) => ({ ...draft, payload: this.redactor.json(draft.payload as never) as never }));
    const events = eventEntries(this.#host, drafts);
    const changes: Change[] = [
      { op: 'put', collection: 'deployments', record, version: this.#version },
      ...this.#journalChanges(journal),
      ...(draft.changes ?? []),
    ];
    if (entries.length > 0) changes.push({ op: 'append', stream: logStream(record.id), entries: entries as never });
    changes.push(...appendEvents(events));
    return {
      record,
      change: draft.record ?? {},
      journal,
      journalNote: this.#journalNote,
      entries,
      events,
      notedEvents: this.#notedEvents.length,
      changes,
      expect: draft.expect,
    };
  }

  #journalChanges(journal: JournalRecord | null | undefined): Change[] {
    const { id } = this.#record;
    const isThere = this.#journalVersion > 0;
    if (journal === undefined || (journal === null && !isThere)) return [];
    if (journal === null) return [{ op: 'remove', collection: 'journals', id, version: this.#journalVersion }];
    return isThere
      ? [{ op: 'put', collection: 'journals', record: journal, version: this.#journalVersion }]
      : [{ op: 'insert', collection: 'journals', record: journal }];
  }

  #accept(prepared: Prepared, receipt: CommitReceipt | null): void {
    // What was noted while this commit was under way is not in it, and waits for the next one.
    this.#record = { ...this.#record, ...prepared.change, writeId: prepared.record.writeId };
    this.#version += 1;
    if (prepared.journal !== undefined) {
      if (prepared.journalNote === this.#journalNote) this.#journal = prepared.journal;
      this.#journalVersion = prepared.journal === null ? 0 : this.#journalVersion + 1;
      this.#journalNoteStored = prepared.journalNote;
    }
    this.#notedEvents.splice(0, prepared.notedEvents);
    const { hub } = this.#host;
    const deploymentId = prepared.record.id;
    const firstSeq = receipt?.sequences[logStream(deploymentId)];
    prepared.entries.forEach((entry, index) => {
      // Without the receipt its number is not known here; followers of the store get it with its number.
      if (firstSeq !== undefined)
        hub.emit('deployment.log', { deploymentId, entry: { seq: firstSeq + index, ...entry } });
    });
    emitEvents(hub, prepared.events);
  }

  /** Was it this write that arrived, or none? It is asked until the store answers, or the lease is over. */
  async #afterLostAnswer(prepared: Prepared, error: StoreError): Promise<Result<CommitReceipt | null, StoreError>> {
    if (isForeign(error, prepared)) return err(leaseLost(this.#lease.key));
    if (!mayPass(error) || this.#lease.lost.aborted) return err(error);
    const { clock, store } = this.#host;
    const untilMs = clock.monotonicMs() + LOST_ANSWER_MS;
    for (let pauseMs = 10; clock.monotonicMs() < untilMs; pauseMs = Math.min(1_000, pauseMs * 2)) {
      const stored = await store.get('deployments', prepared.record.id, { signal: this.#lease.lost });
      if (stored.isOk() && stored.value?.value.writeId === prepared.record.writeId) return ok(null);
      if (stored.isOk() && stored.value?.version === this.#version) {
        // Not arrived, and the version sees to it that it cannot arrive twice: the same once more.
        const again = await this.#send(prepared);
        if (again.isOk()) return ok(again.value);
        if (!mayPass(again.error) && !isForeign(again.error, prepared)) return err(again.error);
      } else if (stored.isOk()) return err(leaseLost(this.#lease.key));
      // Of a store that is closed nobody will learn it.
      else if (stored.error.kind === 'closed') return err(error);
      const slept = await sleep(clock, pauseMs, this.#lease.lost);
      if (slept.isErr()) break;
    }
    return err(error);
  }
}

interface Prepared {
  readonly record: DeploymentRecord;
  /** What this commit changes of it, apart from what was noted before. */
  readonly change: Partial<DeploymentRecord>;
  /** Undefined: as the store has it. */
  readonly journal: JournalRecord | null | undefined;
  readonly journalNote: number;
  readonly notedEvents: number;
  readonly entries: readonly Entry[];
  readonly events: readonly EventEntry[];
  readonly changes: readonly Change[];
  readonly expect: readonly Expectation[] | undefined;
}

/** It may have arrived, or arrive the next time: a store that is away for a moment is no reason to give up a deployment. */
const mayPass = (error: StoreError): boolean =>
  outcomeUnknown(error) || (error.kind === 'store-unavailable' && error.retryable);

/** Somebody else has written the deployment's record: only who holds the stage does. */
const isForeign = (error: StoreError | BugError | { readonly kind: 'stage-busy' }, { record }: Prepared): boolean =>
  error.kind === 'store-conflict' && error.collection === 'deployments' && error.id === record.id;
