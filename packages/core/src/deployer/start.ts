/**
 * A deployer at work: its parts, put together from what was configured. Loaded with the first one that is made, and whole: nothing that a
 * deployment or its undo needs is looked for on the disk when it is under way.
 */
import { err, ok, okAsync, type Result, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import { once } from '../domain/once.js';
import type { TaskRecord } from '../domain/records.js';
import { deploymentView } from '../domain/views.js';
import { type Acted, audited } from '../events/audit.js';
import { commitAndTell } from '../events/commit.js';
import { EventHub } from '../events/hub.js';
import { surroundings } from '../flow/describe.js';
import type { Host } from '../flow/host.js';
import { Traffic } from '../flow/traffic.js';
import { boundedSealer } from '../kernel/bounded-sealer.js';
import { boundedStore } from '../kernel/bounded-store.js';
import { Leases } from '../kernel/lease.js';
import { guard, routine } from '../kernel/routine.js';
import { bounded, endedWithin, scope } from '../kernel/scope.js';
import { Secrets } from '../kernel/secrets.js';
import type { Plugins } from '../plugins/plugins.js';
import { invalid } from '../ports/kit.js';
import { Outbox } from '../tasks/outbox.js';
import { TaskRunner } from '../tasks/runner.js';
import type { Watching } from '../watch/watch.js';
import { Heartbeat } from '../workers/heartbeat.js';
import { Hosts } from '../workers/hosts.js';
import type { QueueSweep } from '../workers/sweep.js';
import type { Configured } from './configure.js';
import { discreet } from './discreet.js';
import { followEvents, followInstance, followLogs } from './follow.js';
import { Keeper } from './keeper.js';
import { late } from './late.js';
import { setPinned } from './pins.js';
import { planDeployment } from './plan.js';
import { queries } from './queries.js';
import { Recovering } from './recovering.js';
import { removeInstance, removeStage } from './remove.js';
import {
  parseAsked,
  parseCancel,
  parseDeploy,
  parseMaintenance,
  parsePin,
  parseRemove,
  parseRollBack,
} from './requests.js';
import { deploySubmission, rollBackSubmission } from './submission.js';
import { Submissions } from './submissions.js';
import type {
  AskOptions,
  CallBound,
  CancelAnswer,
  CloseOptions,
  DeployError,
  Deployer,
  DeployRequest,
  Handle,
  RemoveAnswer,
  Watch,
} from './types.js';
import { closed, unknownDeployment } from './unknown.js';

const CLOSE_MS = 60_000;
const OUTBOX_MS = 5_000;
/** A port that does not let go is left to itself after so long. */
const CLOSE_PORT_MS = 10_000;

/** Before the store is opened: what is wrong with a plugin is wrong with the configuration. */
export const setUp = (configured: Configured): ResultAsync<Plugins, AnyError> =>
  guard(async () => (await late.plugins()).setUpPlugins(configured.plugins, configured));

/** @param storeId of the store that it was given, which is open */
export function startDeployer(configured: Configured, storeId: string, plugins: Plugins | null): Deployer {
  const ended = new AbortController();
  const host = assemble(configured, storeId, plugins, ended.signal);
  host.proxy?.attach?.(configured.store, host.clock);
  plugins?.start(host);
  return start(host, ended, configured.recover, plugins);
}

function assemble(
  { plugins: _placed, ...configured }: Configured,
  storeId: string,
  plugins: Plugins | null,
  ended: AbortSignal,
): Host {
  const { clock, ids, sealer, settings, runtime, proxy, probe, registry, notifiers } = configured;
  const id = ids.next(clock.now());
  const store = boundedStore(configured.store, clock, settings.effectTimeoutMs, ended);
  const effect = { ms: settings.effectTimeoutMs, setting: 'effectTimeoutMs' };
  const call: Host['call'] = (what, signal, work, limit = effect) =>
    bounded(clock, [signal, ended], { ...limit, what }, work);
  const parts = {
    ...configured,
    extensions: plugins,
    notifiers: plugins ? [...configured.notifiers, ...plugins.notifiers] : configured.notifiers,
    store,
    sealer: sealer && boundedSealer(sealer, clock, settings.effectTimeoutMs),
    call,
    id,
    storeId,
    hub: new EventHub(),
    traffic: new Traffic(clock),
    ended,
    leases: new Leases(store, clock, id, settings),
    secrets: new Secrets([
      ...[runtime, proxy, configured.store, probe, registry, sealer],
      ...[...notifiers, ...(plugins?.notifiers ?? [])],
    ]),
  };
  return { ...parts, surroundings: surroundings(parts) };
}

function start(host: Host, ended: AbortController, recovers: Configured['recover'], plugins: Plugins | null): Deployer {
  const runner = new TaskRunner(host);
  // What is swept now and then hangs on its beats: `heartbeat.onBeat((signal) => …)`, before it starts.
  const heartbeat = new Heartbeat(host);
  const hosts = new Hosts(host);
  const submissions = new Submissions(host, heartbeat, hosts, (tasks) => runner.add(tasks));
  let sweep: QueueSweep | undefined;
  heartbeat.onBeat(async (signal) => {
    const { QueueSweep } = await late.sweep();
    sweep ??= new QueueSweep(host, hosts, (queued) => submissions.adopt(queued));
    await sweep.once(signal);
  });
  const outbox = new Outbox(host, (task) => runner.add([task]));
  const keeper = new Keeper(host, (tasks) => runner.add(tasks));
  /** Calls that are not to be cut off by a close: what they ask for may be done already. */
  const underWay = new Set<ResultAsync<unknown, unknown>>();
  const waitedFor = <T, E>(call: ResultAsync<T, E>): ResultAsync<T, E> => {
    underWay.add(call);
    void call.then(() => underWay.delete(call));
    return call;
  };
  const starting = new AbortController();
  const isManual = recovers === 'manual';
  /** What dead hosts leave is swept by whoever recovers by itself, and by whoever watches. */
  const sweeps = once(() => heartbeat.onBeat((signal) => recovering.sweep(signal)));
  const recovering = new Recovering(host, runner);
  const started = Promise.all([isManual ? undefined : runner.resume(starting.signal), outbox.start(starting.signal)]);
  if (!isManual) {
    sweeps();
    void recovering.run(starting.signal);
  }
  keeper.start();
  /** What has come to its end goes where somebody works or watches. */
  const tidies = once(() => heartbeat.onBeat((signal) => keeper.sweep(signal)));
  if (host.group !== null) tidies();
  heartbeat.start();
  const watches = new Set<Watching>();
  let closing: Promise<void> | undefined;
  const isOpen = (): Result<void, AnyError> => (closing ? err(closed()) : ok(undefined));

  const submit = (request: unknown, signal: AbortSignal, cancel?: AbortSignal): ResultAsync<Handle, DeployError> =>
    waitedFor(
      routine(async function* () {
        yield* isOpen();
        const asked = yield* parseDeploy(request);
        return await submissions.submit(yield* deploySubmission(host, asked, signal), signal, cancel);
      }),
    );
  const submitRollBack = (request: unknown, signal: AbortSignal, cancel?: AbortSignal) =>
    waitedFor(
      routine(async function* () {
        yield* isOpen();
        const asked = yield* parseRollBack(request);
        return await submissions.submit(yield* rollBackSubmission(host, asked, signal), signal, cancel);
      }),
    );
  const waited = (handle: ResultAsync<Handle, DeployError>) => handle.andThen(({ result }) => result);

  /** What it waits for does not outlive the deployer. */
  const untilEnded = async <T>(options: CallBound, work: (signal: AbortSignal) => Promise<T> | PromiseLike<T>) => {
    const own = scope(host.clock, [signalOf(options), host.ended]);
    try {
      return await work(own.signal);
    } finally {
      own.end();
    }
  };

  const pin = (instance: string, { by, ...options }: AskOptions = {}, isPinned: boolean) =>
    waitedFor(
      routine(async function* () {
        yield* isOpen();
        return await setPinned(host, yield* parsePin({ instance, by }), isPinned, signalOf(options));
      }),
    );

  /** Before what takes several commits. */
  const record = (acted: Acted, signal: AbortSignal) => {
    const { changes, events } = audited(host, acted);
    return commitAndTell(host, changes, events, { signal });
  };

  const deployer: Deployer = {
    id: host.id,
    storeId: host.storeId,
    submit: (request, options) => submit(request, signalOf(options)),
    deploy: (request, options) => waited(submit(request, new AbortController().signal, options?.signal)),
    submitRollBack: (request, options) => submitRollBack(request, signalOf(options)),
    rollBack: (request, options) => waited(submitRollBack(request, new AbortController().signal, options?.signal)),
    plan: (request, options) =>
      routine(async function* () {
        yield* isOpen();
        const asked: DeployRequest = yield* parseDeploy(request);
        return await planDeployment(host, asked, signalOf(options));
      }),
    remove: (what, { by, ...options } = {}) =>
      waitedFor(
        routine(async function* () {
          yield* isOpen();
          const asked = yield* parseRemove(what);
          const who = (yield* parseAsked({ by })).by ?? null;
          const onTasks = (tasks: readonly TaskRecord[]) => runner.add(tasks);
          const instances = yield* await untilEnded(options, (signal) => {
            const terms = { onTasks, by: who, signal };
            return 'instance' in asked ? removeInstance(host, asked.instance, terms) : removeStage(host, asked, terms);
          });
          return ok<RemoveAnswer, AnyError>({ instances });
        }),
      ),
    pin: (id, options) => pin(id, options, true),
    unpin: (id, options) => pin(id, options, false),
    maintenance: (request, options = {}) =>
      waitedFor(
        routine(async function* () {
          yield* isOpen();
          const asked = yield* parseMaintenance(request);
          const { setMaintenance } = await late.maintenance();
          const onTasks = (tasks: readonly TaskRecord[]) => runner.add(tasks);
          return await untilEnded(options, (signal) => setMaintenance(host, asked, { onTasks, signal }));
        }),
      ),
    prune: ({ by, signal = signalOf(undefined), ...terms } = {}) =>
      routine(async function* () {
        yield* isOpen();
        const asked = yield* parseAsked({ by });
        const detail = terms.unowned ? 'with what belongs to no record' : null;
        if (!terms.dryRun) yield* record({ act: 'prune', by: asked.by ?? null, detail }, signal);
        return await keeper.prune(terms, signal);
      }),
    resealSecrets: (options = {}) =>
      waitedFor(
        routine(async function* () {
          yield* isOpen();
          const { reseal } = await late.reseal();
          return await untilEnded(options, (signal) => reseal(host, signal));
        }),
      ),
    cancel: (id, { by, reason, ...bound } = {}) =>
      waitedFor(
        routine(async function* () {
          yield* isOpen();
          const said = yield* parseCancel({ by, reason });
          const cause = { by: said.by ?? null, reason: said.reason ?? null };
          const { record, state } = yield* submissions.cancel(id, cause, signalOf(bound), { isAsked: true });
          return record
            ? ok<CancelAnswer, AnyError>({ deployment: deploymentView(record), state })
            : err(unknownDeployment(id));
        }),
      ),
    recover: ({ by, ...options } = {}) =>
      routine(async function* () {
        yield* isOpen();
        const asked = yield* parseAsked({ by });
        const signal = signalOf(options);
        yield* record({ act: 'recover', by: asked.by ?? null }, signal);
        return await recovering.run(signal);
      }),
    result: (id, options) => submissions.result(id, options?.signal),
    logs: (id, options) => followLogs(host, id, options),
    events: (options) => followEvents(host, options),
    instanceLogs: (id, options) => followInstance(host, id, options),
    on: (name, listener) => host.hub.on(name, listener),
    once: (name, listener) => host.hub.once(name, listener),
    ...queries(host),
    parseRequest: parseDeploy as Deployer['parseRequest'],
    watch: ({ changedRoutes = 'report', ...bound } = {}) =>
      routine(async function* () {
        yield* isOpen();
        if (!['report', 'put-back'].includes(changedRoutes)) {
          const expected = "'report' or 'put-back'";
          return err(
            invalid('invalid-request', [{ path: 'changedRoutes', expected, received: String(changedRoutes) }]),
          );
        }
        const { startWatching } = await late.watch();
        yield* isOpen();
        sweeps();
        tidies();
        const watching = startWatching(host, { changedRoutes }, signalOf(bound));
        watches.add(watching);
        const stop = () => watching.stop().finally(() => watches.delete(watching));
        return ok<Watch, AnyError>({ stop, [Symbol.asyncDispose]: stop });
      }),
    close: (options) => {
      closing ??= close(options);
      return closing;
    },
    [Symbol.asyncDispose]: () => deployer.close(),
  };

  async function close({ timeoutMs = CLOSE_MS, running = 'finish', ...more }: CloseOptions = {}): Promise<void> {
    const hurry = signalOf(more);
    const untilMs = host.clock.monotonicMs() + timeoutMs;
    const leftMs = () => Math.max(0, untilMs - host.clock.monotonicMs());
    const within = (ms: number, work: Promise<unknown>) => endedWithin(host.clock, work, ms, hurry);
    const silent = Promise.all([heartbeat.close(), recovering.close(), ...[...watches].map((each) => each.stop())]);
    await submissions.close(running, timeoutMs, hurry);
    await within(leftMs(), silent);
    await within(leftMs(), Promise.all(underWay));
    await within(leftMs(), started);
    await within(leftMs(), runner.idle());
    await plugins?.finish(leftMs(), hurry);
    await keeper.close(hurry);
    await within(OUTBOX_MS, outbox.idle());
    starting.abort();
    await outbox.close();
    await runner.close();
    await plugins?.dispose();
    host.hub.close();
    ended.abort(new Error('the deployer is closed'));
    await closePorts(host);
  }
  return discreet(deployer, host.secrets);
}

const signalOf = (options: CallBound | undefined): AbortSignal => options?.signal ?? new AbortController().signal;

/** The store last: the others may have something to write when they close. */
async function closePorts(host: Host): Promise<void> {
  const { clock, proxy, runtime, probe, registry, notifiers, store } = host;
  const nothing = () => okAsync(undefined);
  const shut = (what: string, call: () => ResultAsync<void, AnyError>) =>
    bounded(clock, [], { what: `Closing ${what}`, ms: CLOSE_PORT_MS }, call);
  await shut('the proxy', () => proxy?.close?.() ?? nothing());
  await shut('the runtime', () => runtime.close?.() ?? nothing());
  await shut('the probe', () => probe.close?.() ?? nothing());
  await shut('the registry', () => registry?.close?.() ?? nothing());
  for (const notifier of notifiers) await shut(notifier.name, () => notifier.close?.() ?? nothing());
  await shut('the store', () => store.close());
}
