import { errAsync, okAsync, ResultAsync } from 'neverthrow';
import { aborted, type ErrorKind, QuaysideError, type TaggedError } from '../../domain/errors.js';
import type { Container, ContainerRuntime, RuntimeError, RuntimeEvent } from '../../ports/container-runtime.js';
import { eventOf, type MemoryContainer, type MemoryEngine, viewOf } from './engine.js';
import { events } from './queue.js';
import { runToEndOver } from './run-to-end.js';

const fault = <K extends ErrorKind>(kind: K, message: string, hint: string): TaggedError<K> => ({
  kind,
  message,
  hint,
  retryable: false,
});

const noImage = (reference: string) =>
  fault('image-not-found', `There is no image ${reference}.`, 'Push it, or correct the tag.');

const connectionLost = (): RuntimeError => ({
  ...fault('engine-unreachable', 'The connection to the engine was lost.', 'Connect again, and list what was missed.'),
  retryable: true,
});

const missing = (name: string) => fault('container-missing', `There is no container ${name}.`, 'Deploy again.');

/** A `ContainerRuntime` over the engine in memory. */
export function memoryRuntime(engine: MemoryEngine): ContainerRuntime & Required<Pick<ContainerRuntime, 'runToEnd'>> {
  const call = <T>(
    signal: AbortSignal,
    what: string,
    work: () => T | ResultAsync<T, RuntimeError>,
  ): ResultAsync<T, RuntimeError> => {
    if (signal.aborted) return errAsync(aborted(what, signal.reason));
    const answer = work();
    return answer instanceof ResultAsync ? answer : okAsync(answer);
  };
  const owned = (ref: {
    name: string;
    owner: { storeId: string; deployment: string };
  }): MemoryContainer | undefined => {
    const container = engine.containers.get(ref.name);
    return container && isSame(container, ref.owner) ? container : undefined;
  };
  /** By tag, by digest or by id, as an engine looks them up. */
  const local = (reference: string): { reference: string; digest: string } | undefined => {
    for (const [key, digest] of engine.images) {
      if (key === reference || digest === reference || engine.registry.get(reference) === digest)
        return { reference: key, digest };
    }
    return undefined;
  };

  const runtime: ContainerRuntime = {
    name: 'memory',
    describe: ({ signal }) =>
      call(signal, 'Describing the engine', () => ({
        identity: engine.identity,
        offers: [
          { kind: 'name' as const, network: engine.network },
          { kind: 'address' as const, node: engine.node },
          { kind: 'published' as const, node: engine.node, bind: '127.0.0.1' },
        ],
      })),
    resolve: (reference, { signal }) =>
      call<{ digest: string }>(signal, `Resolving ${reference}`, () => {
        const digest = engine.registry.get(reference) ?? reference.split('@')[1];
        return digest && engine.behaviours.has(digest) ? { digest } : errAsync(noImage(reference));
      }),
    image: (reference, { signal }) =>
      call(signal, `Looking for ${reference}`, () => {
        const found = local(reference);
        if (!found) return undefined;
        const behaviour = engine.behaviours.get(found.digest);
        return {
          id: found.digest,
          digests: [found.reference],
          hasHealthcheck: behaviour?.health !== undefined,
          ports: [],
        };
      }),
    pull: (reference, { signal, onProgress }) =>
      call(signal, `Pulling ${reference}`, () => {
        const digest = engine.registry.get(reference) ?? reference.split('@')[1];
        const behaviour = digest === undefined ? undefined : engine.behaviours.get(digest);
        if (digest === undefined || !behaviour) return errAsync(noImage(reference));
        try {
          onProgress?.({ layer: 'layer-1', status: 'Pull complete', currentBytes: 1, totalBytes: 1 });
        } catch {
          // As a real one: a progress bar that breaks does not stop a pull.
        }
        const repository = reference.includes('@')
          ? reference.split('@')[0]
          : reference.slice(0, reference.lastIndexOf(':'));
        engine.images.set(`${repository}@${digest}`, digest);
        return okAsync({
          id: digest,
          digests: [`${repository}@${digest}`],
          hasHealthcheck: behaviour.health !== undefined,
          ports: [],
        });
      }),
    removeImage: (reference, { signal }) =>
      call<void>(signal, `Removing ${reference}`, () => {
        const found = local(reference);
        if (!found) return undefined;
        for (const container of engine.containers.values()) {
          if (container.spec.image === found.reference || container.spec.image === found.digest) {
            return errAsync(fault('image-in-use', `${reference} is in use.`, 'Remove its containers first.'));
          }
        }
        engine.images.delete(found.reference);
        return undefined;
      }),
    ensureNetwork: (name, owner, { signal }) =>
      call(signal, `Making network ${name}`, () => {
        if (engine.networks.has(name)) return false;
        engine.networks.set(name, { storeId: owner.storeId });
        return true;
      }),
    removeNetwork: (name, owner, { signal }) =>
      call(signal, `Removing network ${name}`, () => {
        if (engine.networks.get(name)?.storeId !== owner.storeId) return false;
        for (const container of engine.containers.values()) if (container.networks.has(name)) return false;
        return engine.networks.delete(name);
      }),
    create: (spec, { signal }) =>
      call<void>(signal, `Creating ${spec.name}`, () => {
        const there = engine.containers.get(spec.name);
        if (there) {
          if (isSame(there, spec.owner)) return undefined;
          return errAsync(
            fault(
              'name-taken',
              `Container "${spec.name}" exists already and is not ours.`,
              `Rename or remove it (docker rm ${spec.name}), then deploy again.`,
            ),
          );
        }
        if (!local(spec.image)) return errAsync(noImage(spec.image));
        const first = spec.networks[0]?.name ?? engine.network;
        if (!engine.networks.has(first)) {
          return errAsync(fault('network-missing', `There is no network ${first}.`, 'Create it.'));
        }
        engine.containers.set(spec.name, {
          spec,
          networks: new Set([first]),
          state: 'created',
          address: '',
          hostPort: 0,
          startedMs: 0,
          exitCode: null,
          oomKilled: false,
          restarts: 0,
          lines: [],
          cancelExit: undefined,
        });
        return undefined;
      }),
    connect: (ref, network, _aliases, { signal }) =>
      call<void>(signal, `Connecting ${ref.name}`, () => {
        const container = owned(ref);
        if (!container) return errAsync(missing(ref.name));
        if (!engine.networks.has(network))
          return errAsync(fault('network-missing', `There is no network ${network}.`, 'Create it.'));
        container.networks.add(network);
        return undefined;
      }),
    start: (ref, { signal }) =>
      call<void>(signal, `Starting ${ref.name}`, () => {
        const container = owned(ref);
        if (!container) return errAsync(missing(ref.name));
        if (container.state === 'running') return undefined;
        container.cancelExit?.();
        const behaviour = engine.behaviours.get(container.spec.image.split('@').at(-1) ?? '');
        if (behaviour?.startFails) {
          return errAsync(fault('start-failed', behaviour.startFails, 'Correct the command of the image.'));
        }
        for (const { hostPort } of container.spec.ports) {
          if (hostPort === null) continue;
          const isTaken = [...engine.containers.values()].some(
            (other) =>
              other !== container &&
              other.state === 'running' &&
              other.spec.ports.some((port) => port.hostPort === hostPort),
          );
          if (isTaken) return errAsync(fault('port-taken', `Host port ${hostPort} is in use.`, 'Choose another one.'));
        }
        engine.start(container);
        return undefined;
      }),
    stop: (ref, { signal }) =>
      call(signal, `Stopping ${ref.name}`, () => {
        const container = owned(ref);
        if (container) engine.stop(container, 0);
      }),
    remove: (ref, { signal }) =>
      call<'removed' | 'absent' | 'foreign'>(signal, `Removing ${ref.name}`, () => {
        if (!engine.containers.has(ref.name)) return 'absent';
        const container = owned(ref);
        if (!container) return 'foreign';
        engine.stop(container, 137);
        engine.containers.delete(ref.name);
        engine.emit(eventOf(container, 'removed', null));
        return 'removed';
      }),
    inspect: (name, { signal, port }) =>
      call<Container | undefined>(signal, `Inspecting ${name}`, () => {
        const container = engine.containers.get(name);
        return container && viewOf(engine, container, port);
      }),
    async *logs(name, { tail, since = 0, follow = false, signal }) {
      const container = engine.containers.get(name);
      if (!container) throw new QuaysideError(missing(name));
      const all = container.lines.filter(({ time }) => time === null || time >= since);
      let told = container.lines.length;
      for (const line of tail === undefined ? all : all.slice(Math.max(0, all.length - tail))) {
        if (signal.aborted) return;
        yield line;
      }
      const isUp = () => engine.containers.get(name) === container && container.state === 'running';
      while (follow && !signal.aborted && (isUp() || told < container.lines.length)) {
        for (const line of container.lines.slice(told)) {
          told += 1;
          if (signal.aborted) return;
          yield line;
        }
        if (isUp()) await somethingHappens(engine, signal);
      }
    },
    list: (owner, { signal }) =>
      call(signal, 'Listing containers', () =>
        [...engine.containers.values()]
          .filter((container) => container.spec.owner.storeId === owner.storeId)
          .map((container) => viewOf(engine, container, null)),
      ),
    watch: (owner, { signal }) =>
      call(signal, 'Watching', () =>
        events<RuntimeEvent>(signal, (push, fail) => {
          const watcher = (event: RuntimeEvent) => {
            if (event.owner.storeId === owner.storeId) push(event);
          };
          const broken = () => fail(new QuaysideError(connectionLost()));
          engine.watchers.add(watcher);
          engine.connections.add(broken);
          return () => {
            engine.watchers.delete(watcher);
            engine.connections.delete(broken);
          };
        }),
      ),
  };
  return { ...runtime, runToEnd: runToEndOver(engine, runtime) };
}

const isSame = (container: MemoryContainer, owner: { storeId: string; deployment: string }): boolean =>
  container.spec.owner.storeId === owner.storeId && container.spec.owner.deployment === owner.deployment;

/** Whoever follows a container's output looks again at each event of the engine's. */
const somethingHappens = (engine: MemoryEngine, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const wake = () => {
      engine.watchers.delete(wake);
      signal.removeEventListener('abort', wake);
      resolve();
    };
    engine.watchers.add(wake);
    signal.addEventListener('abort', wake, { once: true });
  });
