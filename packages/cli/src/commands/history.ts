import type { Deployment } from '@quayside/core';
import { DEPLOYMENT_STATUSES } from '@quayside/core/ports';
import { err } from 'neverthrow';
import { choiceFlag, integerFlag } from '../arguments/values.js';
import type { Command } from '../context.js';
import { isGood } from '../render/deployment/presenter.js';
import { durationText, timeText } from '../terminal/quantities.js';
import type { Style } from '../terminal/style.js';
import type { Column } from '../terminal/table.js';
import { plain } from '../terminal/width.js';
import { LIMIT } from './flags.js';
import { PROJECT, STAGE } from './names.js';
import { printList } from './print-list.js';

export const history: Command = {
  spec: {
    name: 'history',
    summary: 'What was deployed',
    about: ['Deployments and how they ended, the newest first.'],
    arguments: [
      { ...PROJECT, isOptional: true },
      { ...STAGE, isOptional: true },
    ],
    flags: [
      LIMIT,
      {
        name: 'status',
        value: 'status',
        about: 'Only those that are succeeded, failed, cancelled, …',
        completes: DEPLOYMENT_STATUSES,
      },
    ],
    examples: ['quayside history', 'quayside history shop dev --status failed', 'quayside history -n 100 --json'],
  },
  async run(context) {
    const { given } = context;
    const limit = integerFlag(given, 'limit', { from: 1, to: 100_000 });
    if (limit.isErr()) return err(limit.error);
    const status = choiceFlag(given, 'status', DEPLOYMENT_STATUSES);
    if (status.isErr()) return err(status.error);
    const only = status.value === undefined ? {} : { status: status.value };
    return printList(context, {
      list: (deployer, query) => deployer.deployments.list({ ...query, ...only }),
      count: limit.value ?? 20,
      columns,
      none: 'Nothing was deployed.',
    });
  },
};

const columns = (style: Style): Column<Deployment>[] => [
  { title: 'DEPLOYMENT', cell: ({ id }) => id },
  { title: 'WHEN', cell: ({ queuedAt }) => timeText(queuedAt), spare: 2 },
  { title: 'STAGE', cell: ({ project, stage }) => plain(`${project}/${stage}`), isElastic: true },
  { title: 'TAG', cell: ({ tag }) => plain(tag), isElastic: true },
  { title: 'STATUS', cell: (deployment) => statusText(deployment, style) },
  { title: 'TOOK', cell: ({ durationMs }) => (durationMs === null ? '' : durationText(durationMs)), spare: 1 },
  { title: 'BY', cell: ({ by }) => plain(by ?? ''), isElastic: true, spare: 3 },
  { title: 'WHY', cell: ({ error }) => plain(error?.message ?? ''), isElastic: true, spare: 4 },
];

function statusText({ status, kind, cleanup }: Deployment, style: Style): string {
  const marks = [...(kind === 'rollback' ? ['rollback'] : []), ...(cleanup === 'pending' ? ['to clean up'] : [])];
  const text = marks.length > 0 ? `${status} (${marks.join(', ')})` : status;
  if (isGood(status)) return style.green(text);
  return status === 'failed' || status === 'abandoned' ? style.red(text) : style.yellow(text);
}
