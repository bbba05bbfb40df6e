/** Whether visitors of a stage get to its instance, or are told to come again: what was asked for, checked, and whether it is so already. */
import { err, ok, type ResultAsync } from 'neverthrow';
import { resolveMaintenance } from '../config/resolve.js';
import { type AnyError, failure } from '../domain/errors.js';
import { type Maintenance, type StageRecord, stageKey } from '../domain/records.js';
import { type Stage, stageView } from '../domain/views.js';
import { audited } from '../events/audit.js';
import { stageLease } from '../flow/deploy.js';
import { visitedRoutes } from '../flow/hold-routes.js';
import { holdingOf, isSameHolding, openHoldTasks } from '../flow/holding.js';
import type { Host } from '../flow/host.js';
import { maintain } from '../flow/maintain.js';
import { findStage } from '../flow/resolve.js';
import { settleStage } from '../flow/settle.js';
import { readStage, type StageState } from '../flow/stage-state.js';
import type { OnTasks } from '../flow/take-down.js';
import { routine } from '../kernel/routine.js';
import { releaseAll } from '../kernel/under-leases.js';
import type { Holding } from '../ports/proxy-manager.js';

/** As it was parsed. */
export interface AskedMaintenance {
  readonly project: string;
  readonly stage: string;
  readonly on: boolean;
  readonly message?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly by?: string | undefined;
}

/** Idempotent: what is as wanted already is looked at, put again where the proxy has it otherwise, and not told again. */
export function setMaintenance(
  host: Host,
  asked: AskedMaintenance,
  { onTasks, signal }: { readonly onTasks: OnTasks; readonly signal: AbortSignal },
): ResultAsync<Stage, AnyError> {
  const { project, stage, by = null } = asked;
  const of = { project, stage };
  const key = stageKey(project, stage);
  return routine(async function* () {
    const wanted = yield* wantedOf(host, asked, key, signal);
    const { identities } = yield* host.surroundings({ signal });
    const taken = yield* host.leases.take([stageLease(key)], { signal, deployment: null });
    try {
      const [lease] = taken.leases;
      if (!lease) return err(failure('stage-busy', `The stage ${project}/${stage} was not free.`, 'Ask again.'));
      yield* settleStage(host, key, lease, identities, null, signal);
      const state = yield* readStage(host, key, signal);
      const before = state.stage?.value.maintenance ?? null;
      const isSame = isSameHolding(before ?? undefined, wanted ?? undefined);
      if (isSame && (yield* isServed(host, state, key, signal)))
        return ok<Stage, AnyError>(viewOf(of, state.stage?.value));
      const to: Maintenance | null = isSame
        ? before
        : wanted && { since: before?.since ?? host.clock.now(), ...wanted, by };
      const detail = to ? `on: ${to.message}` : 'off';
      const told = isSame ? { changes: [], events: [] } : audited(host, { act: 'maintenance', by, of, detail });
      const events = isSame
        ? []
        : [{ type: 'stage.maintenance' as const, payload: { ...of, maintenance: to, by } }, ...told.events];
      const record = yield* maintain(host, { of, lease, to, changes: told.changes, events, onTasks, signal });
      return ok<Stage, AnyError>(viewOf(of, record));
    } finally {
      await releaseAll(taken.leases);
    }
  });
}

const viewOf = (of: { readonly project: string; readonly stage: string }, record: StageRecord | undefined): Stage =>
  record ? stageView(record) : { ...of, current: null, previous: null, maintenance: null };

/** What visitors are to be told; null: nothing. Everything that can be wrong with it comes before the stage is touched. */
function wantedOf(
  host: Host,
  { project, stage, on, message, retryAfterMs }: AskedMaintenance,
  key: string,
  signal: AbortSignal,
): ResultAsync<Holding | null, AnyError> {
  return routine(async function* () {
    const known = yield* host.store.get('stages', key, { signal });
    const found = await findStage(host, { project, stage }, { signal });
    // What runs can be held and let in whatever has become of its configuration.
    if (found.isErr() && (!known || found.error.kind === 'aborted')) return err(found.error);
    if (!on) return ok<Holding | null, AnyError>(null);
    const { proxy } = host;
    if (!proxy || (found.isOk() && found.value.port === null)) return err(noRoute(project, stage));
    if (!proxy.capabilities.holding) return err(cannotHold(proxy.name));
    const usual = found.isOk() ? found.value.maintenance : resolveMaintenance([host.settings]);
    return ok<Holding | null, AnyError>({
      // It is shown to anybody.
      message: host.secrets.wideRedactor().text(message ?? usual.message),
      retryAfterMs: retryAfterMs ?? usual.retryAfterMs,
    });
  });
}

/** Whether the proxy tells visitors what the record says, as far as it holds the routes, and nothing of a change is left over. */
function isServed(host: Host, state: StageState, key: string, signal: AbortSignal): ResultAsync<boolean, AnyError> {
  const { proxy } = host;
  return routine(async function* () {
    if ((yield* openHoldTasks(host.store, key, signal)).length > 0) return ok<boolean, AnyError>(false);
    if (!proxy) return ok<boolean, AnyError>(true);
    for (const { value } of visitedRoutes(state.routes)) {
      const held = yield* host.call(`Reading the route ${value.id}`, signal, (o) => proxy.get(value.id, o));
      if (held?.mark === value.mark && !isSameHolding(held.holding, holdingOf(proxy, state.stage, value.owner)))
        return ok<boolean, AnyError>(false);
    }
    return ok<boolean, AnyError>(true);
  });
}

const noRoute = (project: string, stage: string): AnyError =>
  failure(
    'unsupported',
    `Stage "${stage}" of project "${project}" has no route: there are no visitors to tell anything.`,
    'Give it a `port` and the deployer a proxy, or leave it.',
  );

const cannotHold = (proxy: string): AnyError =>
  failure(
    'unsupported',
    `The proxy ${proxy} cannot answer visitors itself: it has not the capability \`holding\`.`,
    'Use a proxy that has it, or take the stage off (`quayside remove`).',
  );
