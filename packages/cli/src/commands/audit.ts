import type { AuditEntry } from '@quayside/core';
import { err, ok } from 'neverthrow';
import { choiceFlag, integerFlag } from '../arguments/values.js';
import type { Command } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { withDeployer } from '../session.js';
import { timeText } from '../terminal/quantities.js';
import { type Column, table } from '../terminal/table.js';
import { plain } from '../terminal/width.js';
import { everyPage } from './every-page.js';
import { LIMIT } from './flags.js';
import { checkNames, PROJECT, STAGE } from './names.js';

const ACTS = ['deploy', 'roll-back', 'remove', 'cancel', 'pin', 'unpin', 'prune', 'recover'] as const;

export const audit: Command = {
  spec: {
    name: 'audit',
    summary: 'Who did what',
    about: [
      'Every deploy, roll back, remove, cancel, pin, prune and recover that somebody asked for, the newest first. It is kept',
      'for `keepAuditMs`, whatever becomes of what it was about.',
    ],
    arguments: [
      { ...PROJECT, isOptional: true },
      { ...STAGE, isOptional: true },
    ],
    flags: [LIMIT, { name: 'act', value: 'act', about: 'Only deploy, roll-back, remove, cancel, …', completes: ACTS }],
    examples: ['quayside audit', 'quayside audit shop prod --act remove', 'quayside audit -n 1000 --json'],
  },
  async run(context) {
    const { given, screen } = context;
    const limit = integerFlag(given, 'limit', { from: 1, to: 100_000 });
    if (limit.isErr()) return err(limit.error);
    const act = choiceFlag(given, 'act', ACTS);
    if (act.isErr()) return err(act.error);
    const count = limit.value ?? 20;
    const [project, stage] = given.positionals;
    return withDeployer(context, 'reads', async (session) => {
      const { deployer, reading } = session;
      const query = {
        ...(project === undefined ? {} : { project }),
        ...(stage === undefined ? {} : { stage }),
        ...(act.value === undefined ? {} : { act: act.value }),
        limit: Math.min(count, 200),
        signal: reading,
      };
      const all = await everyPage((cursor) => deployer.audit.list({ ...query, ...cursor }), count);
      if (all.isErr()) return err(all.error);
      if (all.value.length === 0) {
        const known = await checkNames(session, project, stage);
        if (known.isErr()) return err(known.error);
      }
      const { style } = screen.look;
      if (screen.isJson) for (const entry of all.value) screen.object(entry);
      else if (all.value.length === 0) screen.note('Nobody has done anything.');
      else for (const line of table(all.value, columns(), screen.columns, style.bold)) screen.print(line);
      return ok(EXIT.done);
    });
  },
};

const columns = (): Column<AuditEntry>[] => [
  { title: 'WHEN', cell: ({ time }) => timeText(time), spare: 2 },
  { title: 'BY', cell: ({ by }) => plain(by ?? '-'), isElastic: true },
  { title: 'DID', cell: ({ act }) => act },
  {
    title: 'STAGE',
    cell: ({ project, stage }) => plain(project === null ? '-' : `${project}/${stage}`),
    isElastic: true,
  },
  { title: 'TAG', cell: ({ tag }) => plain(tag ?? '-'), isElastic: true },
  { title: 'OF', cell: ({ subject }) => plain(subject ?? ''), spare: 3 },
  { title: 'WHY', cell: ({ detail }) => plain(detail ?? ''), isElastic: true, spare: 1 },
];
