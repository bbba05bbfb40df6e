/**
 * A container engine in memory, and the network around it: what the in-memory runtime, registry, probe and proxy share, so that
 * a container that was not started does not answer, and a route to a removed one fails as it would in the world.
 */
import type { Endpoint } from '../../domain/endpoints.js';
import { hashText } from '../../domain/hash.js';
import type { Clock } from '../../ports/clock.js';
import type {
  Container,
  ContainerLogLine,
  ContainerSpec,
  ContainerState,
  RuntimeEvent,
} from '../../ports/container-runtime.js';

/** How the app of an image behaves. */
export interface AppBehaviour {
  /** When it begins to listen, after its start; default 0. Null: never. */
  readonly listensAfterMs?: number | null;
  /** What it answers once it listens; default 200 for every path. */
  readonly status?: number | ((path: string) => number);
  readonly body?: string;
  readonly location?: string;
  /** What becomes of a connection to it: it is never answered, or closed without an answer. Default: answered. */
  readonly connection?: 'hangs' | 'resets';
  /** When its process ends; default never. */
  readonly exitsAfterMs?: number;
  readonly exitCode?: number;
  readonly oomKilled?: boolean;
  /** The image's own health check: what it comes to, and when. */
  readonly health?: { readonly status: 'healthy' | 'unhealthy'; readonly afterMs: number; readonly output?: string };
  /** What it writes when it starts. */
  readonly lines?: readonly string[];
  /** What it does instead where it is started with a command. */
  readonly commands?: (command: readonly string[], env: { readonly [name: string]: string }) => AppBehaviour;
  /** The engine cannot start it. */
  readonly startFails?: string;
}

export interface MemoryEngine {
  readonly identity: string;
  readonly node: string;
  readonly network: string;
  readonly clock: Clock;
  /** Puts an image into the registry; answers its digest. */
  push(reference: string, behaviour?: AppBehaviour): string;
  readonly registry: Map<string, string>;
  readonly behaviours: Map<string, AppBehaviour>;
  /** Images that the engine has, by `repository@digest`. */
  readonly images: Map<string, string>;
  readonly containers: Map<string, MemoryContainer>;
  readonly networks: Map<string, { storeId: string | null }>;
  /** What would answer a connection to this host and port now. */
  connect(
    host: string,
    port: number,
  ):
    | {
        answer(path: string): { status: number; body: string; location: string | null };
        readonly connection: 'answers' | 'hangs' | 'resets';
        container: MemoryContainer;
      }
    | undefined;
  start(container: MemoryContainer): void;
  stop(container: MemoryContainer, exitCode: number): void;
  emit(event: RuntimeEvent): void;
  readonly watchers: Set<(event: RuntimeEvent) => void>;
  /** Called when the connections of those who watch break. */
  readonly connections: Set<() => void>;
  /** Ends a container's process from outside, as a crash would. */
  kill(name: string, exitCode?: number): void;
  /**
   * Restarts the engine: everything that runs ends, and comes back under another address and host port where its restart policy says so;
   * nobody is told, as every connection breaks.
   */
  restart(): void;
}

export interface MemoryContainer {
  readonly spec: ContainerSpec;
  readonly networks: Set<string>;
  state: ContainerState;
  address: string;
  hostPort: number;
  startedMs: number;
  exitCode: number | null;
  oomKilled: boolean;
  restarts: number;
  lines: ContainerLogLine[];
  /** Before its last restart. */
  backoffMs?: number;
  /** Takes back the end of its process that is to come, or its next start. */
  cancelExit: (() => void) | undefined;
}

