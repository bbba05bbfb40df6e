import type { Instance } from '@quayside/core';
import { err, ok } from 'neverthrow';
import type { Command } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { withDeployer } from '../session.js';
import { ageText } from '../terminal/quantities.js';
import { type Column, table } from '../terminal/table.js';
import { plain } from '../terminal/width.js';
import { everyPage } from './every-page.js';
import { checkNames, PROJECT, STAGE } from './names.js';

export const ps: Command = {
  spec: {
    name: 'ps',
    summary: 'What runs',
    about: ['Instances, the newest first. The default route points to those that serve.'],
    arguments: [
      { ...PROJECT, isOptional: true },
      { ...STAGE, isOptional: true },
    ],
    flags: [],
    examples: ['quayside ps', 'quayside ps shop dev', "quayside ps --json | jq -r 'select(.isDefault) | .tag'"],
  },
  async run(context) {
    const { given, screen } = context;
    const [project, stage] = given.positionals;
    return withDeployer(context, 'reads', async (session) => {
      const { deployer, reading } = session;
      const query = { ...(project === undefined ? {} : { project }), ...(stage === undefined ? {} : { stage }) };
      const all = await everyPage((cursor) =>
        deployer.instances.list({ ...query, ...cursor, limit: 200, signal: reading }),
      );
      if (all.isErr()) return err(all.error);
      if (all.value.length === 0) {
        const known = await checkNames(session, project, stage);
        if (known.isErr()) return err(known.error);
      }
      if (screen.isJson) for (const instance of all.value) screen.object(instance);
      else if (all.value.length === 0) screen.note('Nothing runs.');
      else for (const line of table(all.value, columns(), screen.columns, screen.look.style.bold)) screen.print(line);
      return ok(EXIT.done);
    });
  },
};

const columns = (): Column<Instance>[] => [
  { title: 'INSTANCE', cell: ({ id }) => id },
  { title: 'STAGE', cell: ({ project, stage }) => plain(`${project}/${stage}`), isElastic: true },
  { title: 'TAG', cell: ({ tag }) => plain(tag), isElastic: true },
  { title: 'STATE', cell: ({ state, isDefault }) => (isDefault ? 'serves' : state) },
  { title: 'AGE', cell: ({ createdAt }) => ageText(Date.now() - createdAt), spare: 1 },
  { title: 'CONTAINER', cell: ({ container }) => container, spare: 3 },
  { title: 'DOMAINS', cell: ({ domains }) => domains.join(' '), isElastic: true, spare: 2 },
];
