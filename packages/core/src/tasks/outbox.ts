/**
 * The outbox: every notifier has a place in the store's stream of events and is told of what comes after it, at least once. One that
 * cannot be reached holds up neither a deployment nor the events behind: what failed becomes a task of its own.
 */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { JsonObject } from '../domain/json.js';
import type { CursorRecord, NotifyTask } from '../domain/records.js';
import { appendEvents, eventEntries } from '../events/drafts.js';
import type { EventName } from '../events/hub.js';
import { EVENT_STREAM, type StoredEvent, TERMINAL_EVENTS } from '../events/types.js';
import type { Host } from '../flow/host.js';
import { confirmed } from '../kernel/confirm.js';
import { guard, routine } from '../kernel/routine.js';
import { sleep } from '../kernel/scope.js';
import { storedError } from '../kernel/stored-error.js';
import { releaseAll } from '../kernel/under-leases.js';
import type { Message, Notifier } from '../ports/notifier.js';
import type { Change, Stored } from '../ports/store.js';
import { tellOnce } from './handlers.js';
import { RESUME_PAUSE_MS } from './runner.js';

/** Events of one reading. */
const BATCH = 50;
/** What this process does is told at once; what others have left untold when they died is found by looking this often. */
const LOOK_MS = 5_000;
/** A place moves on over so many events at most that its notifier does not want: they could not go before. */
const UNWANTED_MAX = 500;
/** The first retry of what could not be told. */
const RETRY_MS = 5_000;

const WANTED: readonly string[] = [...TERMINAL_EVENTS, 'deployment.cleaned'];

export class Outbox {
  readonly #host: Host;
  readonly #onTask: (task: NotifyTask) => void;
  readonly #closing = new AbortController();
  readonly #pumping = new Map<string, Promise<void>>();
  readonly #again = new Set<string>();
  #cancelTimer: (() => void) | undefined;
  #listening: (() => void)[] = [];

  constructor(host: Host, onTask: (task: NotifyTask) => void) {
    this.#host = host;
    this.#onTask = onTask;
  }

