/**
 * A change of keys: what the store keeps sealed is sealed anew with the first key, so that the others can go. Stage by stage, under its
 * lease and only where something is to be done; what is done is not done again, so it may be broken off and called again at any point.
 *
 * Left for a later call is what somebody else may be about to write: a stage that is busy, and what waits in its line, whose record is its
 * submitter's. Fingerprints are keyed, too: those of what runs are made anew, or the next deployment would find everything changed.
 */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import { type DeploymentRecord, type InstanceRecord, isTerminal } from '../domain/records.js';
import type { ResealReport } from '../domain/reports.js';
import { stageLease } from '../flow/deploy.js';
import { sealerOrRefusal } from '../flow/environment.js';
import type { Host } from '../flow/host.js';
import { type Resealed, resealOverrides, resealSpec } from '../flow/reseal-values.js';
import { pages } from '../kernel/pages.js';
import { routine } from '../kernel/routine.js';
import { releaseAll } from '../kernel/under-leases.js';
import type { Change, Fence, Stored } from '../ports/store.js';

type Draft = { -readonly [Key in keyof ResealReport]: ResealReport[Key] extends number ? number : string[] };

export function reseal(host: Host, signal: AbortSignal): ResultAsync<ResealReport, AnyError> {
  const report: Draft = { resealed: 0, current: 0, later: [], unreadable: [] };
  return routine(async function* () {
    yield* sealerOrRefusal(host);
    const seen = new Set<string>();
    for (const collection of ['queues', 'stages'] as const)
      for await (const page of pages(host.store, collection, {}, { signal }))
        for (const { value } of yield* page) {
          if (!seen.has(value.id)) yield* resealStage(host, value.id, report, signal);
          seen.add(value.id);
        }
    return ok<ResealReport, AnyError>(report);
  });
}

function resealStage(host: Host, key: string, report: Draft, signal: AbortSignal): ResultAsync<void, AnyError> {
  return routine(async function* () {
    const work = yield* lookThrough(host, key, report, signal);
    if (work.length === 0) return ok<void, AnyError>(undefined);
    const taken = await host.leases.take([stageLease(key)], { signal, deployment: null, once: true });
    if (taken.isErr()) {
      report.later.push(...work);
      return ok<void, AnyError>(undefined);
    }
    try {
      const fence = taken.value.leases.map((lease) => lease.fence);
      for (const id of work) yield* resealDeployment(host, id, fence, report, signal);
      return ok<void, AnyError>(undefined);
    } finally {
      await releaseAll(taken.value.leases);
    }
  });
}

/** Ids of its deployments that have something to be sealed anew; what cannot be is put down in the report. */
function lookThrough(
  host: Host,
  stageKey: string,
  report: Draft,
  signal: AbortSignal,
): ResultAsync<readonly string[], AnyError> {
  const work: string[] = [];
  return routine(async function* () {
    for await (const page of pages(host.store, 'deployments', { where: { stageKey } }, { signal }))
      for (const { value } of yield* page) {
        const { parts } = yield* readParts(host, value, signal);
        const { resealed, unreadable, current } = total(parts);
        report.current += current;
        for (const name of unreadable) report.unreadable.push(`${value.id} ${name}`);
        if (resealed === 0) continue;
        if (isSettled(value)) work.push(value.id);
        else report.later.push(value.id);
      }
    return ok<readonly string[], AnyError>(work);
  });
}

/** Nobody else writes its record any more. */
const isSettled = ({ status, cleanup }: DeploymentRecord): boolean => isTerminal(status) && cleanup !== 'pending';

function resealDeployment(
  host: Host,
  id: string,
  fence: readonly Fence[],
  report: Draft,
  signal: AbortSignal,
): ResultAsync<void, AnyError> {
  return routine(async function* () {
    const record = yield* host.store.get('deployments', id, { signal });
    if (!record || !isSettled(record.value)) {
      if (record) report.later.push(id);
      return ok<void, AnyError>(undefined);
    }
    const { parts, changes } = yield* readParts(host, record.value, signal, record);
    const { resealed } = total(parts);
    if (resealed === 0) return ok<void, AnyError>(undefined);
    const written = await host.store.commit(changes, { signal, fence });
    if (written.isOk()) report.resealed += resealed;
    else if (written.error.kind === 'store-conflict') report.later.push(id);
    else yield* written;
    return ok<void, AnyError>(undefined);
  });
}

interface Parts {
  readonly parts: readonly Resealed<unknown>[];
  readonly changes: readonly Change[];
}

/** What a deployment has that is sealed, as it would be written: its overrides, its spec, and the fingerprint of what it left running. */
function readParts(
  host: Host,
  record: DeploymentRecord,
  signal: AbortSignal,
  stored?: Stored<DeploymentRecord>,
): ResultAsync<Parts, AnyError> {
  return routine(async function* () {
    const parts: Resealed<unknown>[] = [];
    const changes: Change[] = [];
    const overrides = yield* resealOverrides(host, record.request.env);
    parts.push(overrides);
    if (stored && overrides.resealed > 0) {
      const { value, version } = stored;
      const request = { ...value.request, env: overrides.value };
      changes.push({ op: 'put', collection: 'deployments', record: { ...value, request }, version });
    }
    const spec = yield* host.store.get('specs', record.id, { signal });
    if (!spec) return ok<Parts, AnyError>({ parts, changes });
    const instance = yield* host.store.get('instances', record.id, { signal });
    const made = yield* resealSpec(host, spec.value.spec, runs(instance) ? instance.value.fingerprint : null);
    parts.push(made);
    if (made.resealed > 0)
      changes.push({
        op: 'put',
        collection: 'specs',
        record: { id: record.id, spec: made.value },
        version: spec.version,
      });
    if (runs(instance) && instance.value.fingerprint !== made.value.fingerprint && made.resealed > 0) {
      const { fingerprint } = made.value;
      const { value, version } = instance;
      changes.push({ op: 'put', collection: 'instances', record: { ...value, fingerprint }, version });
    }
    return ok<Parts, AnyError>({ parts, changes });
  });
}

const runs = (instance: Stored<InstanceRecord> | undefined): instance is Stored<InstanceRecord> =>
  instance?.value.state === 'running';

const total = (parts: readonly Resealed<unknown>[]) => ({
  resealed: parts.reduce((sum, part) => sum + part.resealed, 0),
  current: parts.reduce((sum, part) => sum + part.current, 0),
  unreadable: parts.flatMap((part) => part.unreadable),
});
