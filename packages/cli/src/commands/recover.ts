import type { RecoveryReport } from '@quayside/core';
import { err, ok } from 'neverthrow';
import type { Command } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { withDeployer } from '../session.js';
import type { Screen } from '../terminal/screen.js';
import { plain } from '../terminal/width.js';
import { BY, byOf } from './flags.js';

export const recover: Command = {
  spec: {
    name: 'recover',
    summary: 'Finish what was cut off',
    about: [
      'Compares the store with the engine and the proxy: what had not committed is rolled back, what had is finished, routes',
      'are led to where their instances are. What a live host is at is left alone. Exit code 3: something is still to be done.',
    ],
    arguments: [],
    flags: [BY],
    examples: ['quayside recover', 'quayside recover --json | jq .report.unowned'],
  },
  run: (context) =>
    withDeployer(context, 'recovers', async ({ deployer, interrupts, screen }) => {
      const recovered = await deployer.recover({ signal: interrupts.signal, ...byOf(context) });
      if (recovered.isErr()) return err(recovered.error);
      const report = recovered.value;
      const exitCode = exitOf(report);
      if (screen.isJson) screen.object({ type: 'result', exitCode, report });
      else for (const line of recoveryLines(report, screen)) screen.print(line);
      return ok(exitCode);
    }),
};

function exitOf({ unfinished, needsHost, blind }: RecoveryReport): number {
  if (unfinished.length > 0 || needsHost.length > 0) return EXIT.leftovers;
  return blind.length > 0 ? EXIT.failed : EXIT.done;
}

export function recoveryLines(report: RecoveryReport, { look: { style, signs } }: Screen): string[] {
  const { settled, finished, healed, lost, busy, unfinished, needsHost, unowned, blind } = report;
  const done = (text: string) => `${style.green(signs.done)} ${plain(text)}`;
  const note = (text: string) => `${style.yellow(signs.note)} ${plain(text)}`;
  const open = (text: string) => `${style.red(signs.failed)} ${plain(text)}`;
  const lines = [
    ...settled.map(({ deployment, status }) => done(`deployment ${deployment} is undone: ${status}`)),
    ...finished.map(({ kind, subject }) => done(`${kind} of ${subject} is finished`)),
    ...healed.map((domain) => done(`${domain} leads to its instance again`)),
    ...lost.map((instance) => note(`instance ${instance} is lost: its container is gone`)),
    ...busy.map((deployment) => note(`deployment ${deployment} is left to the host that runs it`)),
    ...unfinished.map((deployment) => open(`deployment ${deployment} cannot be undone yet: it is tried again`)),
    ...needsHost.map(({ deployment, reason }) => open(`deployment ${deployment} needs another host: ${reason}`)),
    ...unowned.containers.map((name) => note(`container ${name} belongs to no record`)),
    ...unowned.routes.map((domain) => note(`route ${domain} belongs to no record`)),
    ...blind.map((what) => open(`not looked at: ${what}`)),
  ];
  if (unowned.containers.length + unowned.routes.length > 0)
    lines.push(style.dim('  quayside prune --unowned removes what belongs to no record'));
  return lines.length > 0 ? lines : [done('Nothing was left: all is as the store has it.')];
}
