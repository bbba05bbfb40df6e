/**
 * Several processes that share the addresses of `serve`, by Node's cluster: this one accepts and hands on, each of the others serves as a process
 * alone would. One that dies is replaced; one that cannot even begin ends them all, since its successor could not either.
 *
 *   forked ──listening──▶ serves ──died──▶ forked again, later each time
 *      └─────failed─────▶ the whole command ends with its error
 */
import cluster, { type Worker } from 'node:cluster';
import type { AnyError } from '@quayside/core';
import { err, ok, type Result } from 'neverthrow';

/** In the environment of a worker: its number. */
const WORKER = 'QUAYSIDE_WORKER';
const AGAIN_MS = 500;
const AGAIN_MAX_MS = 30_000;
/** Who has served for so long is no beginner that fails. */
const PROVED_MS = 60_000;
/** Beyond what a worker allows itself for its end. */
const END_MS = 120_000;

type Message =
  | { readonly type: 'listening'; readonly urls: readonly string[] }
  | { readonly type: 'failed'; readonly error: AnyError };

/** The number of this process among workers; undefined: it is none. */
export function workerNumber(env: { readonly [name: string]: string | undefined }): number | undefined {
  const text = env[WORKER];
  return cluster.isWorker && text !== undefined ? Number(text) : undefined;
}

/** What a worker says to the one that has started it. */
export const tell = (message: Message): void => void process.send?.(message);

/** Aborted when that one asks for the end. */
export function askedToEnd(): AbortSignal {
  const asked = new AbortController();
  process.on('message', (message) => {
    if (message === 'end') asked.abort();
  });
  return asked.signal;
}

/** Without it the channel would keep the process alive. */
export const leaveCrew = (): void => void cluster.worker?.disconnect();

export interface Crew {
  /** What all of them listen on. */
  readonly urls: readonly string[];
  /** What is in flight is finished first. */
  end(): Promise<void>;
}

export interface CrewOptions {
  readonly count: number;
  /** Of the workers' own command line. */
  readonly args: readonly string[];
  readonly signal: AbortSignal;
  /** One has died, and is replaced in a while. */
  readonly onDeath: (how: string, againInMs: number) => void;
}

/** Resolves when all of them serve, or with what kept the first one from it. */
export async function openCrew({ count, args, signal, onDeath }: CrewOptions): Promise<Result<Crew, AnyError>> {
  cluster.setupPrimary({ exec: process.argv[1] ?? '', args: [...args] });
  const members = new Map<number, Worker>();
  const timers = new Set<ReturnType<typeof setTimeout>>();
  let isEnding = false;

  const fork = (number: number, deaths: number, onMessage: (message: Message) => void): void => {
    const worker = cluster.fork({ [WORKER]: String(number) });
    const startMs = performance.now();
    members.set(number, worker);
    worker.on('message', onMessage);
    worker.once('exit', (code, killed) => {
      members.delete(number);
      if (isEnding) return;
      const inRow = performance.now() - startMs > PROVED_MS ? 0 : deaths;
      const againMs = Math.min(AGAIN_MAX_MS, AGAIN_MS * 2 ** inRow);
      onDeath(killed ? `by ${killed}` : `with exit code ${code}`, againMs);
      const timer = setTimeout(() => {
        timers.delete(timer);
        fork(number, inRow + 1, () => {});
      }, againMs);
      timers.add(timer);
    });
  };

  const end = async (): Promise<void> => {
    isEnding = true;
    for (const timer of timers) clearTimeout(timer);
    await Promise.all([...members.values()].map(ended));
  };

  const begun = await new Promise<Result<readonly string[], AnyError>>((resolve) => {
    let waiting = count;
    let urls: readonly string[] = [];
    const onMessage = (message: Message) => {
      if (message.type === 'failed') resolve(err(message.error));
      else {
        urls = urls.length > 0 ? urls : message.urls;
        waiting -= 1;
        if (waiting === 0) resolve(ok(urls));
      }
    };
    for (let number = 0; number < count; number += 1) fork(number, 0, onMessage);
    signal.addEventListener('abort', () => resolve(ok(urls)), { once: true });
  });
  if (begun.isErr()) {
    await end();
    return err(begun.error);
  }
  return ok({ urls: begun.value, end });
}

/** Asks a worker to end, and sees to it that it does. */
const ended = (worker: Worker): Promise<void> =>
  new Promise((resolve) => {
    if (worker.isDead()) return resolve();
    const limit = setTimeout(() => worker.process.kill('SIGKILL'), END_MS);
    worker.once('exit', () => {
      clearTimeout(limit);
      resolve();
    });
    if (worker.isConnected()) worker.send('end', () => {});
    else worker.process.kill('SIGTERM');
  });