  /** Finds every notifier's place, and tells what was left untold. */
  async start(signal: AbortSignal): Promise<void> {
    const { hub, notifiers } = this.#host;
    if (notifiers.length === 0) return;
    for (const { name } of notifiers) {
      // Without a place in the stream it would never be told of anything.
      while (!signal.aborted && !(await enrol(this.#host, name, signal)))
        await sleep(this.#host.clock, RESUME_PAUSE_MS, signal);
    }
    if (signal.aborted) return;
    const types = new Set(notifiers.flatMap((notifier) => notifier.events ?? WANTED));
    this.#listening = [...types].map((type) => hub.on(type as EventName, () => this.nudge()));
    this.nudge();
    this.#look();
  }

  /** There may be something new. */
  nudge(): void {
    for (const notifier of this.#host.notifiers) {
      if (this.#closing.signal.aborted) return;
      if (this.#pumping.has(notifier.name)) this.#again.add(notifier.name);
      else this.#pump(notifier);
    }
  }

  /** Resolves when what there is has been told, or put off. */
  async idle(): Promise<void> {
    this.nudge();
    while (this.#pumping.size > 0) await Promise.all(this.#pumping.values());
  }

  async close(): Promise<void> {
    for (const off of this.#listening) off();
    this.#cancelTimer?.();
    this.#closing.abort(new Error('the deployer is closing'));
    await Promise.all(this.#pumping.values());
  }

  #look(): void {
    this.#cancelTimer = this.#host.clock.after(LOOK_MS, () => {
      this.nudge();
      this.#look();
    });
  }

  async #tell(notifier: Notifier): Promise<void> {
    await guard(() => tell(this.#host, notifier, this.#onTask, this.#closing.signal));
    this.#pumping.delete(notifier.name);
    // Once more for what was told of meanwhile.
    if (this.#again.delete(notifier.name) && !this.#closing.signal.aborted) this.#pump(notifier);
  }

  #pump(notifier: Notifier): void {
    const pumping = this.#tell(notifier);
    this.#pumping.set(notifier.name, pumping);
  }
}

/** A notifier that is new begins with what happens from now on: its own event tells where that is. */
async function enrol(host: Host, name: string, signal: AbortSignal): Promise<boolean> {
  const { store } = host;
  const known = await store.get('cursors', name, { signal });
  if (known.isErr()) return false;
  if (known.value) return true;
  const entries = eventEntries(host, [{ type: 'notifier.added', payload: { notifier: name } }]);
  const appended = await store.commit(appendEvents(entries), { signal });
  if (appended.isErr()) return false;
  const record: CursorRecord = { id: name, after: appended.value.sequences[EVENT_STREAM] ?? 0 };
  const enrolled = await store.commit([{ op: 'insert', collection: 'cursors', record }], { signal });
  // Another process may have enrolled it meanwhile: then its place counts.
  return enrolled.isOk() || enrolled.error.kind === 'store-conflict';
}

/** Tells one notifier of everything behind its place that it wants. */
function tell(
  host: Host,
  notifier: Notifier,
  onTask: (task: NotifyTask) => void,
  signal: AbortSignal,
): ResultAsync<void, AnyError> {
  const { store } = host;
  const wanted = new Set(notifier.events ?? WANTED);
  return routine(async function* () {
    let place = yield* store.get('cursors', notifier.name, { signal });
    if (!place) {
      // Its place was given up, as no host had this notifier for long: from here on it is told again.
      await enrol(host, notifier.name, signal);
      return ok(undefined);
    }
    // Nothing wanted is no reason to take a lease or to write, until it holds on to events that nobody else needs.
    if (!(yield* hasWork(host, place, wanted, signal))) return ok(undefined);
    const taken = await host.leases.take([`notifier:${notifier.name}`], { signal, deployment: null, once: true });
    if (taken.isErr()) return ok(undefined);
    const { leases } = taken.value;
    try {
      for (;;) {
        place = yield* store.get('cursors', notifier.name, { signal });
        if (!place) return ok(undefined);
        const entries = yield* store.read(EVENT_STREAM, { after: place.value.after, limit: BATCH }, { signal });
        const last = entries.at(-1);
        if (!last) return ok(undefined);
        const tasks: NotifyTask[] = [];
        for (const entry of entries) {
          const event = { ...(entry.value as unknown as StoredEvent), seq: entry.seq };
          if (!wanted.has(event.type)) continue;
          const task = await tellOne(host, notifier, event, signal);
          if (signal.aborted) return ok(undefined);
          if (task) tasks.push(task);
        }
        const changes: Change[] = [
          { op: 'put', collection: 'cursors', record: { ...place.value, after: last.seq }, version: place.version },
          ...tasks.map((record): Change => ({ op: 'insert', collection: 'tasks', record })),
        ];
        const { version } = place;
        yield* confirmed(
          host,
          store.commit(changes, { signal, fence: leases.map(({ fence }) => fence) }),
          // Under the lease nobody else writes it.
          (own) => store.get('cursors', notifier.name, { signal: own }).map((now) => now?.version === version + 1),
        );
        for (const task of tasks) onTask(task);
      }
    } finally {
      await releaseAll(leases);
    }
  });
}

/** Whether there is something wanted behind its place, or so much that is not that it should move on. */
function hasWork(
  host: Host,
  place: Stored<CursorRecord>,
  wanted: ReadonlySet<string>,
  signal: AbortSignal,
): ResultAsync<boolean, AnyError> {
  const far = place.value.after + Math.min(UNWANTED_MAX, host.settings.keepEvents / 2);
  return routine(async function* () {
    for (let { after } = place.value; ; ) {
      if (after >= far) return ok<boolean, AnyError>(true);
      const entries = yield* host.store.read(EVENT_STREAM, { after, limit: BATCH }, { signal });
      if (entries.some(({ value }) => wanted.has((value as unknown as StoredEvent).type)))
        return ok<boolean, AnyError>(true);
      const last = entries.at(-1);
      if (!last || entries.length < BATCH) return ok<boolean, AnyError>(false);
      after = last.seq;
    }
  });
}

/** Tells of one event. What failed and is worth another try comes back as a task. */
async function tellOne(
  host: Host,
  notifier: Notifier,
  event: StoredEvent,
  signal: AbortSignal,
): Promise<NotifyTask | undefined> {
  const message: Message = {
    id: event.id,
    type: event.type,
    time: event.time,
    sequence: event.seq,
    data: event.payload as unknown as JsonObject,
  };
  const told = await tellOnce(host, notifier, message, signal);
  if (told.isOk() || signal.aborted) return undefined;
  const stored = storedError(told.error, host.secrets.wideRedactor());
  host.hub.emit('task.failed', { kind: 'notify', subject: notifier.name, error: stored, attempts: 1 });
  if (!told.error.retryable) return undefined;
  const asked = 'retryAfterMs' in told.error ? (told.error.retryAfterMs ?? 0) : 0;
  const now = host.clock.now();
  return {
    id: host.ids.next(now),
    kind: 'notify',
    subject: notifier.name,
    deployment: null,
    notifier: notifier.name,
    message: message as unknown as JsonObject,
    attempts: 1,
    dueAt: now + Math.max(RETRY_MS, asked),
    createdAt: now,
    lastError: stored,
  };
}
