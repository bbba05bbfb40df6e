/** For the tests of these plugins: a deployer in memory. Only tests import it. */
import { createDeployer, type Deployer, type DeployerOptions, type StageOptions, unwrap } from '@quayside/core';
import { type AppBehaviour, type MemoryWorld, memoryWorld } from '@quayside/core/testing';

export const IMAGE = 'registry.test/shop';

/** What the commands of the image do, by their first word. */
export type Commands = Readonly<Record<string, AppBehaviour>>;

export interface Bed {
  readonly world: MemoryWorld;
  /** Every command that was run in a container of its own, with its environment. */
  readonly ran: { readonly command: readonly string[]; readonly env: Readonly<Record<string, string>> }[];
  deployer(plugins: DeployerOptions['plugins'], more?: Partial<DeployerOptions>): Promise<Deployer>;
}

export function bed(
  commands: Commands = {},
  stages: Readonly<Record<string, StageOptions>> = { dev: { port: 3000 } },
): Bed {
  const world = memoryWorld();
  const ran: Bed['ran'] = [];
  for (const tag of ['v1', 'v2', 'v3'])
    world.engine.push(`${IMAGE}:${tag}`, {
      body: tag,
      commands(command, env) {
        // What an engine looks at several times was run once.
        if (ran.at(-1)?.command !== command) ran.push({ command, env });
        return { exitsAfterMs: 500, exitCode: 0, ...commands[command[0] ?? ''] };
      },
    });
  const { engine: _engine, ...ports } = world;
  return {
    world,
    ran,
    deployer: (plugins, more = {}) =>
      unwrap(
        createDeployer({
          ...ports,
          settings: { domain: 'apps.test' },
          projects: { shop: { image: IMAGE, env: { DATABASE_URL: 'postgres://app:open-sesame@db' }, stages } },
          ...(plugins ? { plugins } : {}),
          store: world.store.connect(),
          ...more,
        }),
      ),
  };
}

export async function logOf(deployer: Deployer, id: string): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const { message } of deployer.logs(id)) texts.push(message);
  return texts;
}

export async function newestOf(deployer: Deployer) {
  const { items } = await unwrap(deployer.deployments.list({ limit: 1 }));
  const [first] = items;
  if (!first) throw new Error('There is no deployment.');
  return first;
}
