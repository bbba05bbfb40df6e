/** Logs, events and containers' output, as async iterables that any number of readers can follow at their own pace. */
import { err, ok, type Result } from 'neverthrow';
import { type AnyError, QuaysideError } from '../domain/errors.js';
import { isTerminal, type LogEntry } from '../domain/records.js';
import { EVENT_STREAM, logStream, type StoredEvent } from '../events/types.js';
import type { Host } from '../flow/host.js';
import { redactorOf } from '../flow/known-secrets.js';
import { scope } from '../kernel/scope.js';
import type { ContainerLogLine } from '../ports/container-runtime.js';
import type { FollowOptions } from './types.js';
import { closed, unknownDeployment, unknownInstance } from './unknown.js';
import { orThrow, storeNews } from './wait.js';

const never = (): AbortSignal => new AbortController().signal;

export async function* followLogs(host: Host, id: string, options: FollowOptions = {}): AsyncGenerator<LogEntry> {
  const signal = options.signal ?? never();
  let after = options.after ?? 0;
  const news = storeNews(host);
  try {
    for (;;) {
      if (signal.aborted) return;
      // First whether it has ended, then what there is: an end seen before the reading has all its entries in it.
      const deployment = await orThrow(host.store.get('deployments', id, { signal }).orElse(quiet(signal)));
      if (signal.aborted) return;
      if (!deployment) throw new QuaysideError(unknownDeployment(id));
      const hasEnded = isTerminal(deployment.value.status);
      for (;;) {
        const entries = await orThrow(
          host.store.read(logStream(id), { after, limit: 200 }, { signal }).orElse(quiet(signal)),
        );
        if (!entries || entries.length === 0) break;
        for (const { seq, value } of entries) {
          after = seq;
          yield { ...(value as unknown as Omit<LogEntry, 'seq'>), seq };
          if (signal.aborted) return;
        }
      }
      if (hasEnded || !options.follow) return;
      await news.next(signal);
    }
  } finally {
    news.end();
  }
}

export async function* followEvents(
  host: Host,
  options: { readonly after?: number; readonly follow?: boolean; readonly signal?: AbortSignal } = {},
): AsyncGenerator<StoredEvent> {
  const signal = options.signal ?? never();
  let after = options.after ?? 0;
  const news = storeNews(host);
  try {
    while (!signal.aborted) {
      const entries = await orThrow(
        host.store.read(EVENT_STREAM, { after, limit: 200 }, { signal }).orElse(quiet(signal)),
      );
      for (const { seq, value } of entries ?? []) {
        after = seq;
        yield { ...(value as unknown as StoredEvent), seq };
        if (signal.aborted) return;
      }
      if (entries && entries.length > 0) continue;
      if (options.follow === false) return;
      await news.next(signal);
    }
  } finally {
    news.end();
  }
}

export async function* followInstance(
  host: Host,
  id: string,
  options: { readonly tail?: number; readonly follow?: boolean; readonly signal?: AbortSignal } = {},
): AsyncGenerator<ContainerLogLine> {
  const signal = options.signal ?? never();
  const instance = await orThrow(host.store.get('instances', id, { signal }).orElse(quiet(signal)));
  if (signal.aborted) return;
  if (!instance) throw new QuaysideError(unknownInstance(id));
  const { tail, follow } = options;
  const reading = scope(host.clock, [signal, host.ended]);
  try {
    // What it was given, it may print.
    const redactor = await redactorOf(host, instance.value, reading.signal);
    const lines = host.runtime.logs(instance.value.container, {
      signal: reading.signal,
      ...(tail === undefined ? {} : { tail }),
      ...(follow === undefined ? {} : { follow }),
    });
    for await (const line of lines) yield { ...line, text: redactor.text(line.text) };
  } finally {
    reading.end();
  }
  if (host.ended.aborted && !signal.aborted) throw new QuaysideError(closed());
}

/** An abort ends an iteration quietly; any other error is the reader's to see. */
const quiet =
  (signal: AbortSignal) =>
  (error: AnyError): Result<undefined, AnyError> =>
    signal.aborted ? ok(undefined) : err(error);
