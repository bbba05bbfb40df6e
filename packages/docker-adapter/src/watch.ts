/**
 * What befalls a store's containers, from the engine's event stream.
 *
 * The engine answers before it has subscribed, so the stream is asked for from the engine's own time on, read before: it keeps
 * the last events and sends those again. A connection can die without a word; every `PING_MS` a ping of its own finds out.
 */
import { type CallOptions, QuaysideError, type RuntimeError, type RuntimeEvent } from '@quayside/core/ports';
import { err, ok, type ResultAsync } from 'neverthrow';
import { attempt, type Engine } from './engine.js';
import { refused, unreachable } from './faults.js';
import { LABEL, type Labels, ownerOf } from './labels.js';
import { jsonLines } from './streams.js';

const PING_MS = 30_000;

/** The part of an event that is read here. */
export interface EngineEvent {
  readonly Action?: string;
  readonly Actor?: { readonly Attributes?: Labels };
}

export function watchContainers(
  engine: Engine,
  { storeId }: { readonly storeId: string },
  { signal }: CallOptions,
  pingMs = PING_MS,
): ResultAsync<AsyncIterable<RuntimeEvent>, RuntimeError> {
  return attempt(async () => {
    const now = await engine.send<{ readonly SystemTime: string }>(
      { what: "Asking for the engine's time", method: 'GET', path: '/info' },
      { signal },
    );
    if (now.isErr()) return err(now.error);
    if (!now.value.ok) return err(refused(now.value));
    const filters = {
      type: ['container'],
      label: [`${LABEL.store}=${storeId}`],
      event: ['start', 'die', 'oom', 'health_status', 'destroy'],
    };
    const query = { filters, since: sinceOf(now.value.body.SystemTime) };
    // One signal for the stream and its pings: either of them ends both.
    const own = new AbortController();
    const onAbort = (): void => own.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const answer = await engine.open(
      { what: 'Watching containers', method: 'GET', path: '/events', query },
      { signal: own.signal },
    );
    if (answer.isErr() || !answer.value.ok) {
      signal.removeEventListener('abort', onAbort);
      return err(answer.isErr() ? answer.error : refused(answer.value as { status: number; message: string }));
    }
    const stream = answer.value.body;
    let lost: RuntimeError | undefined;
    const ping = async (): Promise<void> => {
      const pong = await engine.send({ what: 'Pinging', method: 'GET', path: '/_ping' }, { signal: own.signal });
      if (pong.isErr() && !own.signal.aborted) {
        lost = pong.error;
        stream.destroy();
      }
    };
    const timer = setInterval(() => void ping(), pingMs);
    timer.unref();
    const end = (): void => {
      clearInterval(timer);
      signal.removeEventListener('abort', onAbort);
      own.abort();
    };
    stream.once('close', end);
    return ok(read());

    async function* read(): AsyncGenerator<RuntimeEvent> {
      try {
        for await (const event of jsonLines<EngineEvent>(stream)) {
          const seen = eventOf(event);
          if (seen) yield seen;
          if (signal.aborted) return;
        }
        if (!signal.aborted) throw new Error('the event stream ended');
      } catch (cause) {
        if (signal.aborted) return;
        if (lost?.kind === 'engine-unreachable') throw new QuaysideError(lost);
        throw new QuaysideError({ ...unreachable(engine.place(), lost ?? cause), retryable: true });
      } finally {
        end();
      }
    }
  });
}

/** `2026-11-24T18:50:19.507331305Z` as the engine wants it: seconds and nanoseconds. */
export function sinceOf(time: string): string {
  const nanos = /\.(\d{1,9})/.exec(time)?.[1]?.padEnd(9, '0') ?? '000000000';
  return `${Math.floor(Date.parse(time) / 1000)}.${nanos}`;
}

const TYPES: { readonly [action: string]: RuntimeEvent['type'] } = {
  start: 'started',
  die: 'died',
  oom: 'oom',
  destroy: 'removed',
};

/** Undefined for what is none of ours, and for engines that ignore a filter. */
export function eventOf({ Action = '', Actor }: EngineEvent): RuntimeEvent | undefined {
  const attributes = Actor?.Attributes ?? {};
  const owner = ownerOf(attributes);
  const name = attributes['name'];
  // `health_status: healthy` carries the status in the action.
  const type = TYPES[Action] ?? (Action.startsWith('health_status') ? 'health' : undefined);
  if (!owner || !name || !type) return undefined;
  const code = Number(attributes['exitCode']);
  const exitCode = type === 'died' && attributes['exitCode'] !== undefined && Number.isInteger(code) ? code : null;
  return { type, name, owner, exitCode };
}
