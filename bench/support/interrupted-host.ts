/**
 * A host that deploys several stages at once and is gone in the midst of it: SIGKILL to itself, when so many steps of all of them
 * together have begun or ended.
 *
 *   node interrupted-host.mjs FILE   (orders as JSON)
 */
import { readFileSync } from 'node:fs';
import { createDeployer, type DeployerOptions, type Settings, unwrap } from '../../packages/core/src/index.js';
import type { Store } from '../../packages/core/src/ports/store.js';
import { dockerRuntime } from '../../packages/docker-adapter/src/index.js';
import { httpProbe } from '../../packages/http-adapter/src/index.js';
import { embeddedProxy } from '../../packages/proxy-adapter/src/index.js';
import { sqliteStore } from '../../packages/sql-adapter/src/index.js';

export interface Orders {
  readonly place: Place;
  readonly stages: readonly string[];
  readonly tag: string;
  /** It is killed at this step's event; null: never. */
  readonly dieAtStep: number | null;
}

export interface Place {
  readonly database: string;
  readonly socketPath: string;
  readonly network: string;
  readonly image: string;
  readonly settings: Settings;
}

export const PROJECT = 'app';

/** With the store itself: who measures looks at what goes through it. */
type HostOptions = DeployerOptions & { readonly store: Store };

/** It listens nowhere: the process that serves outlives it. */
export const hostOptions = ({ database, socketPath, network, image, settings }: Place): HostOptions => ({
  runtime: unwrap(dockerRuntime({ network, host: `unix://${socketPath}` })),
  proxy: unwrap(embeddedProxy()),
  store: unwrap(sqliteStore({ path: database, busyTimeout: '20s' })),
  probe: unwrap(httpProbe()),
  settings: { domain: 'recover.test', ...settings },
  projects: { [PROJECT]: { image, stages: { '*': { port: 3000, drain: 0, stopGrace: 0 } } } },
  recover: 'manual',
});

const [, , file] = process.argv;
if (file?.endsWith('.json')) await run(JSON.parse(readFileSync(file, 'utf8')) as Orders);

async function run({ place, stages, tag, dieAtStep }: Orders): Promise<void> {
  const deployer = await unwrap(createDeployer(hostOptions(place)));
  let steps = 0;
  deployer.on('deployment.step', () => {
    steps += 1;
    if (steps === dieAtStep) process.kill(process.pid, 'SIGKILL');
  });
  await Promise.all(stages.map((stage) => deployer.deploy({ project: PROJECT, stage, tag })));
  await deployer.close();
}
