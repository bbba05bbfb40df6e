/** A stage's history: deployments, specs and logs beyond their bounds, and the stage itself once there is nothing of it. */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { DeploymentRecord } from '../domain/records.js';
import type { Keep } from '../domain/spec.js';
import { logStream } from '../events/types.js';
import { stageLease } from '../flow/deploy.js';
import { readStage, type StageState } from '../flow/stage-state.js';
import { pages } from '../kernel/pages.js';
import { routine } from '../kernel/routine.js';
import type { Change, Expectation, Stored } from '../ports/store.js';
import { historyJudge } from './plan.js';
import { type PruneRun, remove, tidy } from './run.js';

/** Deployments of one commit, each of at most three changes: whoever deploys meanwhile waits for no more than that. */
const BATCH = 20;
/** A stage is looked at so often, even if nothing was submitted to it: its configuration may have changed. */
const LOOKED_AT_LEAST_MS = 86_400_000;
/** A walk that meets somebody else's writing begins anew so often. */
const RACES_MAX = 5;

/**
 * Removes what is beyond the stage's bounds. Every commit expects that nothing was submitted to the stage since its records were read: a roll back
 * that names what is about to go is seen, or finds it gone before it is accepted.
 */
export function pruneHistory(run: PruneRun, key: string, keep: Keep): ResultAsync<void, AnyError> {
  return routine(async function* () {
    for (let race = 0; race < RACES_MAX; race += 1)
      if (yield* walk(run, key, keep)) return ok<void, AnyError>(undefined);
    run.report.kept.push(`the history of stage ${key}: others write to it all the time`);
    return ok<void, AnyError>(undefined);
  });
}

interface Batch {
  readonly going: Stored<DeploymentRecord>[];
  readonly silenced: Stored<DeploymentRecord>[];
}

/** Answers whether it came to the end without meeting anybody. */
function walk(run: PruneRun, key: string, keep: Keep): ResultAsync<boolean, AnyError> {
  const { host, signal } = run;
  const { store } = host;
  return routine(async function* () {
    const queue = yield* store.get('queues', key, { signal });
    const quiet: Expectation = { collection: 'queues', id: key, version: queue?.version ?? null };
    const state = yield* readStage(host, key, signal);
    const unsettled = yield* unsettledOf(run, key);
    const needs = {
      stage: state.stage?.value,
      instances: state.instances.map(({ value }) => value),
      hasRoutes: state.routes.length > 0,
      unsettled: unsettled.deployments,
    };
    const now = host.clock.now();
    const history = historyJudge(needs, keep, now);
    let batch: Batch = { going: [], silenced: [] };
    let stays = 0;
    let done = 0;
    for await (const page of pages(store, 'deployments', { where: { stageKey: key }, order: 'desc' }, { signal })) {
      for (const stored of yield* page) {
        const verdict = history.judge(stored.value);
        if (verdict !== 'goes') stays += 1;
        if (verdict === 'stays') continue;
        (verdict === 'goes' ? batch.going : batch.silenced).push(stored);
        if (batch.going.length + batch.silenced.length < BATCH) continue;
        if (!(yield* commit(run, batch, quiet))) return ok<boolean, AnyError>(false);
        done += BATCH;
        if (done >= run.limit) return ok<boolean, AnyError>(true);
        batch = { going: [], silenced: [] };
      }
    }
    if (!(yield* commit(run, batch, quiet))) return ok<boolean, AnyError>(false);
    if (stays === 0 && !unsettled.isBusy) yield* forget(run, key, state, quiet);
    else if (queue && history.until !== null && !unsettled.isBusy)
      run.quiet?.set(key, { version: queue.version, until: Math.min(history.until, now + LOOKED_AT_LEAST_MS) });
    return ok<boolean, AnyError>(true);
  });
}

/** What journals and tasks are about. */
function unsettledOf(run: PruneRun, key: string) {
  const { host, signal } = run;
  return routine(async function* () {
    const journals = yield* host.store.list('journals', { where: { stageKey: key } }, { signal });
    const tasks = (yield* run.tasks()).filter((task) => task.stageKey === key);
    return ok({
      deployments: [
        ...journals.map(({ value }) => value.id),
        ...tasks.flatMap(({ deployment, subject }) => [subject, ...(deployment === null ? [] : [deployment])]),
      ],
      isBusy: tasks.length > 0,
    });
  });
}

function changesOf(run: PruneRun, { going, silenced }: Batch): Change[] {
  const drop = (id: string): Change => ({
    op: 'trim',
    stream: logStream(id),
    through: Number.MAX_SAFE_INTEGER,
    drop: true,
  });
  return [
    ...going.flatMap(({ value: { id }, version }): Change[] => [
      { op: 'remove', collection: 'deployments', id, version },
      { op: 'remove', collection: 'specs', id },
      drop(id),
    ]),
    ...silenced.flatMap(({ value, version }): Change[] => [
      { op: 'put', collection: 'deployments', record: { ...value, logPrunedAt: run.host.clock.now() }, version },
      drop(value.id),
    ]),
  ];
}

function commit(run: PruneRun, batch: Batch, quiet: Expectation): ResultAsync<boolean, AnyError> {
  return routine(async function* () {
    const changes = changesOf(run, batch);
    if (changes.length === 0) return ok<boolean, AnyError>(true);
    const ids = (of: Batch['going']) => of.map(({ value }) => value.id);
    return await remove(run, { deployments: ids(batch.going), logs: ids(batch.silenced) }, changes, [quiet]);
  });
}

/** The rows of a stage that has no past and nothing present: as long as nobody has taken its lease or submitted anything since. */
function forget(
  run: PruneRun,
  key: string,
  { stage, instances, routes }: StageState,
  quiet: Expectation,
): ResultAsync<void, AnyError> {
  const { host, signal, dryRun } = run;
  return routine(async function* () {
    const lease = yield* host.store.get('leases', stageLease(key), { signal });
    // One that waits for its first deployment in maintenance has somebody who meant it.
    const isKept = (stage?.value.current ?? null) !== null || stage?.value.maintenance !== undefined;
    const isEmpty = instances.length === 0 && routes.length === 0 && !isKept;
    if (dryRun || !isEmpty || (lease && lease.value.holder !== null)) return ok<void, AnyError>(undefined);
    const changes: Change[] = [{ op: 'remove', collection: 'queues', id: key }];
    if (stage) changes.push({ op: 'remove', collection: 'stages', id: key, version: stage.version });
    if (lease) changes.push({ op: 'remove', collection: 'leases', id: lease.value.id, version: lease.version });
    return await tidy(run, changes, [quiet]);
  });
}
