import type { DeployerEvents, EventName, Watch } from '@quayside/core';
import { err, ok } from 'neverthrow';
import { has } from '../arguments/grammar.js';
import type { Command } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { untilAborted } from '../interrupts.js';
import { recoveryText } from '../render/deployment/recovery.js';
import { withDeployer } from '../session.js';
import { durationText, timeText } from '../terminal/quantities.js';
import { plain } from '../terminal/width.js';

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

export const watch: Command = {
  spec: {
    name: 'watch',
    summary: 'Mend what others break',
    about: [
      'Until Ctrl-C: routes follow containers that come back under another address, one that ended and should run is started,',
      'what is wrong with an instance is told, and what dead hosts have left is finished. `quayside serve` does it too.',
    ],
    arguments: [],
    flags: [{ name: 'put-back', about: 'Put back routes that somebody else has changed at the proxy' }],
    examples: ['quayside watch', 'quayside watch --put-back --json'],
  },
  run: (context) =>
    withDeployer(context, 'changes', async ({ deployer, interrupts: { signal }, screen }) => {
      const told = <Name extends EventName>(name: Name, text: (event: DeployerEvents[Name]) => string | undefined) =>
        deployer.on(name, (event) => {
          const line = text(event as DeployerEvents[Name]);
          if (screen.isJson) screen.object({ type: name, time: Date.now(), ...event });
          else if (line) screen.print(`${screen.look.style.dim(timeText(Date.now()))} ${plain(line)}`);
        });
      const offs = (Object.keys(TOLD) as (keyof typeof TOLD)[]).map((name) => told(name, TOLD[name] as never));
      const changedRoutes = has(context.given, 'put-back') ? 'put-back' : 'report';
      const watching = await deployer.watch({ changedRoutes, signal });
      if (watching.isErr()) return err(watching.error);
      if (screen.isJson) screen.object({ type: 'watching', time: Date.now() });
      else screen.print(`${screen.look.style.green(screen.look.signs.done)} watching`);
      await untilAborted(signal);
      await (watching.value satisfies Watch).stop();
      for (const off of offs) off();
      return ok(EXIT.done);
    }),
};

function conditionText({ state, exitCode, oomKilled }: NonNullable<DeployerEvents['instance.condition']['condition']>) {
  const why = oomKilled ? ', killed for want of memory' : exitCode === null ? '' : `, exit code ${exitCode}`;
  return `${state}${why}`;
}
