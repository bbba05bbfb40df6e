/** The registry, the probe and the receiver beside the engine in memory. */
import { err, errAsync, okAsync, ResultAsync } from 'neverthrow';
import type { Reach } from '../../domain/endpoints.js';
import { aborted } from '../../domain/errors.js';
import type { Clock } from '../../ports/clock.js';
import type { HealthProbe, ProbeError, ProbeReason } from '../../ports/health-probe.js';
import type { Message, Notifier } from '../../ports/notifier.js';
import type { Registry, RegistryError } from '../../ports/registry.js';
import type { MemoryEngine } from './engine.js';

/** Registries by the host that references begin with: those that do not answer, and those that deny everything. */
export interface MemoryRegistryOptions {
  readonly away?: readonly string[];
  readonly denying?: readonly string[];
}

export function memoryRegistry(engine: MemoryEngine, options: MemoryRegistryOptions = {}): Registry {
  const refusal = (what: string, reference: string, signal: AbortSignal): RegistryError | undefined => {
    if (signal.aborted) return aborted(`${what} ${reference}`, signal.reason);
    const host = reference.split('/')[0] ?? '';
    if (options.away?.includes(host)) {
      return {
        kind: 'registry-unreachable',
        message: `The registry ${host} does not answer.`,
        hint: 'Check that it runs.',
        retryable: true,
      };
    }
    if (!options.denying?.includes(host)) return undefined;
    return {
      kind: 'registry-denied',
      message: `The registry ${host} denies access.`,
      hint: 'Give credentials.',
      retryable: false,
    };
  };
  const notFound = (reference: string): RegistryError => ({
    kind: 'image-not-found',
    message: `The registry has no ${reference}.`,
    hint: 'Push it, or correct the tag.',
    retryable: false,
  });
  return {
    name: 'memory',
    resolve(reference, { signal }) {
      const error = refusal('Resolving', reference, signal);
      if (error) return errAsync(error);
      const digest = engine.registry.get(reference) ?? reference.split('@')[1];
      return digest && engine.behaviours.has(digest) ? okAsync({ digest }) : errAsync(notFound(reference));
    },
    tags(repository, { signal }) {
      const error = refusal('Listing the tags of', repository, signal);
      if (error) return errAsync(error);
      const prefix = `${repository}:`;
      const tags = [...engine.registry.keys()].filter((key) => key.startsWith(prefix));
      return tags.length > 0 ? okAsync(tags.map((key) => key.slice(prefix.length))) : errAsync(notFound(repository));
    },
    close: () => okAsync(undefined),
  };
}

/** What a probe reads of a body at most, in characters: the engine in memory knows no bytes. */
const BODY_MAX = 65_536;

export function memoryProbe(
  engine: MemoryEngine,
  reaches: readonly Reach[] = [{ kind: 'address', node: '*' }],
): HealthProbe {
  return {
    name: 'memory',
    reaches,
    check(request, { signal }) {
      if (signal.aborted) return errAsync(aborted('The health check', signal.reason));
      const found = engine.connect(request.host, request.port);
      const at = `${request.host}:${request.port}`;
      if (!found) return errAsync(probeFailed('refused', `connect ECONNREFUSED ${at}`));
      if (request.kind === 'tcp') return okAsync({ status: null, body: '', location: null });
      if (found.connection === 'resets') return errAsync(probeFailed('reset', `read ECONNRESET ${at}`));
      if (found.connection === 'hangs') return hang(engine.clock, request.timeoutMs, at, signal);
      const answer = found.answer(request.path);
      return okAsync({ ...answer, body: request.method === 'HEAD' ? '' : answer.body.slice(0, BODY_MAX) });
    },
    close: () => okAsync(undefined),
  };
}

const probeFailed = (reason: ProbeReason, message: string): ProbeError => ({
  kind: 'probe-failed',
  reason,
  message,
  hint: 'Check that the app listens and answers there.',
  retryable: true,
});

/** Waits for an answer that never comes, until the attempt's limit or the signal ends it. */
function hang(clock: Clock, limitMs: number, at: string, signal: AbortSignal): ResultAsync<never, ProbeError> {
  return new ResultAsync(
    new Promise((resolve) => {
      const end = (error: ProbeError) => {
        cancel();
        signal.removeEventListener('abort', onAbort);
        resolve(err(error));
      };
      const onAbort = () => end(aborted('The health check', signal.reason));
      const late = () => end(probeFailed('timeout', `${at}: no answer within ${limitMs} ms`));
      const cancel = clock.after(limitMs, late, true);
      signal.addEventListener('abort', onAbort, { once: true });
    }),
  );
}

/** What a receiver does with what it is told: `busy` asks for a pause, `refuses` is for good. */
export type ReceiverMood = 'takes' | 'away' | 'busy' | 'refuses';

export interface MemoryNotifier extends Notifier {
  readonly received: Message[];
  /** The next so many calls fail. */
  fail(times: number): void;
  /** From now on. */
  answer(mood: ReceiverMood): void;
}

/** The pause that a busy receiver in memory asks for, in milliseconds. */
export const MEMORY_BUSY_MS = 60_000;

export function memoryNotifier(name = 'memory', events?: readonly string[]): MemoryNotifier {
  const received: Message[] = [];
  let failures = 0;
  let mood: ReceiverMood = 'takes';
  return {
    name,
    ...(events ? { events } : {}),
    received,
    fail(times) {
      failures = times;
    },
    answer(next) {
      mood = next;
    },
    notify(message, { signal }) {
      if (signal.aborted) return errAsync(aborted('Telling'));
      const now = failures > 0 ? 'away' : mood;
      failures = Math.max(0, failures - 1);
      if (now === 'takes') {
        received.push(message);
        return okAsync(undefined);
      }
      return errAsync({
        kind: 'notify-failed',
        message: `The receiver ${now === 'away' ? 'is away' : now === 'busy' ? 'is busy' : 'refuses'}.`,
        hint: 'Look at the receiver.',
        retryable: now !== 'refuses',
        ...(now === 'busy' ? { retryAfterMs: MEMORY_BUSY_MS } : {}),
      });
    },
    close: () => okAsync(undefined),
  };
}
