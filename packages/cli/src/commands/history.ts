import type { Deployment } from '@quayside/core';
import { err, ok } from 'neverthrow';
import { choiceFlag, integerFlag } from '../arguments/values.js';
import type { Command } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { isGood } from '../render/deployment/presenter.js';
import { withDeployer } from '../session.js';
import { durationText, timeText } from '../terminal/quantities.js';
import type { Style } from '../terminal/style.js';
import { type Column, table } from '../terminal/table.js';
import { plain } from '../terminal/width.js';
import { everyPage } from './every-page.js';
import { LIMIT } from './flags.js';
import { checkNames, PROJECT, STAGE } from './names.js';

const STATUSES = [
  'queued',
  'running',
  'rolling-back',
  'succeeded',
  'unchanged',
  'failed',
  'cancelled',
  'superseded',
  'abandoned',
] as const;

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
        completes: STATUSES,
      },
    ],
    examples: ['quayside history', 'quayside history shop dev --status failed', 'quayside history -n 100 --json'],
  },
  async run(context) {
    const { given, screen } = context;
    const limit = integerFlag(given, 'limit', { from: 1, to: 100_000 });
    if (limit.isErr()) return err(limit.error);
    const status = choiceFlag(given, 'status', STATUSES);
    if (status.isErr()) return err(status.error);
    const count = limit.value ?? 20;
    const [project, stage] = given.positionals;
    return withDeployer(context, 'reads', async (session) => {
      const { deployer, reading } = session;
      const query = {
        ...(project === undefined ? {} : { project }),
        ...(stage === undefined ? {} : { stage }),
        ...(status.value === undefined ? {} : { status: status.value }),
        limit: Math.min(count, 200),
        signal: reading,
      };
      const all = await everyPage((cursor) => deployer.deployments.list({ ...query, ...cursor }), count);
      if (all.isErr()) return err(all.error);
      if (all.value.length === 0) {
        const known = await checkNames(session, project, stage);
        if (known.isErr()) return err(known.error);
      }
      const { style } = screen.look;
      if (screen.isJson) for (const deployment of all.value) screen.object(deployment);
      else if (all.value.length === 0) screen.note('Nothing was deployed.');
      else for (const line of table(all.value, columns(style), screen.columns, style.bold)) screen.print(line);
      return ok(EXIT.done);
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
