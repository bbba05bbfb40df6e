/**
 * What hosts do at their beats for what others have left in the queue: workers take over what their group has left, and anybody ends what
 * nobody can run any more. Which of several does it is decided by the version of the record.
 */
import { err, ok, type ResultAsync } from 'neverthrow';
import { type AnyError, type ErrorKind, failure, type TaggedError } from '../domain/errors.js';
import { type DeploymentRecord, isTerminal } from '../domain/records.js';
import { deploymentView } from '../domain/views.js';
import type { EventDraft } from '../events/types.js';
import { cancelSettled } from '../flow/cancel.js';
import { openOverrides } from '../flow/environment.js';
import type { Host } from '../flow/host.js';
import { findStage } from '../flow/resolve.js';
import { allOf } from '../kernel/pages.js';
import { routine } from '../kernel/routine.js';
import type { Change, Stored } from '../ports/store.js';
import { endAs, logLine, writeQueued } from './endings.js';
import type { Hosts, Seen } from './hosts.js';

/** What another host with the same store may be able to do: another configuration, another key. */
const NEEDS_HOST: ReadonlySet<ErrorKind> = new Set<ErrorKind>([
  'unknown-project',
  'unknown-stage',
  'invalid-config',
  'secret-unreadable',
  'unsupported',
]);

type Adopt = (queued: Stored<DeploymentRecord>) => void;

export class QueueSweep {
  readonly #host: Host;
  readonly #hosts: Hosts;
  readonly #adopt: Adopt;
  /** Since when nobody was there who could run it, as far as was seen here: a worker that is started anew is soon back. */
  #idleSinceMs = new Map<string, number>();

  /** @param adopt runs what is this host's; of what it runs already it is told again and again */
  constructor(host: Host, hosts: Hosts, adopt: Adopt) {
    this.#host = host;
    this.#hosts = hosts;
    this.#adopt = adopt;
  }

  once(signal: AbortSignal): ResultAsync<void, AnyError> {
    const { clock, settings, store } = this.#host;
    const self = this;
    return routine(async function* () {
      const seen = yield* self.#hosts.look(signal);
      const before = self.#idleSinceMs;
      self.#idleSinceMs = new Map();
      for (const queued of yield* allOf(store, 'deployments', { where: { status: 'queued' } }, { signal })) {
        const { value } = queued;
        if (yield* self.#isCared(queued, seen, signal)) continue;
        const sinceMs = before.get(value.id) ?? clock.monotonicMs();
        self.#idleSinceMs.set(value.id, sinceMs);
        const isOld = clock.now() - value.queuedAt >= settings.abandonAfterMs;
        if (!isOld || clock.monotonicMs() - sinceMs < settings.ttlMs) continue;
        yield* endAs(self.#host, queued, { status: 'abandoned', error: abandoned(value, settings) }, signal);
      }
      yield* self.#clear(seen, signal);
      return ok<void, AnyError>(undefined);
    });
  }

  /** Somebody sees to it: the host that was asked, this one now, or another worker of its group. */
  #isCared(queued: Stored<DeploymentRecord>, seen: Seen, signal: AbortSignal): ResultAsync<boolean, AnyError> {
    const { group, id } = this.#host;
    const { value } = queued;
    const adopt = this.#adopt;
    const host = this.#host;
    return routine(async function* () {
      if (value.host === id) adopt(queued);
      if (seen.isLive(value.host)) return ok<boolean, AnyError>(true);
      if (group === null || value.group !== group) return ok<boolean, AnyError>(seen.canRun(value));
      const able = await canRunHere(host, value, signal);
      if (able.isOk()) {
        const taken = yield* takeOver(host, queued, signal);
        if (taken) adopt(taken);
        return ok<boolean, AnyError>(true);
      }
      // What it was asked for could not be told this time.
      if (!NEEDS_HOST.has(able.error.kind)) return ok<boolean, AnyError>(seen.canRun(value));
      // The mark is one: what a second host has to say of it changes nothing.
      if (value.needsHost === null)
        yield* mark(host, queued, host.secrets.wideRedactor().text(able.error.message), signal);
      return ok<boolean, AnyError>(false);
    });
  }

  /** Rows of dead hosts, and cancels of what had ended before. */
  #clear({ dead }: Seen, signal: AbortSignal): ResultAsync<void, AnyError> {
    const { store } = this.#host;
    return routine(async function* () {
      for (const { value, version } of dead) {
        const { id } = value;
        // One that has beaten meanwhile is none: its version is another one.
        await store.commit([{ op: 'remove', collection: 'hosts', id, version }], { signal });
      }
      for (const { value } of yield* store.list('cancels', {}, { signal })) {
        const deployment = yield* store.get('deployments', value.id, { signal });
        if (!deployment || isTerminal(deployment.value.status))
          yield* store.commit([cancelSettled(value.id)], { signal });
      }
      return ok<void, AnyError>(undefined);
    });
  }
}

