import type { Instance } from '@quayside/core';
import type { Command } from '../context.js';
import { ageText } from '../terminal/quantities.js';
import type { Style } from '../terminal/style.js';
import type { Column } from '../terminal/table.js';
import { plain } from '../terminal/width.js';
import { PROJECT, STAGE } from './names.js';
import { printList } from './print-list.js';

export const ps: Command = {
  spec: {
    name: 'ps',
    summary: 'What runs',
    about: [
      'Instances, the newest first. The default route points to those that serve, and to those whose stage is in maintenance,',
      'where it tells visitors to come again.',
    ],
    arguments: [
      { ...PROJECT, isOptional: true },
      { ...STAGE, isOptional: true },
    ],
    flags: [],
    examples: ['quayside ps', 'quayside ps shop dev', "quayside ps --json | jq -r 'select(.isDefault) | .tag'"],
  },
  run: (context) =>
    printList(context, {
      list: (deployer, query) => deployer.instances.list(query),
      columns,
      none: 'Nothing runs.',
    }),
};

const columns = (style: Style): Column<Instance>[] => [
  { title: 'INSTANCE', cell: ({ id }) => id },
  { title: 'STAGE', cell: ({ project, stage }) => plain(`${project}/${stage}`), isElastic: true },
  { title: 'TAG', cell: ({ tag }) => plain(tag), isElastic: true },
  { title: 'STATE', cell: (instance) => stateText(instance, style) },
  { title: 'AGE', cell: ({ createdAt }) => ageText(Date.now() - createdAt), spare: 1 },
  { title: 'CONTAINER', cell: ({ container }) => container, spare: 3 },
  { title: 'DOMAINS', cell: ({ domains }) => domains.join(' '), isElastic: true, spare: 2 },
];

/** What it does, what is wrong with it, and whether it stays. In maintenance visitors do not get to it: that comes first. */
function stateText({ state, isDefault, isHeld, isPinned, condition }: Instance, style: Style): string {
  const text = isHeld ? 'maintenance' : isDefault ? 'serves' : state;
  const marks = [...(condition ? [condition.state] : []), ...(isPinned ? ['pinned'] : [])];
  if (marks.length === 0) return text;
  return condition ? style.yellow(`${text} (${marks.join(', ')})`) : `${text} (${marks.join(', ')})`;
}
