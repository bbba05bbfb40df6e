/**
 * Images: what an `ImageRecord` shows that we pulled through this engine, that nothing runs from, and that no stage keeps for a roll back. Never by
 * force: what somebody else uses the engine keeps.
 *
 * A deployment looks for its image before its claim names it. So nothing goes while one runs that has not chosen yet, it is looked again right
 * before each removal, and a deployment whose image went in between pulls it once more.
 */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { ImageRecord, StageRecord } from '../domain/records.js';
import { allOf, pages } from '../kernel/pages.js';
import { routine } from '../kernel/routine.js';
import type { Query, Stored } from '../ports/store.js';
import { keepOf } from './keep.js';
import { imageJudge } from './plan.js';
import { type PruneRun, remove } from './run.js';

/** @param of only images of this repository, which this stage has deployed; default all */
export function pruneImages(
  run: PruneRun,
  of?: { readonly repository: string; readonly stage: StageRecord },
): ResultAsync<void, AnyError> {
  const { host, signal } = run;
  return routine(async function* () {
    const { identities } = yield* host.surroundings({ signal });
    const query: Query<'images'> = of ? { where: { repository: of.repository } } : {};
    const own = of ? yield* keptBy(run, of.stage) : [];
    const idle: Stored<ImageRecord>[] = [];
    for (const image of yield* allOf(host.store, 'images', query, { signal })) {
      const { digest, identity } = image.value;
      if (identity !== identities.runtime || own.includes(digest) || (yield* isUsed(run, image.value))) continue;
      idle.push(image);
    }
    if (idle.length === 0) return ok<void, AnyError>(undefined);
    const kept = yield* keptByStages(run);
    for (const image of idle) if (!kept.has(image.value.digest)) yield* removeImage(run, image);
    return ok<void, AnyError>(undefined);
  });
}

/** Whether something runs from it, or is about to. */
function isUsed({ host, signal }: PruneRun, { digest }: ImageRecord): ResultAsync<boolean, AnyError> {
  const { store } = host;
  return routine(async function* () {
    const instances = yield* store.list('instances', { where: { digest }, limit: 1 }, { signal });
    if (instances.length > 0) return ok<boolean, AnyError>(true);
    for (const status of ['running', 'rolling-back'] as const)
      for (const { value } of yield* allOf(store, 'deployments', { where: { status } }, { signal }))
        if (value.digest === null || value.digest === digest) return ok<boolean, AnyError>(true);
    return ok<boolean, AnyError>(false);
  });
}

/** Of every stage, whatever its project: two may deploy the same image. */
function keptByStages(run: PruneRun): ResultAsync<ReadonlySet<string>, AnyError> {
  const { host, signal } = run;
  return routine(async function* () {
    const kept = new Set<string>();
    for await (const page of pages(host.store, 'stages', {}, { signal }))
      for (const { value } of yield* page) for (const digest of yield* keptBy(run, value)) kept.add(digest);
    return ok<ReadonlySet<string>, AnyError>(kept);
  });
}

function keptBy(run: PruneRun, stage: StageRecord): ResultAsync<readonly string[], AnyError> {
  const { host, signal } = run;
  const { clock, store } = host;
  return routine(async function* () {
    // Of a stage on which nothing is deployed any more none is kept: who deploys it again pulls again.
    if (stage.current === null) return ok<readonly string[], AnyError>([]);
    const { images } = yield* keepOf(host, stage, stage, signal);
    const where = { stageKey: stage.id, status: 'succeeded' as const };
    const digests: string[] = [];
    const judge = imageJudge(images, clock.now());
    walk: for await (const page of pages(store, 'deployments', { where, order: 'desc' }, { signal }))
      for (const { value } of yield* page) {
        // A dry run has left it there.
        if (!judge(value) || (run.dryRun && run.report.deployments.includes(value.id))) break walk;
        if (value.digest !== null) digests.push(value.digest);
      }
    const before = stage.previous === null ? undefined : yield* store.get('deployments', stage.previous, { signal });
    if (before?.value.digest) digests.push(before.value.digest);
    return ok<readonly string[], AnyError>(digests);
  });
}

function removeImage(run: PruneRun, { value: image, version }: Stored<ImageRecord>): ResultAsync<void, AnyError> {
  const { host, signal } = run;
  const { reference, id } = image;
  return routine(async function* () {
    if (yield* isUsed(run, image)) return ok<void, AnyError>(undefined);
    if (!run.dryRun) {
      const removed = await host.call(`Removing the image ${reference}`, signal, (options) =>
        host.runtime.removeImage(reference, options),
      );
      if (removed.isErr()) {
        if (signal.aborted) return removed;
        run.report.kept.push(`image ${reference}: ${removed.error.message}`);
        return ok<void, AnyError>(undefined);
      }
    }
    yield* remove(run, { images: [reference] }, [{ op: 'remove', collection: 'images', id, version }]);
    return ok<void, AnyError>(undefined);
  });
}
