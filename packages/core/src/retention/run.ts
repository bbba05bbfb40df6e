/** One run of pruning: what it may do, and what it has done so far. Every commit that removes something tells of it. */
import { err, ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import { once } from '../domain/once.js';
import type { NotifyTask, TaskRecord } from '../domain/records.js';
import type { PruneReport } from '../domain/reports.js';
import { commitAndTell } from '../events/commit.js';
import type { Host } from '../flow/host.js';
import { allOf } from '../kernel/pages.js';
import { routine } from '../kernel/routine.js';
import type { Change, Expectation } from '../ports/store.js';

export interface PruneRun {
  readonly host: Host;
  readonly signal: AbortSignal;
  /** Only say what would go. */
  readonly dryRun: boolean;
  /** So many deployments of a stage are removed at most; whoever comes next goes on. */
  readonly limit: number;
  readonly report: Report;
  /** What tasks are there for, read once for all stages. */
  readonly tasks: () => ResultAsync<readonly StageTask[], AnyError>;
  /** Stages with nothing to do, from one run to the next; undefined: every stage is looked at. */
  readonly quiet: QuietStages | undefined;
}

/** By stage: the version of its line, and the wall clock's time until which it stays so as long as that is the same. */
export type QuietStages = Map<string, { readonly version: number; readonly until: number }>;

export type StageTask = Exclude<TaskRecord, NotifyTask>;

type Report = {
  -readonly [K in keyof PruneReport]: PruneReport[K] extends readonly (infer T)[] ? T[] : PruneReport[K];
};

/** What one commit removes. */
type Part = Partial<Pick<PruneReport, 'deployments' | 'logs' | 'images' | 'events' | 'unowned'>>;

const nothing = (): Report => ({
  deployments: [],
  logs: [],
  images: [],
  events: 0,
  unowned: { containers: [], routes: [] },
  kept: [],
});

export const pruneRun = (
  host: Host,
  signal: AbortSignal,
  {
    dryRun = false,
    limit = Number.POSITIVE_INFINITY,
    quiet,
  }: Partial<Pick<PruneRun, 'dryRun' | 'limit' | 'quiet'>> = {},
): PruneRun => {
  const tasks = once(() => tasksOf(host, signal));
  return { host, signal, dryRun, limit, quiet, report: nothing(), tasks };
};

function tasksOf({ store }: Host, signal: AbortSignal): ResultAsync<readonly StageTask[], AnyError> {
  return routine(async function* () {
    const tasks: StageTask[] = [];
    for (const kind of ['retire', 'unroute', 'undo'] as const)
      for (const { value } of yield* allOf(store, 'tasks', { where: { kind } }, { signal }))
        if (value.kind !== 'notify') tasks.push(value);
    return ok<readonly StageTask[], AnyError>(tasks);
  });
}

function add(report: Report, part: Part): void {
  report.deployments.push(...(part.deployments ?? []));
  report.logs.push(...(part.logs ?? []));
  report.images.push(...(part.images ?? []));
  report.events += part.events ?? 0;
  report.unowned = {
    containers: [...report.unowned.containers, ...(part.unowned?.containers ?? [])],
    routes: [...report.unowned.routes, ...(part.unowned?.routes ?? [])],
  };
}

/** Removes what nobody is told of. Who still wants one of them was quicker: then all of them stay until the next run. */
export function tidy(
  { host, signal }: Pick<PruneRun, 'host' | 'signal'>,
  changes: readonly Change[],
  expect: readonly Expectation[] = [],
): ResultAsync<void, AnyError> {
  return host.store
    .commit(changes, { signal, expect })
    .map(() => undefined)
    .orElse((error) => (error.kind === 'store-conflict' ? ok(undefined) : err(error)));
}

/**
 * Commits, or, of a dry run, only notes. Answers whether it went through: a record that is not as expected any more is another's, who was
 * quicker, and nothing was removed.
 */
export function remove(
  run: PruneRun,
  part: Part,
  changes: readonly Change[],
  expect: readonly Expectation[] = [],
): ResultAsync<boolean, AnyError> {
  const { host, report, signal } = run;
  return routine(async function* () {
    if (!run.dryRun) {
      const told = nothing();
      add(told, part);
      const events = [{ type: 'store.pruned' as const, payload: { report: told } }];
      if (!(yield* commitAndTell(host, changes, events, { signal, expect }))) return ok<boolean, AnyError>(false);
    }
    add(report, part);
    return ok<boolean, AnyError>(true);
  });
}