/** Whether this host has what it takes to begin it: its stage's configuration, its plugins, and a key for what was sealed. */
function canRunHere(host: Host, record: DeploymentRecord, signal: AbortSignal): ResultAsync<void, AnyError> {
  const { rollBackTo, env } = record.request;
  const missing = record.plugins?.filter((plugin) => !host.extensions?.needed.includes(plugin)) ?? [];
  return routine(async function* () {
    if (missing.length > 0) return err(withoutPlugins(missing));
    if (rollBackTo === undefined) yield* findStage(host, record, { signal });
    const spec = rollBackTo === undefined ? undefined : yield* host.store.get('specs', rollBackTo, { signal });
    const sealed = spec ? spec.value.spec.env.flatMap((each) => (each.kept === 'sealed' ? [each] : [])) : env;
    yield* openOverrides(host, sealed);
    return ok<void, AnyError>(undefined);
  });
}

const withoutPlugins = (missing: readonly string[]): TaggedError<'unsupported'> =>
  failure(
    'unsupported',
    `It takes a host with ${missing.length > 1 ? 'the plugins' : 'the plugin'} ${missing.join(', ')}.`,
    'Give the workers of one group the same plugins.',
  );

/** @returns undefined where somebody was quicker */
function takeOver(
  host: Host,
  queued: Stored<DeploymentRecord>,
  signal: AbortSignal,
): ResultAsync<Stored<DeploymentRecord> | undefined, AnyError> {
  const text = `Host ${host.id} takes it over: host ${queued.value.host} is gone.`;
  return rewrite(host, queued, { host: host.id, needsHost: null }, text, () => [], signal);
}

const mark = (host: Host, queued: Stored<DeploymentRecord>, reason: string, signal: AbortSignal) =>
  rewrite(
    host,
    queued,
    { needsHost: reason },
    `Host ${host.id} cannot run it in the place of host ${queued.value.host}: ${reason}`,
    (record) => [{ type: 'deployment.needs-host', payload: { deployment: deploymentView(record), reason } }],
    signal,
  );

function rewrite(
  host: Host,
  { value, version }: Stored<DeploymentRecord>,
  change: Partial<DeploymentRecord>,
  text: string,
  events: (record: DeploymentRecord) => EventDraft[],
  signal: AbortSignal,
): ResultAsync<Stored<DeploymentRecord> | undefined, AnyError> {
  const record: DeploymentRecord = { ...value, ...change, writeId: host.ids.next(host.clock.now()) };
  const changes: Change[] = [
    { op: 'put', collection: 'deployments', record, version },
    logLine(host, record.id, 'warn', text),
  ];
  return writeQueued(host, record, changes, events(record), signal).map(
    (written) => written && { value: written, version: version + 1 },
  );
}

const abandoned = (
  { host, group, needsHost }: DeploymentRecord,
  { abandonAfterMs }: { readonly abandonAfterMs: number },
): TaggedError<'abandoned'> =>
  failure(
    'abandoned',
    `Nobody could run it for ${abandonAfterMs / 3_600_000} hours: host ${host} is gone${group === null ? '' : `, and no worker of group ${group} could take its place`}${needsHost === null ? '' : ` (${needsHost})`}.`,
    group === null
      ? 'Deploy again; give hosts a common `worker.group`, and one takes over from the other.'
      : 'Deploy again, and see to the workers of that group.',
  );
