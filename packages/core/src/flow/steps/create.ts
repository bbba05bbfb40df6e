import { err, errAsync, ok, okAsync, type ResultAsync } from 'neverthrow';
import type { EndpointKind } from '../../domain/endpoints.js';
import { type AnyError, failure } from '../../domain/errors.js';
import { canonicalJson } from '../../domain/json.js';
import { routine } from '../../kernel/routine.js';
import type { ContainerRef, ContainerSpec } from '../../ports/container-runtime.js';
import { type Flow, waitOut } from '../flow.js';
import { calls } from '../limits.js';
import type { Step } from '../step.js';
import { lookBesideStart } from '../target.js';
import { pullAgain } from './pull.js';

interface CreateIntent {
  readonly container: string;
  readonly networks: readonly string[];
}

/** Creates the container, under a name that the journal has already. */
export const createStep: Step = {
  name: 'create',
  version: 1,
  // What was cleaned up meanwhile is made or pulled anew, and the container tried again.
  limit: (flow) => calls(flow, 3 + flow.spec.container.networks.length, flow.spec.limits.pullMs),
  intent: (flow) =>
    okAsync({ container: flow.target.name, networks: flow.spec.container.networks.map(({ name }) => name) }),
  run: (flow, _intent, signal) =>
    routine(async function* () {
      let created = await create(flow, signal);
      if (created.isErr() && created.error.kind === 'network-missing') {
        for (const { name } of flow.spec.container.networks) yield* makeNetwork(flow, name, signal);
        created = await create(flow, signal);
      }
      if (created.isErr() && created.error.kind === 'image-not-found') {
        // It was there when it was looked for, and somebody has cleaned up since.
        yield* pullAgain(flow, signal);
        created = await create(flow, signal);
      }
      if (created.isOk()) flow.log('info', `Created ${flow.target.name}.`);
      return created;
    }),
  undo(flow, intent, signal, wasOpen) {
    const { networks } = intent as unknown as CreateIntent;
    return removeContainer(flow, signal, wasOpen).andThen(() => removeNetworks(flow, networks, signal));
  },
};

const create = (flow: Flow, signal: AbortSignal) =>
  flow.effect(`Creating ${flow.target.name}`, signal, (options) =>
    flow.host.runtime.create(containerSpec(flow), options),
  );

function containerSpec(flow: Flow): ContainerSpec {
  const { spec, target, env } = flow;
  const expose: EndpointKind[] = [];
  for (const kind of [spec.reach.proxy, spec.reach.probe])
    if (kind && !expose.some((each) => canonicalJson(each) === canonicalJson(kind))) expose.push(kind);
  return {
    ...spec.container,
    ...target,
    project: spec.project,
    stage: spec.stage,
    tag: spec.tag,
    image: spec.image.reference,
    env,
    port: spec.port,
    expose,
    options: spec.options.runtime,
  };
}

export function makeNetwork(flow: Flow, name: string, signal: AbortSignal): ResultAsync<void, AnyError> {
  const { runtime, storeId } = flow.host;
  return flow
    .effect(`Making network ${name}`, signal, (options) => runtime.ensureNetwork(name, { storeId }, options))
    .map((isNew) => {
      if (isNew) flow.log('info', `Made network ${name}, which was missing.`);
    });
}

/** Removes the target where it is ours: what was there and was removed does not come again. */
function removeContainer(flow: Flow, signal: AbortSignal, wasOpen: boolean): ResultAsync<void, AnyError> {
  return routine(async function* () {
    if (flow.seen.wasRemoved) return ok(undefined);
    if (yield* removeOurs(flow, flow.target, signal, wasOpen)) flow.seen.wasRemoved = true;
    return ok(undefined);
  });
}

/**
 * Removes a container where it is ours, and says whether it was there.
 * @param wasOpen it may still be made by a call of unknown outcome: what is absent is looked for once more, later
 */
