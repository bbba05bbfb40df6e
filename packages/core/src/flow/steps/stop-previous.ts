import { ok, okAsync } from 'neverthrow';
import type { AnyError } from '../../domain/errors.js';
import type { Json } from '../../domain/json.js';
import { routine } from '../../kernel/routine.js';
import { type Flow, instanceRef } from '../flow.js';
import { calls } from '../limits.js';
import { putBack } from '../put-back.js';
import type { Step } from '../step.js';
import { writeLeases } from '../writes.js';

interface StopIntent {
  readonly instance: string;
  readonly container: string;
  /** Its routes, which undo has to lead to its new address. */
  readonly routes: readonly { readonly domain: string; readonly mark: string }[];
}

/** Of a `stop-first` stage: the instance before makes room. Undo starts it again and leads its routes to where it is then. */
export const stopPreviousStep: Step = {
  name: 'stop-previous',
  version: 1,
  intent: (flow) =>
    routine(async function* () {
      const { previous } = flow;
      if (!previous) return ok<Json, AnyError>(null);
      const records = yield* flow.host.store.list(
        'routes',
        { where: { instance: previous.id } },
        { signal: flow.ledger.lease.lost },
      );
      const routes = records
        .filter(({ value }) => value.state === 'live')
        .map(({ value }) => ({ domain: value.id, mark: value.mark }));
      return ok<Json, AnyError>({ instance: previous.id, container: previous.container, routes });
    }),
  limit: (flow) => calls(flow, 2, flow.previous?.spec.container.stopGraceMs),
  leases: (flow, intent, phase) => {
    const stopped = intent as unknown as StopIntent | null;
    if (phase === 'run' || !stopped) return [];
    const domains = stopped.routes.map(({ domain }) => domain);
    return writeLeases(flow.host, flow.ledger.record.identities?.proxy ?? null, domains);
  },
  run(flow, intent, signal) {
    const stopped = intent as unknown as StopIntent | null;
    const { previous } = flow;
    if (!stopped || !previous) return okAsync(undefined);
    const graceMs = previous.spec.container.stopGraceMs;
    return flow
      .effect(
        `Stopping ${previous.container}`,
        signal,
        (options) => flow.host.runtime.stop(instanceRef(flow.host, previous), { ...options, graceMs }),
        calls(flow, 1, graceMs),
      )
      .map(() => flow.log('info', `Stopped ${previous.container}, to make room.`));
  },
  undo(flow, intent, signal, wasOpen) {
    const stopped = intent as unknown as StopIntent | null;
    return stopped ? startAgain(flow, stopped, signal, wasOpen) : okAsync(undefined);
  },
};

function startAgain(flow: Flow, stopped: StopIntent, signal: AbortSignal, wasOpen: boolean) {
  const { runtime, store } = flow.host;
  const ref = instanceRef(flow.host, { id: stopped.instance, container: stopped.container });
  return routine(async function* () {
    const instance = yield* store.get('instances', stopped.instance, { signal });
    // Since then another deployment has taken its place, and it is gone or about to go: it is not to come back.
    if (instance?.value.state !== 'running') return ok<void, AnyError>(undefined);
    if (wasOpen) {
      // A stop that nobody waited for may still be at it, and would end what is started now: a second one waits for the first.
      const spec = yield* store.get('specs', stopped.instance, { signal });
      const graceMs = spec?.value.spec.container.stopGraceMs ?? 0;
      yield* flow.effect(
        `Stopping ${stopped.container}`,
        signal,
        (options) => runtime.stop(ref, { ...options, graceMs }),
        calls(flow, 1, graceMs),
      );
    }
    const started = await flow.effect(`Starting ${stopped.container} again`, signal, (o) => runtime.start(ref, o));
    // Somebody has removed it meanwhile: nothing is left to start, and what was begun is undone all the same.
    const isGone = started.isErr() && started.error.kind === 'container-missing';
    if (!isGone) yield* started;
    const routes = stopped.routes.map((route) => ({ ...route, ours: [stopped.instance] }));
    yield* putBack(flow, routes, signal);
    // Told last: an undo that is tried again says it once.
    if (isGone) flow.log('error', `${stopped.container} is gone: it cannot be started again.`);
    else flow.log('info', `Started ${stopped.container} again, and led its routes to it.`);
    return ok<void, AnyError>(undefined);
  });
}
