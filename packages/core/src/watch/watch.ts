/**
 * Watching: what befalls instances from outside is seen by the engine's events, and what was missed is made up by a listing: after every
 * connection that was lost, and once a minute. Every host may watch; leases let one act.
 */
import { ok, type ResultAsync } from 'neverthrow';
import { type AnyError, bug, QuaysideError } from '../domain/errors.js';
import type { Host } from '../flow/host.js';
import { pages } from '../kernel/pages.js';
import { guard, routine } from '../kernel/routine.js';
import { scope, sleep } from '../kernel/scope.js';
import type { RuntimeEvent } from '../ports/container-runtime.js';
import type { HealOptions } from './heal.js';
import { lookAt, type Memory } from './instance.js';

export interface Watching {
  stop(): Promise<void>;
}

const LIST_MS = 60_000;
/** Pauses before the engine's events are asked for again. */
const RETRY_MS = [1_000, 2_000, 5_000, 10_000, 30_000];
/** A look that failed, at an engine or a proxy that does not answer. */
const FAILED_MS = 5_000;
/** So many instances are looked at at once. */
const AT_ONCE = 4;

export function startWatching(host: Host, options: HealOptions, parent: AbortSignal): Watching {
  const own = scope(host.clock, [parent, host.ended]);
  const looks = new Looks(host, options, own.signal);
  const running = Promise.all([follow(host, looks, own.signal), listNowAndThen(host, looks, own.signal)]);
  let stopping: Promise<void> | undefined;
  return {
    stop() {
      stopping ??= (async () => {
        own.abort(new Error('watching was stopped'));
        await running;
        await looks.ended();
        own.end();
      })();
      return stopping;
    },
  };
}

/** One look at an instance at a time; what happens meanwhile is a reason for another one. */
class Looks {
  readonly #host: Host;
  readonly #options: HealOptions;
  readonly #signal: AbortSignal;
  readonly #memory = new Map<string, Memory>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, () => void>();
  readonly #waiting: string[] = [];

  constructor(host: Host, options: HealOptions, signal: AbortSignal) {
    this.#host = host;
    this.#options = options;
    this.#signal = signal;
    signal.addEventListener('abort', () => {
      for (const cancel of this.#timers.values()) cancel();
      this.#timers.clear();
    });
  }

  look(id: string): void {
    if (this.#signal.aborted) return;
    this.#timers.get(id)?.();
    this.#timers.delete(id);
    if (this.#running.has(id)) this.#again.add(id);
    else if (!this.#waiting.includes(id)) this.#waiting.push(id);
    this.#next();
  }

  async ended(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  #next(): void {
    while (this.#running.size < AT_ONCE) {
      const id = this.#waiting.shift();
      if (id === undefined) return;
      this.#running.set(id, this.#run(id));
    }
  }

  async #run(id: string): Promise<void> {
    const known = this.#memory.get(id) ?? {};
    const looked = await guard(() => lookAt(this.#host, id, known, this.#options, this.#signal));
    this.#running.delete(id);
    if (this.#signal.aborted) return;
    if (looked.isOk()) {
      if (Object.keys(looked.value.memory).length > 0) this.#memory.set(id, looked.value.memory);
      else this.#memory.delete(id);
    }
    const againMs = looked.isOk() ? looked.value.againMs : FAILED_MS;
    if (this.#again.delete(id)) this.look(id);
    else if (againMs !== null)
      this.#timers.set(
        id,
        this.#host.clock.after(againMs, () => {
          this.#timers.delete(id);
          this.look(id);
        }),
      );
    this.#next();
  }
}

/** Follows the engine's events for as long as it lives, whatever becomes of the connection. */
async function follow(host: Host, looks: Looks, signal: AbortSignal): Promise<void> {
  const { clock, hub } = host;
  let failures = 0;
  let interruptedMs: number | undefined;
  while (!signal.aborted && host.runtime.watch) {
    const lost = await followOnce(host, looks, signal, () => {
      if (interruptedMs !== undefined)
        hub.emit('watch.resumed', { afterMs: Math.round(clock.monotonicMs() - interruptedMs) });
      interruptedMs = undefined;
      failures = 0;
    });
    if (signal.aborted) return;
    const retryInMs = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? 1_000;
    failures += 1;
    if (interruptedMs === undefined) {
      interruptedMs = clock.monotonicMs();
      hub.emit('watch.interrupted', { error: lost, retryInMs });
    }
    await pause(host, retryInMs, signal);
  }
}

/** @returns why it ended */
async function followOnce(host: Host, looks: Looks, signal: AbortSignal, onOpen: () => void): Promise<AnyError> {
  const { clock, runtime, settings, storeId } = host;
  const stream = scope(clock, [signal]);
  // Of the opening alone: the stream itself has no end.
  const cancelLimit = clock.after(settings.effectTimeoutMs, () =>
    stream.abort(new Error('the engine does not answer')),
  );
  try {
    const opened = await guard(
      async () => (await runtime.watch?.({ storeId }, { signal: stream.signal })) ?? ok(none()),
    );
    cancelLimit();
    if (opened.isErr()) return opened.error;
    onOpen();
    // What happened before is not in the stream: it was asked for first, so nothing falls between the two.
    await listAll(host, looks, signal);
    for await (const { owner } of opened.value) looks.look(owner.deployment);
    return bug(new Error("The engine's events ended."));
  } catch (thrown) {
    return thrown instanceof QuaysideError ? thrown.error : bug(thrown);
  } finally {
    cancelLimit();
    stream.abort(new Error('it is not read any more'));
    stream.end();
  }
}

async function* none(): AsyncGenerator<RuntimeEvent> {}

async function listNowAndThen(host: Host, looks: Looks, signal: AbortSignal): Promise<void> {
  // Where the engine has no events to follow, this is all there is.
  if (!host.runtime.watch) await listAll(host, looks, signal);
  while (!signal.aborted) {
    await pause(host, LIST_MS, signal);
    if (!signal.aborted) await listAll(host, looks, signal);
  }
}

function listAll(host: Host, looks: Looks, signal: AbortSignal): ResultAsync<void, AnyError> {
  return routine(async function* () {
    for await (const page of pages(host.store, 'instances', { where: { state: 'running' } }, { signal }))
      for (const { value } of yield* page) looks.look(value.id);
    return ok(undefined);
  });
}

/** Nobody waits for it: it does not hold the process. */
const pause = ({ clock }: Host, ms: number, signal: AbortSignal) => sleep(clock, ms, signal, false);
