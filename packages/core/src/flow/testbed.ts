/** A bed for tests of the flow's parts: the ledger of a running deployment, over a store that takes its time and loses answers. Only tests import it. */
import { unwrap } from '../domain/errors.js';
import type { DeploymentRecord } from '../domain/records.js';
import { EventHub } from '../events/hub.js';
import { EVENT_STREAM, logStream } from '../events/types.js';
import { boundedStore } from '../kernel/bounded-store.js';
import { Leases } from '../kernel/lease.js';
import { redactor } from '../kernel/redactor.js';
import { Secrets } from '../kernel/secrets.js';
import { memoryStore, outage, seededIds, virtualClock, withFaults } from '../testing/index.js';
import type { Host } from './host.js';
import { Ledger } from './ledger.js';

export const signal = (): AbortSignal => new AbortController().signal;

export async function openedLedger() {
  const clock = virtualClock();
  const store = memoryStore();
  const faulty = withFaults(store.connect(), { clock, error: outage.store });
  const ended = new AbortController();
  const bounded = boundedStore(faulty.port, clock, 15_000, ended.signal);
  const leases = new Leases(bounded, clock, 'a', {
    ttlMs: 30_000,
    renewMs: 10_000,
    effectTimeoutMs: 15_000,
    absentForMs: 2_000,
  });
  const host = {
    clock,
    store: bounded,
    ids: seededIds(1),
    hub: new EventHub(),
    leases,
    secrets: new Secrets([]),
  } as unknown as Host;
  const record = { id: 'd1', stageKey: 's', status: 'running', request: {}, steps: [], left: [] } as unknown;
  await unwrap(
    store.commit([{ op: 'insert', collection: 'deployments', record: record as DeploymentRecord }], {
      signal: signal(),
    }),
  );
  const { leases: held } = await unwrap(leases.take(['stage:s'], { signal: signal(), deployment: 'd1' }));
  const [lease] = held;
  const stored = await unwrap(store.get('deployments', 'd1', { signal: signal() }));
  if (!lease || !stored) throw new Error('not opened');
  const ledger = new Ledger(host, stored, undefined, lease, redactor(['hunter2-secret']));
  const kept = async () => (await unwrap(store.get('deployments', 'd1', { signal: signal() })))?.value;
  const journal = async () => (await unwrap(store.get('journals', 'd1', { signal: signal() })))?.value;
  const log = async () =>
    (await unwrap(store.read(logStream('d1'), { after: 0 }, { signal: signal() }))).map(
      ({ value }) => (value as { message: string }).message,
    );
  const events = async () => (await unwrap(store.read(EVENT_STREAM, { after: 0 }, { signal: signal() }))).length;
  return { host, clock, faulty, store, ended, ledger, lease, kept, journal, log, events };
}
