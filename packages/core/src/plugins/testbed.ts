/** For tests of plugins: a deployer in memory with some of them, and what became of its deployments. Only tests import it. */
import { deployerIn, IMAGE, push } from '../deployer/testbed.js';
import type { DeployError, Deployer, DeployerOptions } from '../deployer/types.js';
import { unwrap } from '../domain/errors.js';
import type { LogEntry } from '../domain/records.js';
import type { Deployment } from '../domain/views.js';
import { type MemoryWorld, memoryWorld } from '../testing/index.js';
import { definePlugin } from './define.js';
import type { Plugin, PluginHost, SetupAnswer } from './types.js';

export const plugin = (
  setup: (host: PluginHost) => SetupAnswer,
  { name = 'own', version = '1.0.0', after = [] as readonly string[] } = {},
): Plugin => definePlugin({ name, version, after, setup });

export interface Bed {
  readonly world: MemoryWorld;
  readonly deployer: Deployer;
  /** The deployment as it ended, or the error that it ended with. */
  deploy(request?: { tag?: string; stage?: string; project?: string }): Promise<Deployment | DeployError>;
  log(id: string): Promise<readonly LogEntry[]>;
  close(): Promise<void>;
}

export async function bed(
  plugins: DeployerOptions['plugins'],
  { world = memoryWorld(), ...options }: Partial<DeployerOptions> & { world?: MemoryWorld } = {},
): Promise<Bed> {
  push(world, 'v1', 'v2', 'v3');
  const deployer = await deployerIn(world, {
    projects: { shop: { image: IMAGE, stages: { dev: { port: 3000 }, other: { port: 3000 }, silent: {} } } },
    ...(plugins ? { plugins } : {}),
    ...options,
  });
  return {
    world,
    deployer,
    async deploy({ tag = 'v1', stage = 'dev', project = 'shop' } = {}) {
      const ended = await world.clock.until(deployer.deploy({ project, stage, tag }), 3_600_000);
      return ended.isOk() ? ended.value : ended.error;
    },
    async log(id) {
      const entries: LogEntry[] = [];
      for await (const entry of deployer.logs(id)) entries.push(entry);
      return entries;
    },
    async close() {
      await world.clock.until(deployer.close());
    },
  };
}

/** The newest deployment as the store has it. */
export const newest = async ({ deployer }: Pick<Bed, 'deployer'>): Promise<Deployment> => {
  const { items } = await unwrap(deployer.deployments.list({ limit: 1 }));
  const [first] = items;
  if (!first) throw new Error('There is no deployment.');
  return first;
};
