import type { Instance } from '@quayside/core';
import type { Container } from '@quayside/core/ports';
import { everyPage } from '../every-page.js';
import type { Check } from './checks.js';
import { type Finding, failed, failure, good, skipped, warning } from './finding.js';
import { portOf } from './ports.js';

/** An engine that has started a container again so often has not mended it by that. */
const RESTARTS = 3;

/** Whether what is to run does, and stays up: what visitors meet, whatever became of the deployment that brought it. */
export const checkInstances: Check = async ({ deployer, options }, signal) => {
  const runtime = portOf(options.runtime);
  if (!runtime) return [skipped('instances', 'no engine is configured')];
  const containers = await runtime.list({ storeId: deployer.storeId }, { signal });
  if (containers.isErr()) return [skipped('instances', 'the engine does not answer')];
  const instances = await everyPage((page) => deployer.instances.list({ ...page, signal }));
  if (instances.isErr()) return [failure('instances', instances.error)];
  const found: Finding[] = [];
  let well = 0;
  let elsewhere = 0;
  for (const instance of instances.value) {
    const container = containers.value.find(({ name }) => name === instance.container);
    const finding = container && ailment(instance, container);
    if (finding) found.push(finding);
    else if (container) well += 1;
    else elsewhere += 1;
  }
  if (elsewhere > 0)
    found.push(skipped('instances', `${elsewhere} of ${instances.value.length} are not at this engine`));
  if (well > 0 || found.length === 0) found.unshift(good('instances', well === 1 ? '1 runs' : `${well} run`));
  return found;
};

function ailment(instance: Instance, container: Container): Finding | undefined {
  const { id, project, stage, state, isDefault } = instance;
  // It is being stopped, or waits for that.
  if (state === 'retiring') return undefined;
  const name = `${id} of ${project}/${stage}${isDefault ? ', which serves,' : ''}`;
  const { exitCode, oomKilled, restarts, health } = container;
  const end = oomKilled ? ', out of memory' : exitCode === null ? '' : `, with exit code ${exitCode}`;
  const logs = `Its last lines say why: \`quayside logs ${id} --container\`.`;
  const again = restarts === 1 ? 'once' : `${restarts} times`;
  if (container.state === 'restarting') {
    const what = restarts === 0 ? 'has ended' : `ends again and again, and was started again ${again}`;
    return failed('instances', `${name} ${what}${end}`, logs);
  }
  if (container.state !== 'running')
    return failed('instances', `${name} does not run: its container is ${container.state}${end}`, logs);
  if (restarts >= RESTARTS) return warning('instances', `${name} runs, and was started again ${again}`, logs);
  if (health?.status !== 'unhealthy') return undefined;
  const said = health.lastOutput.trim().split('\n').at(-1);
  return warning('instances', `${name} is unhealthy by its own check${said ? `: ${said}` : ''}`, logs);
}
