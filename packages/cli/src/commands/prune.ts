import type { PruneReport } from '@quayside/core';
import { err, ok } from 'neverthrow';
import { has } from '../arguments/grammar.js';
import type { Command } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { withDeployer } from '../session.js';
import type { Screen } from '../terminal/screen.js';
import { plain } from '../terminal/width.js';
import { agreed, mayAsk } from './confirm.js';
import { BY, byOf, YES } from './flags.js';

export const prune: Command = {
  spec: {
    name: 'prune',
    summary: 'Remove what is too old',
    about: [
      'Removes what is beyond `keep`, `keepEvents` and `keepAuditMs`: history, logs, images, events. What serves, is pinned or',
      'needed by a roll back stays. It says what would go and asks; where nobody can answer it wants --yes.',
    ],
    arguments: [],
    flags: [
      { name: 'dry-run', about: 'Only say what would go' },
      { name: 'unowned', about: 'Containers and routes of ours that belong to no record, too' },
      YES,
      BY,
    ],
    examples: ['quayside prune --dry-run --verbose', 'quayside prune --unowned --yes'],
  },
  async run(context) {
    const { given, screen } = context;
    const dryRun = has(given, 'dry-run');
    const asking = dryRun ? ok(undefined) : mayAsk(context, 'prune');
    if (asking.isErr()) return err(asking.error);
    return withDeployer(context, 'changes', async ({ deployer, interrupts: { signal } }) => {
      const unowned = has(given, 'unowned');
      if (dryRun || !has(given, 'yes')) {
        const planned = await deployer.prune({ unowned, dryRun: true, signal });
        if (planned.isErr()) return err(planned.error);
        if (screen.isJson) screen.object({ type: 'result', exitCode: EXIT.done, dryRun, report: planned.value });
        else for (const line of pruneLines(planned.value, 'would go', screen)) screen.print(line);
        if (dryRun || isNothing(planned.value)) return ok(EXIT.done);
        if (!(await agreed(context, 'Remove that?'))) return ok(EXIT.cancelled);
      }
      const pruned = await deployer.prune({ unowned, signal, ...byOf(context) });
      if (pruned.isErr()) return err(pruned.error);
      if (screen.isJson) screen.object({ type: 'result', exitCode: EXIT.done, dryRun, report: pruned.value });
      else for (const line of pruneLines(pruned.value, 'gone', screen)) screen.print(line);
      return ok(EXIT.done);
    });
  },
};

const isNothing = ({ kept: _kept, events, unowned, ...lists }: PruneReport): boolean =>
  events === 0 && [...Object.values(lists), unowned.containers, unowned.routes].every((list) => list.length === 0);

function pruneLines(report: PruneReport, verb: string, screen: Screen): string[] {
  const { style, signs } = screen.look;
  const lines: string[] = [];
  const row = (names: readonly string[], one: string, many: string) => {
    if (names.length === 0) return;
    lines.push(`${style.green(signs.done)} ${names.length} ${names.length === 1 ? one : many} ${verb}`);
    if (screen.isVerbose) lines.push(...names.map((name) => style.dim(`    ${plain(name)}`)));
  };
  row(report.deployments, 'deployment', 'deployments');
  row(report.logs, 'log of a deployment', 'logs of deployments');
  row(report.images, 'image', 'images');
  if (report.events > 0) lines.push(`${style.green(signs.done)} ${report.events} events ${verb}`);
  row(report.unowned.containers, 'container that belongs to no record', 'containers that belong to no record');
  row(report.unowned.routes, 'route that belongs to no record', 'routes that belong to no record');
  for (const what of report.kept) lines.push(`${style.yellow(signs.note)} stays: ${plain(what)}`);
  return lines.length > 0 ? lines : [`${style.green(signs.done)} Nothing is too old.`];
}
