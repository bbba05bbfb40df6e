/** Owners that are made to meet: names that clean to the same label, that are cut at the same place, or that look like our own hash. */
import fc from 'fast-check';
import { hashText } from '../../packages/core/src/domain/hash.js';
import { type DomainOwner, ownerKey } from '../../packages/core/src/domain/names.js';

/** What cleaning makes alike, what case mapping changes, what DNS does not know, and what is too long. */
const FRAGMENTS = [
  ...[
    'a',
    'b',
    'c',
    'ab',
    'a-b',
    'b-c',
    'a.b',
    'a_b',
    'a--b',
    'A',
    'A-B',
    '-a',
    'a-',
    '--',
    '.',
    '1',
    'v1',
    'v1.2',
    'v1-2',
    'v1_2',
  ],
  ...[
    'stage',
    'stage-a',
    'dev',
    'xn--a',
    'xn--nxasmq6b',
    'localhost',
    'İ',
    'ı',
    'ß',
    'ﬀ',
    'K',
    'Å',
    'é',
    'e\u0301',
    'Ａ',
  ],
  ...['日本', '😀', '👩‍👩‍👧', '\u202eabc', 'a\u200bb', '\ufeffa', '٣', 'аpple', 'ǅ', 'ẞ', 'ΑΣ', '𝐚'],
  'a'.repeat(62),
  'a'.repeat(63),
  'a'.repeat(64),
  `${'a'.repeat(40)}-${'b'.repeat(40)}`,
  `${'a-'.repeat(45)}z`,
];
const fragment = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...FRAGMENTS) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }) },
  { weight: 1, arbitrary: fc.stringMatching(/^[a-z0-9-]{1,30}$/) },
);
const name = fc.oneof(
  { weight: 3, arbitrary: fragment },
  {
    weight: 2,
    arbitrary: fc.tuple(fragment, fc.constantFrom('-', '.', '_', ' ', ''), fragment).map((parts) => parts.join('')),
  },
);

const plain = fc.oneof(
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('default' as const), project: name, stage: name }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('tagged' as const), project: name, stage: name, tag: name }) },
);

/** Labels that another owner would try for at its second attempt, taken in advance by a tag or a stage of that very text. */
const impostor = (victim: DomainOwner, length: number): DomainOwner[] => {
  const hash = hashText(ownerKey(victim)).slice(0, length);
  const { project, stage, tag = '' } = victim;
  return [
    { kind: 'tagged', project, stage, tag: `${tag}-${hash}` },
    { kind: 'tagged', project: `${project}-${tag}`, stage, tag: hash },
    { kind: 'default', project: `${project}-${tag}-${hash}`, stage },
    { kind: 'default', project: hash, stage: `${stage}-${project}-${tag}` },
  ];
};

/** The same words cut at other places: stage `a-b` of project `c`, stage `a` of project `b-c`. */
const shifted = ({ project, stage, tag }: DomainOwner): DomainOwner[] => [
  { kind: 'default', project: [project, tag].filter(Boolean).join('-'), stage },
  { kind: 'default', project, stage: `${stage}-${stage}` },
  { kind: 'tagged', project: stage, stage: project, tag: tag ?? project },
  ...(project.includes('-')
    ? [
        {
          kind: 'default' as const,
          project: project.slice(project.indexOf('-') + 1),
          stage: `${stage}-${project.slice(0, project.indexOf('-'))}`,
        },
      ]
    : []),
];

const family = fc.tuple(plain, fc.constantFrom(6, 10, 16, 26, 52), fc.boolean()).map(([owner, length, isFirst]) => {
  const others = [...impostor(owner, length), ...shifted(owner)];
  return isFirst ? [...others, owner] : [owner, ...others];
});

export interface World {
  readonly owners: readonly DomainOwner[];
  readonly defaultRoute: string;
  readonly taggedRoute: string;
  readonly base: string;
}

/** A store's worth of owners, and the patterns that they are named by. */
export const world = (owners: number): fc.Arbitrary<World> =>
  fc.record({
    owners: fc
      .array(fc.oneof(family, fc.array(plain, { minLength: 8, maxLength: 8 })), {
        minLength: owners / 8,
        maxLength: owners / 8,
      })
      .map((families) => families.flat()),
    defaultRoute: fc.constantFrom(
      'stage-{stage}-{project}',
      '{stage}-{project}',
      '{project}',
      'x',
      '{stage}.{project}',
    ),
    taggedRoute: fc.constantFrom(
      'stage-{stage}-{project}-{tag}',
      '{tag}-{stage}-{project}',
      '{tag}',
      '{project}-{tag}',
      '{tag}.{stage}',
    ),
    base: fc.constantFrom('apps.example.com', 'a.b', 'localhost', `${'x'.repeat(60)}.${'y'.repeat(60)}.test`),
  });
