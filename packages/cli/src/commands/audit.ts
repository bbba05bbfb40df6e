import type { AuditEntry } from '@quayside/core';
import { ACTS } from '@quayside/core/ports';
import { err } from 'neverthrow';
import { choiceFlag, integerFlag } from '../arguments/values.js';
import type { Command } from '../context.js';
import { timeText } from '../terminal/quantities.js';
import type { Column } from '../terminal/table.js';
import { plain } from '../terminal/width.js';
import { LIMIT } from './flags.js';
import { PROJECT, STAGE } from './names.js';
import { printList } from './print-list.js';

export const audit: Command = {
  spec: {
    name: 'audit',
    summary: 'Who did what',
    about: [
      'Every deploy, roll back, remove, cancel, pin, maintenance, prune and recover that somebody asked for, the newest first.',
      'It is kept for `keepAuditMs`, whatever becomes of what it was about.',
    ],
    arguments: [
      { ...PROJECT, isOptional: true },
      { ...STAGE, isOptional: true },
    ],
    flags: [LIMIT, { name: 'act', value: 'act', about: 'Only deploy, roll-back, remove, cancel, …', completes: ACTS }],
    examples: ['quayside audit', 'quayside audit shop prod --act remove', 'quayside audit -n 1000 --json'],
  },
  async run(context) {
    const { given } = context;
    const limit = integerFlag(given, 'limit', { from: 1, to: 100_000 });
    if (limit.isErr()) return err(limit.error);
    const act = choiceFlag(given, 'act', ACTS);
    if (act.isErr()) return err(act.error);
    const only = act.value === undefined ? {} : { act: act.value };
    return printList(context, {
      list: (deployer, query) => deployer.audit.list({ ...query, ...only }),
      count: limit.value ?? 20,
      columns,
      none: 'Nobody has done anything.',
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