export function removeOurs(
  flow: Flow,
  ref: ContainerRef,
  signal: AbortSignal,
  wasOpen: boolean,
): ResultAsync<boolean, AnyError> {
  const { runtime } = flow.host;
  const remove = () => flow.call(`Removing ${ref.name}`, signal, (options) => runtime.remove(ref, options));
  return routine(async function* () {
    let was = yield* remove();
    if (was === 'absent' && wasOpen) {
      yield* waitOut(flow, signal);
      was = yield* remove();
    }
    if (was === 'removed') flow.log('info', `Removed ${ref.name}.`);
    return ok<boolean, AnyError>(was === 'removed');
  });
}

/** Only what carries our label and has nothing attached goes. Failing to is no reason to stop undoing. */
export function removeNetworks(flow: Flow, names: readonly string[], signal: AbortSignal): ResultAsync<void, AnyError> {
  const { runtime, storeId } = flow.host;
  return routine(async function* () {
    for (const name of names) {
      const removed = await flow.call(`Removing network ${name}`, signal, (options) =>
        runtime.removeNetwork(name, { storeId }, options),
      );
      if (removed.isErr() && removed.error.kind === 'aborted') return err(removed.error);
      if (removed.isErr()) flow.log('warn', `Network ${name} stays: ${removed.error.message}`);
      else if (removed.value) flow.log('info', `Removed network ${name}, which was ours and empty.`);
    }
    return ok(undefined);
  });
}

/** Attaches what create could not: it gives the first network alone. */
export const connectStep: Step = {
  name: 'connect',
  version: 1,
  limit: (flow) => calls(flow, 3 * flow.spec.container.networks.length),
  isForeseen: true,
  intent: (flow) => okAsync({ networks: flow.spec.container.networks.slice(1).map(({ name }) => name) }),
  run: (flow, _intent, signal) =>
    routine(async function* () {
      const { runtime } = flow.host;
      for (const { name, aliases } of flow.spec.container.networks.slice(1)) {
        const connect = () =>
          flow.effect(
            `Connecting ${flow.target.name} to ${name}`,
            signal,
            (options) =>
              runtime.connect?.(flow.target, name, aliases, options) ??
              errAsync<void, AnyError>(
                failure(
                  'unsupported',
                  `The runtime ${runtime.name} cannot connect a further network.`,
                  'Give the stage one network.',
                ),
              ),
          );
        let connected = await connect();
        if (connected.isErr() && connected.error.kind === 'network-missing') {
          yield* makeNetwork(flow, name, signal);
          connected = await connect();
        }
        if (connected.isErr()) return err(connected.error);
      }
      return ok(undefined);
    }),
  // Removing the container detaches it; its networks are in create's intent, and one that is still being made has to be there by then.
  undo: (flow, _intent, signal, wasOpen) => (wasOpen ? waitOut(flow, signal) : okAsync(undefined)),
};

export const startStep: Step = {
  name: 'start',
  version: 1,
  // Creating it once more is among what it may have to do.
  limit: (flow) => calls(flow, 3, createStep.limit(flow).ms),
  isForeseen: true,
  intent: (flow) => okAsync({ container: flow.target.name }),
  run: (flow, _intent, signal) =>
    routine(async function* () {
      const start = () =>
        flow.effect(`Starting ${flow.target.name}`, signal, (options) => flow.host.runtime.start(flow.target, options));
      const through = lookBesideStart(flow, signal);
      let started = await start();
      through();
      if (started.isErr() && started.error.kind === 'network-missing') {
        // Somebody has removed it since the container was created, which now holds on to one that is gone: make both anew.
        yield* removeContainer(flow, signal, false);
        flow.seen.wasRemoved = false;
        delete flow.seen.started;
        yield* createStep.run(flow, null, signal);
        started = await start();
      }
      if (started.isOk()) flow.log('info', `Started ${flow.target.name}.`);
      return started;
    }),
  // Removing the container ends it. A start may have made it anew, and then it is here that a late one is waited for.
  undo: (flow, _intent, signal, wasOpen) => (wasOpen ? removeContainer(flow, signal, true) : okAsync(undefined)),
};
