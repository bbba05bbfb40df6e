/**
 * Runs durable tasks: those that this process has made, at once, and at the start those that somebody has left. What fails is tried
 * again with a growing pause; what another process is at is looked at again later.
 */
import type { ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { TaskRecord } from '../domain/records.js';
import type { Host } from '../flow/host.js';
import { redactorOfTask } from '../flow/known-secrets.js';
import { onAbort } from '../kernel/on-abort.js';
import { allOf } from '../kernel/pages.js';
import { guard } from '../kernel/routine.js';
import { sleep } from '../kernel/scope.js';
import { storedError } from '../kernel/stored-error.js';
import { doTask } from './handlers.js';

/** Pauses after the first failures, in milliseconds; the last one goes on. */
const PAUSES_MS = [1_000, 5_000, 30_000, 120_000, 600_000];
/** Of notifications, as Standard Webhooks proposes: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. */
const NOTIFY_PAUSES_MS = [
  5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000, 86_400_000,
];
/** A notification that nobody has taken for so long is given up. */
const NOTIFY_AGE_MAX_MS = 3 * 86_400_000;
/** When what another process is at is looked at again. */
const BUSY_PAUSE_MS = 2_000;
const CONCURRENCY = 8;
/** Until a store that could not be read at the start is asked again. */
export const RESUME_PAUSE_MS = 1_000;

interface Again {
  readonly task: TaskRecord;
  readonly pauseMs: number;
}

export class TaskRunner {
  readonly #host: Host;
  readonly #closing = new AbortController();
  readonly #timers = new Map<string, () => void>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #queue: TaskRecord[] = [];
  readonly #attempts = new Map<string, number>();
  readonly #waiting = new Map<string, ((isDone: boolean) => void)[]>();
  #idle: (() => void)[] = [];

  constructor(host: Host) {
    this.#host = host;
  }

  /**
   * Takes up what the store has, as soon as that can be read: nobody else would until the next start. What is left of undos is not in it:
   * recovery settles the stages themselves.
   */
  async resume(signal: AbortSignal): Promise<void> {
    const wanted = ({ kind }: TaskRecord) => kind !== 'undo';
    while (!signal.aborted && (await this.takeUp(signal, wanted)).isErr())
      await sleep(this.#host.clock, RESUME_PAUSE_MS, signal);
  }

  /**
   * Takes up what others have left, as far as it is wanted. What is left of the world is tried at once, whenever it was to be tried again:
   * the clock of who put it off may have been wrong, and what was in the way may be gone.
   */
  takeUp(signal: AbortSignal, wanted: (task: TaskRecord) => boolean): ResultAsync<readonly TaskRecord[], AnyError> {
    return allOf(this.#host.store, 'tasks', {}, { signal }).map((stored) => {
      const tasks = stored.map(({ value }) => value).filter(wanted);
      for (const task of tasks)
        if (task.kind === 'notify') this.add([task]);
        else this.#hasten(task);
      return tasks;
    });
  }

  /** Of these, those that are done, when each was tried once: what a live host is at is not waited for. */
  async tried(tasks: readonly TaskRecord[], signal: AbortSignal): Promise<readonly TaskRecord[]> {
    const done: TaskRecord[] = [];
    const tries = tasks.map(
      (task) =>
        new Promise<void>((resolve) => {
          if (!this.#isKnown(task.id)) return resolve();
          const off = onAbort(signal, resolve);
          const told = this.#waiting.get(task.id) ?? [];
          this.#waiting.set(task.id, told);
          told.push((isDone) => {
            off();
            if (isDone) done.push(task);
            resolve();
          });
        }),
    );
    await Promise.all(tries);
    return done;
  }

  add(tasks: readonly TaskRecord[]): void {
    for (const task of tasks) this.#schedule(task, task.dueAt - this.#host.clock.now());
  }

  /** Resolves when nothing runs and nothing is due at once; what waits for its next try, or for another process, does not count. */
  idle(): Promise<void> {
    if (this.#running.size === 0 && this.#queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** What is running is aborted: its task stays, and whoever starts next takes it up. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('the deployer is closing'));
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#queue.length = 0;
    for (const id of this.#waiting.keys()) this.#tell(id, false);
    await Promise.all(this.#running.values());
  }

  #isKnown(id: string): boolean {
    return this.#timers.has(id) || this.#running.has(id) || this.#queue.some((queued) => queued.id === id);
  }

  #hasten(task: TaskRecord): void {
    this.#timers.get(task.id)?.();
    this.#timers.delete(task.id);
    this.#schedule(task, 0);
  }

  #tell(id: string, isDone: boolean): void {
    for (const tell of this.#waiting.get(id) ?? []) tell(isDone);
    this.#waiting.delete(id);
  }

  #schedule(task: TaskRecord, delayMs: number): void {
    if (this.#closing.signal.aborted || this.#isKnown(task.id)) return;
    if (delayMs <= 0) {
      this.#queue.push(task);
      this.#next();
      return;
    }
    const again = () => {
      this.#timers.delete(task.id);
      this.#queue.push(task);
      this.#next();
    };
    const cancel = this.#host.clock.after(delayMs, again, this.#waiting.has(task.id));
    this.#timers.set(task.id, cancel);
  }

  #next(): void {
    while (this.#running.size < CONCURRENCY) {
      const task = this.#queue.shift();
      if (!task) break;
      if (this.#running.has(task.id)) continue;
      const run = this.#run(task).then((again) => {
        this.#running.delete(task.id);
        if (again) this.#schedule(again.task, again.pauseMs);
        this.#next();
      });
      this.#running.set(task.id, run);
    }
    if (this.#running.size === 0 && this.#queue.length === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** One try; when it is to be tried again. */
  async #run(task: TaskRecord): Promise<Again | undefined> {
    const { signal } = this.#closing;
    const ended = await guard(() => doTask(this.#host, task, signal));
    // Whether its lease is a dead host's is not known yet: those who wait go on waiting.
    if (ended.isErr() || ended.value !== 'unknown') this.#tell(task.id, ended.isOk() && ended.value === 'done');
    if (ended.isOk() && (ended.value === 'done' || ended.value === 'elsewhere')) {
      this.#attempts.delete(task.id);
      return undefined;
    }
    if (signal.aborted) return undefined;
    return ended.isErr() ? this.#failed(task, ended.error) : { task, pauseMs: BUSY_PAUSE_MS };
  }

  /** Writes down that it failed, for those who look, and says when it is tried again. */
  async #failed(task: TaskRecord, error: AnyError): Promise<Again | undefined> {
    const { clock, hub, store } = this.#host;
    const { signal } = this.#closing;
    const attempts = Math.max(task.attempts, this.#attempts.get(task.id) ?? 0) + 1;
    this.#attempts.set(task.id, attempts);
    const pauses = task.kind === 'notify' ? NOTIFY_PAUSES_MS : PAUSES_MS;
    const pauseMs = pauses[Math.min(attempts, pauses.length) - 1] ?? 1_000;
    const stored = storedError(error, await redactorOfTask(this.#host, task, signal));
    hub.emit('task.failed', { kind: task.kind, subject: task.subject, error: stored, attempts });
    const isGivenUp = task.kind === 'notify' && clock.now() - task.createdAt > NOTIFY_AGE_MAX_MS;
    const known = await store.get('tasks', task.id, { signal });
    if (known.isOk() && !known.value) return undefined;
    const failed: TaskRecord = { ...task, attempts, dueAt: clock.now() + pauseMs, lastError: stored };
    if (known.isOk() && known.value) {
      const { version } = known.value;
      await store.commit(
        isGivenUp
          ? [{ op: 'remove', collection: 'tasks', id: task.id, version }]
          : [{ op: 'put', collection: 'tasks', record: failed, version }],
        { signal },
      );
    }
    return isGivenUp ? undefined : { task: failed, pauseMs };
  }
}
