/** Small rows that nobody has any use for any more. Each goes by its version: who still wants one is quicker, and keeps it. */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import { type CollectionName, type Collections, isTerminal } from '../domain/records.js';
import type { Host } from '../flow/host.js';
import type { BeatWatch } from '../kernel/beat-watch.js';
import { pages } from '../kernel/pages.js';
import { routine } from '../kernel/routine.js';
import { CHANGES_MAX, type Change, type Stored } from '../ports/store.js';
import { NOTIFIER_GONE_MS } from './events.js';
import { KEY_MS } from './plan.js';
import { tidy } from './run.js';

/** The row of a lease that nobody has asked for since. */
const LEASE_MS = 86_400_000;
const MARGIN_MS = 60_000;

type Judge<C extends CollectionName> = (record: Collections[C]) => boolean | ResultAsync<boolean, AnyError>;

export interface RowsRun {
  readonly host: Host;
  readonly signal: AbortSignal;
  /** Watches leases whose holder may be dead, from one run to the next. */
  readonly beats: BeatWatch;
}

export function pruneRows(run: RowsRun): ResultAsync<void, AnyError> {
  const { host, signal } = run;
  const { clock, store } = host;
  const isGone = (instance: string) => store.get('instances', instance, { signal }).map((found) => !found);
  return routine(async function* () {
    const now = clock.now();
    yield* sweep(run, 'idempotency', ({ at }) => now - at > KEY_MS);
    yield* sweep(run, 'leases', (lease) => {
      if (now - lease.since <= LEASE_MS) return false;
      // Of one that died: not before whoever took over would have begun, too.
      const stillMs = lease.ttlMs + lease.effectTimeoutMs + MARGIN_MS;
      return lease.holder === null || run.beats.hasStopped({ ...lease, ttlMs: stillMs });
    });
    yield* sweep(run, 'pins', ({ id }) => isGone(id));
    yield* sweep(run, 'conditions', ({ id }) => isGone(id));
    yield* sweep(run, 'cancels', ({ id }) =>
      store.get('deployments', id, { signal }).map((found) => !found || isTerminal(found.value.status)),
    );
    yield* sweep(run, 'tasks', (task) => {
      if (task.kind !== 'notify' || now - task.createdAt <= NOTIFIER_GONE_MS) return false;
      return !host.notifiers.some(({ name }) => name === task.notifier);
    });
    return ok<void, AnyError>(undefined);
  });
}

function sweep<C extends CollectionName>(run: RowsRun, collection: C, judge: Judge<C>): ResultAsync<void, AnyError> {
  const { host, signal } = run;
  return routine(async function* () {
    for await (const page of pages(host.store, collection, { limit: CHANGES_MAX }, { signal })) {
      const going: Change[] = [];
      for (const { value, version } of (yield* page) as readonly Stored<Collections[C]>[]) {
        const verdict = judge(value);
        if (typeof verdict === 'boolean' ? verdict : yield* verdict)
          going.push({ op: 'remove', collection, id: value.id, version } as Change);
      }
      if (going.length > 0) yield* tidy(run, going);
    }
    return ok<void, AnyError>(undefined);
  });
}