export function memoryEngine(
  clock: Clock,
  options: {
    readonly identity?: string;
    readonly node?: string;
    readonly network?: string;
    /** Give the lowest address that is free, as engines do: a route that was left behind then leads to somebody else. Default false. */
    readonly reusesAddresses?: boolean;
  } = {},
): MemoryEngine {
  const { identity = 'engine-1', node = 'node-1', network = 'apps', reusesAddresses = false } = options;
  let addresses = 0;
  const nextAddress = (): number => {
    addresses += 1;
    if (!reusesAddresses) return addresses;
    const taken = new Set<number>();
    for (const { state, hostPort } of engine.containers.values()) if (state === 'running') taken.add(hostPort - 40_000);
    for (let address = 1; ; address += 1) if (!taken.has(address)) return address;
  };
  const engine: MemoryEngine = {
    identity,
    node,
    network,
    clock,
    registry: new Map(),
    behaviours: new Map(),
    images: new Map(),
    containers: new Map(),
    networks: new Map([[network, { storeId: null }]]),
    watchers: new Set(),
    connections: new Set(),
    push(reference, behaviour = {}) {
      const text = `${reference}${JSON.stringify(behaviour, (_, value) => (typeof value === 'function' ? String(value) : value))}`;
      const digest = `sha256:${hexOf(hashText(text))}`;
      engine.registry.set(reference, digest);
      engine.behaviours.set(digest, behaviour);
      return digest;
    },
    connect(host, port) {
      for (const container of engine.containers.values()) {
        if (container.state !== 'running') continue;
        const { spec, address, hostPort } = container;
        const isThere = spec.port === port && (host === address || host === spec.name);
        const isPublished = hostPort === port && host === '127.0.0.1';
        if (!isThere && !isPublished) continue;
        const behaviour = behaviourOf(engine, container);
        const { listensAfterMs = 0, status = 200, body = 'ok', location = null } = behaviour;
        if (listensAfterMs === null || clock.monotonicMs() - container.startedMs < listensAfterMs) return undefined;
        return {
          container,
          connection: behaviour.connection ?? 'answers',
          answer: (path) => ({ status: typeof status === 'function' ? status(path) : status, body, location }),
        };
      }
      return undefined;
    },
    start(container) {
      const behaviour = behaviourOf(engine, container);
      const address = nextAddress();
      container.state = 'running';
      container.address = `10.0.${address >> 8}.${address & 255}`;
      container.hostPort = 40_000 + address;
      container.startedMs = clock.monotonicMs();
      const time = clock.now();
      for (const text of behaviour.lines ?? []) container.lines.push({ time, stream: 'stdout', text });
      engine.emit(eventOf(container, 'started', null));
      const { exitsAfterMs } = behaviour;
      if (exitsAfterMs === undefined) return;
      container.cancelExit = clock.after(exitsAfterMs, () =>
        exit(engine, container, behaviour.exitCode ?? 1, behaviour.oomKilled ?? false),
      );
    },
    stop(container, exitCode) {
      container.cancelExit?.();
      if (container.state === 'restarting') container.state = 'exited';
      if (container.state !== 'running') return;
      container.state = 'exited';
      container.exitCode = exitCode;
      engine.emit(eventOf(container, 'died', exitCode));
    },
    kill(name, exitCode = 137) {
      const container = engine.containers.get(name);
      if (container?.state === 'running') exit(engine, container, exitCode, false);
    },
    restart() {
      const all = [...engine.containers.values()].filter(({ state }) => state === 'running');
      const watching = [...engine.watchers];
      engine.watchers.clear();
      for (const broken of [...engine.connections]) broken();
      for (const container of all) engine.stop(container, 137);
      // In another order than before: they do not come back to the addresses that they had.
      for (const container of all.reverse())
        if (['always', 'unless-stopped'].includes(container.spec.restart)) engine.start(container);
      for (const watcher of watching) engine.watchers.add(watcher);
    },
    emit(event) {
      for (const watcher of [...engine.watchers]) watcher(event);
    },
  };
  return engine;
}

/** As Docker does it: twice as long before each restart, and from the beginning again after it has run for a while. */
const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 60_000;
const BACKOFF_FORGOTTEN_MS = 10_000;

function exit(engine: MemoryEngine, container: MemoryContainer, exitCode: number, oomKilled: boolean): void {
  container.cancelExit?.();
  container.state = 'exited';
  container.exitCode = exitCode;
  container.oomKilled = oomKilled;
  if (oomKilled) engine.emit(eventOf(container, 'oom', null));
  engine.emit(eventOf(container, 'died', exitCode));
  const { restart } = container.spec;
  if (restart === 'no' || (restart === 'on-failure' && exitCode === 0)) return;
  container.state = 'restarting';
  const hasRunLong = engine.clock.monotonicMs() - container.startedMs >= BACKOFF_FORGOTTEN_MS;
  const backoffMs = hasRunLong
    ? BACKOFF_MIN_MS
    : Math.min(BACKOFF_MAX_MS, 2 * (container.backoffMs ?? BACKOFF_MIN_MS / 2));
  container.backoffMs = backoffMs;
  container.cancelExit = engine.clock.after(backoffMs, () => {
    container.restarts += 1;
    engine.start(container);
  });
}

function behaviourOf(engine: MemoryEngine, { spec }: MemoryContainer): AppBehaviour {
  const own = engine.behaviours.get(spec.image.slice(spec.image.lastIndexOf('@') + 1)) ?? {};
  return spec.command && own.commands ? own.commands(spec.command, spec.env) : own;
}

export const eventOf = (
  container: MemoryContainer,
  type: RuntimeEvent['type'],
  exitCode: number | null,
): RuntimeEvent => ({ type, name: container.spec.name, owner: container.spec.owner, exitCode });

/** What an inspection of it answers. */
export function viewOf(engine: MemoryEngine, container: MemoryContainer, port: number | null): Container {
  const { spec, state } = container;
  const { health } = behaviourOf(engine, container);
  const ageMs = engine.clock.monotonicMs() - container.startedMs;
  const endpoints: Endpoint[] = [];
  if (state === 'running' && port !== null) {
    for (const name of container.networks) endpoints.push({ kind: 'name', network: name, host: spec.name, port });
    endpoints.push({ kind: 'address', node: engine.node, host: container.address, port });
    if (spec.expose.some((kind) => kind.kind === 'published')) {
      endpoints.push({
        kind: 'published',
        node: engine.node,
        bind: '127.0.0.1',
        host: '127.0.0.1',
        port: container.hostPort,
      });
    }
  }
  return {
    name: spec.name,
    owner: spec.owner,
    project: spec.project,
    stage: spec.stage,
    tag: spec.tag,
    state,
    exitCode: container.exitCode,
    oomKilled: container.oomKilled,
    restarts: container.restarts,
    health: health
      ? {
          status: ageMs >= health.afterMs ? health.status : 'starting',
          lastOutput: ageMs >= health.afterMs ? (health.output ?? '') : '',
        }
      : null,
    endpoints,
  };
}

const hexOf = (text: string): string =>
  [...text]
    .map((char) => char.charCodeAt(0).toString(16).padStart(2, '0'))
    .join('')
    .slice(0, 64);
