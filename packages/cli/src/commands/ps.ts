import type { Instance } from '@quayside/core';
import type { Command } from '../context.js';
import { ageText } from '../terminal/quantities.js';
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

/** Of one that its stage's visitors do not get to, that is what there is to know first. */
const stateText = ({ state, isDefault, isHeld }: Instance): string =>
  isHeld ? 'maintenance' : isDefault ? 'serves' : state;

const columns = (): Column<Instance>[] => [
  { title: 'INSTANCE', cell: ({ id }) => id },
  { title: 'STAGE', cell: ({ project, stage }) => plain(`${project}/${stage}`), isElastic: true },
  { title: 'TAG', cell: ({ tag }) => plain(tag), isElastic: true },
  { title: 'STATE', cell: stateText },
  { title: 'AGE', cell: ({ createdAt }) => ageText(Date.now() - createdAt), spare: 1 },
  { title: 'CONTAINER', cell: ({ container }) => container, spare: 3 },
  { title: 'DOMAINS', cell: ({ domains }) => domains.join(' '), isElastic: true, spare: 2 },
];
