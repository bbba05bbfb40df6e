/** What happens to instances and routes while somebody watches them, for `watch` and `serve`: a line each, or an object. */
import type { Deployer, DeployerEvents, EventName } from '@quayside/core';
import { durationText, timeText } from '../terminal/quantities.js';
import type { Screen } from '../terminal/screen.js';
import { plain } from '../terminal/width.js';
import { recoveryText } from './deployment/recovery.js';

/** What it tells of, each in words; undefined: nothing worth a line. */
const TOLD: { readonly [Name in EventName]?: (event: DeployerEvents[Name]) => string | undefined } = {
  'instance.condition': ({ instance: { project, stage, tag, id }, condition }) =>
    `${project}/${stage} ${tag} (${id}) is ${condition ? conditionText(condition) : 'well again'}`,
  'route.healed': ({ route: { domain } }) => `${domain} leads to its instance again`,
  'route.changed': ({ route: { domain }, held, putBack }) =>
    `somebody has ${held ? 'changed' : 'removed'} the route ${domain} at the proxy${putBack ? ': it is put back' : ''}`,
  'stage.maintenance': ({ project, stage, maintenance: held }) =>
    `${project}/${stage} ${held ? `is in maintenance: ${held.message}` : 'is not in maintenance any more'}`,
  'stage.expired': ({ project, stage }) => `${project}/${stage} has come to the end of its time`,
  'instance.retired': ({ instance: { project, stage, tag }, reason }) =>
    `${project}/${stage} ${tag} is gone: ${reason}`,
  'recovery.finished': ({ report }) => recoveryText(report),
  'watch.interrupted': ({ error, retryInMs }) =>
    `the engine's events cannot be followed (${error.message}); next try in ${durationText(retryInMs)}`,
  'watch.resumed': () => 'the engine is followed again',
  'task.failed': ({ kind, subject, error }) => `${kind} of ${subject} failed and is tried again: ${error.message}`,
};

/** Tells until the answer is called. */
export function tellHappenings(deployer: Deployer, screen: Screen): () => void {
  const tell = <Name extends EventName>(name: Name, text: (event: DeployerEvents[Name]) => string | undefined) =>
    deployer.on(name, (event) => {
      const line = text(event as DeployerEvents[Name]);
      if (screen.isJson) screen.object({ type: name, time: Date.now(), ...event });
      else if (line) screen.print(`${screen.look.style.dim(timeText(Date.now()))} ${plain(line)}`);
    });
  const offs = (Object.keys(TOLD) as (keyof typeof TOLD)[]).map((name) => tell(name, TOLD[name] as never));
  return () => {
    for (const off of offs) off();
  };
}

function conditionText({ state, exitCode, oomKilled }: NonNullable<DeployerEvents['instance.condition']['condition']>) {
  const why = oomKilled ? ', killed for want of memory' : exitCode === null ? '' : `, exit code ${exitCode}`;
  return `${state}${why}`;
}
