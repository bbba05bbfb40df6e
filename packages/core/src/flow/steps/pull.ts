import { err, errAsync, ok, okAsync, type ResultAsync } from 'neverthrow';
import { type AnyError, failure } from '../../domain/errors.js';
import type { JournalEntry } from '../../domain/records.js';
import { routine } from '../../kernel/routine.js';
import type { LocalImage } from '../../ports/container-runtime.js';
import { type Flow, waitOut } from '../flow.js';
import { absent } from '../image.js';
import type { Step } from '../step.js';

interface PullIntent {
  readonly reference: string;
  /** It was there before: then it is not ours to remove. */
  readonly present: boolean;
}

/** The least time between two progress events, in milliseconds: an engine tells of every few kilobytes. */
const PROGRESS_MS = 100;

/** Brings the image to the engine, by digest. */
export const pullStep: Step = {
  name: 'pull',
  version: 1,
  intent: (flow) => okAsync({ reference: flow.spec.image.reference, present: flow.seen.image !== undefined }),
  // A margin, for the pull's own limit to speak first.
  limit: ({ spec }) => ({ ms: spec.limits.pullMs + 5_000, setting: 'pullTimeout' }),
  does: (_flow, intent) => ((intent as unknown as PullIntent).present ? 'nothing' : 'effects'),
  run(flow, intent, signal) {
    const { reference, present } = intent as unknown as PullIntent;
    return routine(async function* () {
      if (present) flow.log('info', `The engine has ${reference} already.`);
      else yield* pull(flow, signal);
      return hasHealthcheck(flow, flow.seen.image);
    });
  },
  undo(flow, intent, signal, wasOpen) {
    const { reference, present } = intent as unknown as PullIntent;
    if (present) return okAsync(undefined);
    const { runtime } = flow.host;
    return routine(async function* () {
      if (wasOpen) {
        const image = yield* flow.call(`Looking for ${reference}`, signal, (o) => runtime.image(reference, o));
        // An engine may finish what nobody waits for any more.
        if (!image) yield* waitOut(flow, signal);
      }
      const removed = await flow.call(`Removing the image ${reference}`, signal, (o) =>
        runtime.removeImage(reference, o),
      );
      if (removed.isOk()) return ok<void, AnyError>(undefined);
      const { error } = removed;
      // Somebody else has begun to use it, or the engine does not know it by this name: then it stays, and does no harm.
      if (error.kind !== 'image-in-use' && error.kind !== 'image-not-found') return err<void, AnyError>(error);
      flow.log('info', `The image ${reference} stays: ${error.message}`);
      return ok<void, AnyError>(undefined);
    });
  },
};

/** Pulls the flow's image and remembers what came. Exempt from the lease: nobody is harmed by an image that comes late. */
export function pull(flow: Flow, signal: AbortSignal): ResultAsync<LocalImage, AnyError> {
  const { reference, pull: policy } = flow.spec.image;
  const { clock, hub, runtime } = flow.host;
  if (policy === 'never') return errAsync(absent(reference));
  let toldMs = Number.NEGATIVE_INFINITY;
  const onProgress: NonNullable<Parameters<typeof runtime.pull>[1]['onProgress']> = (progress) => {
    const nowMs = clock.monotonicMs();
    if (progress.currentBytes !== null && nowMs - toldMs < PROGRESS_MS) return;
    toldMs = nowMs;
    hub.emit('deployment.progress', { deploymentId: flow.ledger.record.id, step: 'pull', progress });
  };
  return routine(async function* () {
    flow.log('info', `Pulling ${reference}.`);
    const startedMs = clock.monotonicMs();
    const image = yield* flow.call(
      `Pulling ${reference}`,
      signal,
      (options) => runtime.pull(reference, { ...options, onProgress }),
      { ms: flow.spec.limits.pullMs, setting: 'pullTimeout' },
    );
    flow.seen.image = image;
    flow.log('info', `Pulled ${reference}.`, { durationMs: Math.round(clock.monotonicMs() - startedMs) });
    return ok<LocalImage, AnyError>(image);
  });
}

/**
 * It was there when it was looked for, and is not any more: it is ours to pull, and to remove again once the container is gone, and the journal
 * says so first.
 */
export function pullAgain(flow: Flow, signal: AbortSignal): ResultAsync<LocalImage, AnyError> {
  const { ledger, spec } = flow;
  const intent = { reference: spec.image.reference, present: false } satisfies PullIntent;
  return routine(async function* () {
    const { journal } = ledger;
    if (journal) {
      const entries = journal.entries.flatMap((entry): readonly JournalEntry[] => {
        if (entry.step === pullStep.name) return [];
        const pulled: JournalEntry = { step: pullStep.name, version: pullStep.version, state: 'open', intent };
        return entry.step === 'create' ? [pulled, entry] : [entry];
      });
      yield* ledger.commit({ journal: { ...journal, entries } });
    }
    return await pull(flow, signal);
  });
}

function hasHealthcheck(flow: Flow, image: LocalImage | undefined) {
  if (flow.spec.health.kind !== 'image' || image?.hasHealthcheck !== false) return ok<void, AnyError>(undefined);
  return err<void, AnyError>(
    failure(
      'unhealthy',
      `The health check is the image's own, and ${flow.spec.image.reference} has none.`,
      'Add a HEALTHCHECK to the image, or choose another kind of check.',
      { code: 'no-healthcheck' },
    ),
  );
}
