/** Pruning: what is kept long enough goes. All of it when it is asked for, one stage's after a deployment, and a little at a time in between. */
import { err, ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import { stageOf } from '../domain/records.js';
import type { PruneReport } from '../domain/reports.js';
import type { Host } from '../flow/host.js';
import type { BeatWatch } from '../kernel/beat-watch.js';
import { pages } from '../kernel/pages.js';
import { routine } from '../kernel/routine.js';
import { releaseAll } from '../kernel/under-leases.js';
import { pruneAudit } from './audit.js';
import { pruneEvents } from './events.js';
import { pruneHistory } from './history.js';
import { pruneImages } from './images.js';
import { keepOf } from './keep.js';
import { pruneRows } from './rows.js';
import { type PruneRun, pruneRun, type QuietStages } from './run.js';
import { pruneUnowned } from './unowned.js';

/** What nobody waits for removes so many deployments of a stage at most; the next time goes on. */
const BACKGROUND_LIMIT = 1_000;

export interface PruneTerms {
  readonly signal: AbortSignal;
  readonly beats: BeatWatch;
  readonly unowned?: boolean;
  readonly dryRun?: boolean;
  /** In the background: not all at once, and not where nothing has changed. */
  readonly quiet?: QuietStages;
}

/** Everything. */
export function prune(host: Host, terms: PruneTerms): ResultAsync<PruneReport, AnyError> {
  const { signal, beats, quiet, unowned = false, dryRun = false } = terms;
  const run = pruneRun(host, signal, quiet ? { limit: BACKGROUND_LIMIT, quiet } : { dryRun });
  return routine(async function* () {
    const seen = new Set<string>();
    const now = host.clock.now();
    // Every stage has a line; one that is older than lines has had a success.
    for (const collection of ['queues', 'stages'] as const)
      for await (const page of pages(host.store, collection, {}, { signal }))
        for (const { value, version } of yield* page) {
          const known = run.quiet?.get(value.id);
          const isQuiet = known?.version === version && now < known.until;
          if (!seen.has(value.id) && !isQuiet) yield* pruneStageHistory(run, value.id);
          seen.add(value.id);
        }
    for (const key of run.quiet?.keys() ?? []) if (!seen.has(key)) run.quiet?.delete(key);
    yield* told(run, 'images', pruneImages(run));
    yield* pruneEvents(run);
    if (!dryRun) {
      yield* pruneAudit(run);
      yield* pruneRows({ host, signal, beats });
    }
    if (unowned) yield* pruneUnowned(run);
    return ok<PruneReport, AnyError>(discreetly(run));
  });
}

/** Engines, proxies and stores have a say in why something stayed. */
const discreetly = ({ host, report }: PruneRun): PruneReport => {
  const redactor = host.secrets.wideRedactor();
  return { ...report, kept: report.kept.map((text) => redactor.text(text)) };
};

/** A little of everything, for all hosts that see the same engine: not where one of them has done it within `everyMs`, or is at it. */
export function pruneInTurn(
  host: Host,
  { everyMs, ...terms }: PruneTerms & { readonly quiet: QuietStages; readonly everyMs: number },
): ResultAsync<void, AnyError> {
  const { signal } = terms;
  return routine(async function* () {
    const { identities } = yield* host.surroundings({ signal });
    const key = `prune:${identities.runtime}`;
    const last = yield* host.store.get('leases', key, { signal });
    // Since it was taken the last time, by the wall clock: of a clock that was wrong nobody waits for longer than that either way.
    if (last && Math.abs(host.clock.now() - last.value.since) < everyMs) return ok<void, AnyError>(undefined);
    const taken = await host.leases.take([key], { signal, deployment: null, once: true });
    if (taken.isErr()) return taken.error.kind === 'stage-busy' ? ok<void, AnyError>(undefined) : err(taken.error);
    try {
      yield* prune(host, terms);
      return ok<void, AnyError>(undefined);
    } finally {
      await releaseAll(taken.value.leases);
    }
  });
}

/** What a deployment on this stage may have put beyond its bounds. */
export function pruneStage(host: Host, key: string, signal: AbortSignal): ResultAsync<PruneReport, AnyError> {
  const run = pruneRun(host, signal, { limit: BACKGROUND_LIMIT });
  return routine(async function* () {
    yield* pruneStageHistory(run, key);
    const stage = yield* host.store.get('stages', key, { signal });
    const spec = stage?.value.currentDeployment
      ? yield* host.store.get('specs', stage.value.currentDeployment, { signal })
      : undefined;
    if (stage && spec) {
      const { repository } = spec.value.spec.image;
      yield* told(run, `images of ${repository}`, pruneImages(run, { repository, stage: stage.value }));
    }
    yield* pruneEvents(run);
    return ok<PruneReport, AnyError>(discreetly(run));
  });
}

function pruneStageHistory(run: PruneRun, key: string): ResultAsync<void, AnyError> {
  const { host, signal } = run;
  return routine(async function* () {
    const stage = yield* host.store.get('stages', key, { signal });
    const keep = keepOf(host, stageOf(key), stage?.value, signal);
    return await told(
      run,
      `the history of stage ${key}`,
      keep.andThen((bounds) => pruneHistory(run, key, bounds)),
    );
  });
}

/** What cannot be decided now stays, and is told; without its store nothing goes on. */
const told = (run: PruneRun, what: string, work: ResultAsync<void, AnyError>): ResultAsync<void, AnyError> =>
  work.orElse((error) => {
    if (run.signal.aborted || error.kind.startsWith('store') || error.kind === 'closed') return err(error);
    run.report.kept.push(`${what}: ${error.message}`);
    return ok(undefined);
  });
