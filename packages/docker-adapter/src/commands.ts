/** Commands inside a container, containers that are meant to end, and what a container uses. */
import {
  aborted,
  type CallOptions,
  type ContainerRef,
  type ContainerSpec,
  type RuntimeError,
} from '@quayside/core/ports';
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import type { Containers } from './containers.js';
import { attempt, type Engine } from './engine.js';
import { containerMissing, refused, unreachable } from './faults.js';
import { chunks, frames } from './streams.js';

export interface CommandResult {
  readonly exitCode: number;
  readonly output: string;
}

const OUTPUT_MAX_BYTES = 65_536;
/** How long cleaning up after a cancelled run may take. */
const CLEAN_UP_MS = 30_000;

/** Runs it and waits for its end. An abort ends the wait; the engine knows no way to end the command. */
export function execIn(
  engine: Engine,
  containers: Containers,
  ref: ContainerRef,
  command: readonly string[],
  options: CallOptions,
): ResultAsync<CommandResult, RuntimeError> {
  return attempt(async () => {
    const what = `Running ${command[0] ?? 'a command'} in ${ref.name}`;
    const body = { Cmd: command, AttachStdout: true, AttachStderr: true };
    const made = await containers.change(
      ref,
      (id) => ({ what, method: 'POST', path: `/containers/${id}/exec`, body }),
      options,
    );
    if (made.isErr()) return err(made.error);
    if (!made.value.ok) return err(refused(made.value));
    const { Id } = made.value.body as { readonly Id: string };
    const begun = await engine.open(
      { what, method: 'POST', path: `/exec/${Id}/start`, body: { Detach: false, Tty: false } },
      options,
    );
    if (begun.isErr()) return err(begun.error);
    if (!begun.value.ok) return err(refused(begun.value));
    const head = new Uint8Array(OUTPUT_MAX_BYTES);
    let length = 0;
    try {
      for await (const { payload } of frames(chunks(begun.value.body))) {
        const part = payload.subarray(0, OUTPUT_MAX_BYTES - length);
        head.set(part, length);
        length += part.length;
      }
    } catch (cause) {
      return err(options.signal.aborted ? aborted(what, options.signal.reason) : unreachable(engine.place(), cause));
    }
    const ended = await engine.send<{ readonly ExitCode: number | null }>(
      { what, method: 'GET', path: `/exec/${Id}/json` },
      options,
    );
    if (ended.isErr()) return err(ended.error);
    if (!ended.value.ok) return err(refused(ended.value));
    const output = Buffer.from(head.buffer, 0, length).toString('utf8');
    return ok({ exitCode: ended.value.body.ExitCode ?? -1, output });
  });
}

/** Whatever happens on the way, the container is gone afterwards, or the error says why not. */
export function runToEnd(
  engine: Engine,
  containers: Containers,
  spec: ContainerSpec,
  options: CallOptions,
): ResultAsync<CommandResult, RuntimeError> {
  return attempt(async () => {
    const created = await containers.create({ ...spec, restart: 'no' }, options);
    const result = created.isErr() ? err(created.error) : await startAndWait(engine, containers, spec, options);
    // Whatever create answered: one of unknown outcome may have been made, and another's is left alone. Under a signal of its
    // own: the caller's may be the one that ended the run.
    const own = new AbortController();
    const timer = setTimeout(() => own.abort(), CLEAN_UP_MS);
    const removed = await containers.remove(spec, { signal: own.signal });
    clearTimeout(timer);
    return result.isOk() && removed.isErr() ? err(removed.error) : result;
  });
}

async function startAndWait(
  engine: Engine,
  containers: Containers,
  spec: ContainerSpec,
  options: CallOptions,
): Promise<Result<CommandResult, RuntimeError>> {
  const started = await containers.start(spec, options);
  if (started.isErr()) return err(started.error);
  const what = `Waiting for ${spec.name} to end`;
  const waited = await containers.change(
    spec,
    // The caller's signal is the bound: how long it may run is not the engine's time to answer.
    (id) => ({ what, method: 'POST', path: `/containers/${id}/wait`, extraMs: 2 ** 31 - 1 - engine.answerTimeoutMs }),
    options,
  );
  if (waited.isErr()) return err(waited.error);
  if (!waited.value.ok) return err(refused(waited.value));
  const { StatusCode: exitCode } = waited.value.body as { readonly StatusCode: number };
  const query = { stdout: true, stderr: true, timestamps: false };
  const path = `/containers/${spec.name}/logs`;
  const logs = await engine.open({ what, method: 'GET', path, query }, options);
  if (logs.isErr()) return err(logs.error);
  if (!logs.value.ok) return logs.value.status === 404 ? err(containerMissing(spec.name)) : err(refused(logs.value));
  let tail = Buffer.alloc(0);
  try {
    for await (const { payload } of frames(chunks(logs.value.body, engine.answerTimeoutMs))) {
      tail = Buffer.concat([tail, payload]).subarray(-OUTPUT_MAX_BYTES);
    }
  } catch (cause) {
    return err(options.signal.aborted ? aborted(what, options.signal.reason) : unreachable(engine.place(), cause));
  }
  return ok({ exitCode, output: tail.toString('utf8') });
}

/** The part of `GET /containers/{id}/stats` that is read here. */
interface Stats {
  readonly memory_stats?: { readonly usage?: number; readonly stats?: { readonly [name: string]: number } };
  readonly cpu_stats?: { readonly cpu_usage?: { readonly total_usage?: number } };
}

export function statisticsOf(
  containers: Containers,
  ref: ContainerRef,
  options: CallOptions,
): ResultAsync<{ readonly memoryBytes: number; readonly cpuNanos: number }, RuntimeError> {
  return attempt(async () => {
    const what = `Measuring ${ref.name}`;
    const query = { stream: false, 'one-shot': true };
    const answer = await containers.change(
      ref,
      (id) => ({ what, method: 'GET', path: `/containers/${id}/stats`, query }),
      options,
    );
    if (answer.isErr()) return err(answer.error);
    if (!answer.value.ok) return err(refused(answer.value));
    const { memory_stats: memory, cpu_stats: cpu } = answer.value.body as Stats;
    // As `docker stats` counts: the page cache that can be dropped is no use of memory. First of cgroup 1, then of 2.
    const cache = memory?.stats?.['total_inactive_file'] ?? memory?.stats?.['inactive_file'] ?? 0;
    const usage = memory?.usage ?? 0;
    return ok({ memoryBytes: Math.max(0, usage - cache), cpuNanos: cpu?.cpu_usage?.total_usage ?? 0 });
  });
}
