/** A bed for tests of recovery: hosts that die in the midst of something, over one world. Only tests import it. */
import type { ResultAsync } from 'neverthrow';
import { DEV, deployerIn, mortalWorld, push, settled } from '../deployer/testbed.js';
import type { Deployer, DeployerOptions } from '../deployer/types.js';
import { type AnyError, unwrap } from '../domain/errors.js';
import type { CollectionName, Collections } from '../domain/records.js';
import type { RecoveryReport } from '../domain/reports.js';
import { EVENT_STREAM, logStream, type StoredEvent } from '../events/types.js';
import { type MemoryWorld, memoryWorld } from '../testing/index.js';

export const FOREVER: { readonly signal: AbortSignal } = { signal: new AbortController().signal };
export const NOTHING: RecoveryReport = {
  settled: [],
  unfinished: [],
  finished: [],
  busy: [],
  needsHost: [],
  healed: [],
  lost: [],
  unowned: { containers: [], routes: [] },
  blind: [],
};
/** Of the defaults: a dead holder's lease, and what may still be under way behind it. */
export const TTL_MS = 30_000;
export const QUIET_MS = 16_000;

/** Another host of the same store, which does nothing by itself. */
export const another = (world: MemoryWorld, options: Partial<DeployerOptions> = {}): Promise<Deployer> =>
  deployerIn(world, { store: world.store.connect(), recover: 'manual', ...options });

export const recovered = (world: MemoryWorld, deployer: Deployer): Promise<RecoveryReport> =>
  world.clock.until(unwrap(deployer.recover()), 600_000);

/** The call that the host dies of: right before it, right after it worked, or while it is on its way and works `lateMs` later. */
export interface Death {
  readonly port: 'runtime' | 'proxy';
  readonly method: string;
  readonly when: 'before' | 'after' | { readonly lateMs: number };
  /** Which of them; default the first. */
  readonly if?: (first: never) => boolean;
}

/** What hosts do here: they deploy a first tag, and then die while they act. */
export interface Scene {
  readonly world?: MemoryWorld;
  readonly before?: readonly string[];
  readonly options?: Partial<DeployerOptions>;
  readonly act?: (deployer: Deployer) => ResultAsync<unknown, AnyError>;
}

/** Answers the deployment that was begun last. */
export async function died(death: Death, scene: Scene = {}): Promise<{ world: MemoryWorld; id: string }> {
  const { world = memoryWorld(), before = ['v1'], options = {} } = scene;
  const act = scene.act ?? ((deployer: Deployer) => deployer.deploy({ ...DEV, tag: 'v2' }));
  push(world, 'v1', 'v2', 'v3');
  const doomed = mortalWorld(
    { ...world, store: world.store.connect() },
    { commit: Number.POSITIVE_INFINITY, when: 'before' },
  );
  let isArmed = false;
  const port = doomed.ports[death.port];
  const dying = new Proxy(port as object, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (property !== death.method || typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const isIt = isArmed && (death.if?.(args[0] as never) ?? true);
        if (isIt && death.when !== 'after') doomed.kill();
        const { when } = death;
        if (isIt && typeof when === 'object') {
          const real = world[death.port] as unknown as { [method: string]: (...args: unknown[]) => unknown };
          world.clock.after(when.lateMs, () => void real[death.method]?.(...args.slice(0, -1), FOREVER));
        }
        const answer: unknown = Reflect.apply(value, target, args);
        if (isIt) doomed.kill();
        return answer;
      };
    },
  });
  const first = await deployerIn(world, { ...doomed.ports, [death.port]: dying, ...options });
  for (const tag of before) await settled(world, first, tag);
  isArmed = true;
  void act(first);
  await world.clock.until(doomed.death);
  doomed.bury();
  const [last] = await unwrap(world.store.connect().list('deployments', { order: 'desc', limit: 1 }, FOREVER));
  return { world, id: last?.value.id ?? '' };
}

/** How far a host may come with v2. */
export const DEATHS = {
  pulling: { port: 'runtime', method: 'pull', when: 'before' },
  creating: { port: 'runtime', method: 'create', when: 'before' },
  created: { port: 'runtime', method: 'create', when: 'after' },
  started: { port: 'runtime', method: 'start', when: 'after' },
  routed: { port: 'proxy', method: 'put', when: 'after' },
  moving: {
    port: 'proxy',
    method: 'put',
    when: 'before',
    if: ({ domain }: { domain: string }) => !domain.includes('-v'),
  },
  moved: {
    port: 'proxy',
    method: 'put',
    when: 'after',
    if: ({ domain }: { domain: string }) => !domain.includes('-v'),
  },
} as const satisfies { readonly [at: string]: Death };

export async function events(world: MemoryWorld, type: StoredEvent['type']): Promise<StoredEvent[]> {
  const all = await unwrap(world.store.connect().read(EVENT_STREAM, { after: 0 }, FOREVER));
  return all.map(({ value }) => value as unknown as StoredEvent).filter((event) => event.type === type);
}

export async function log(world: MemoryWorld, id: string): Promise<string[]> {
  const all = await unwrap(world.store.connect().read(logStream(id), { after: 0 }, FOREVER));
  return all.map(({ value }) => (value as { message: string }).message);
}

export const record = async <C extends CollectionName>(
  world: MemoryWorld,
  collection: C,
  id: string,
): Promise<Collections[C] | undefined> => (await unwrap(world.store.connect().get(collection, id, FOREVER)))?.value;

/** Whether a container of that deployment is at the engine. */
export const hasContainer = (world: MemoryWorld, id: string): boolean =>
  [...world.engine.containers.values()].some(({ spec }) => spec.owner.deployment === id);
