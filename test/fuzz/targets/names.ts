/** Names that were accepted, and what DNS, the engine and the proxy get of them. */

import { matchStage } from '../../../packages/core/src/config/stage-pattern.js';
import { containerName, domainCandidate, routeMark } from '../../../packages/core/src/domain/names.js';
import { mutatedText } from '../mutate.js';
import { firstOf, unsafeDomain, unsafeObjectName } from '../oracles.js';
import type { Target } from '../target.js';

interface Names {
  readonly project: string;
  readonly stage: string;
  readonly tag: string;
  readonly attempt: number;
}

const PATTERNS = ['stage-{stage}-{project}-{tag}', '{tag}.{stage}.{project}', 'x-{tag}'];
const ID = '01k6v1c9q0n2f7abcd';

export const nameTargets: readonly Target[] = [
  {
    name: 'name',
    share: 14,
    make: (roll): Names => ({
      project: mutatedText(roll, 'shop').slice(0, 100),
      stage: mutatedText(roll, 'pr-42').slice(0, 100),
      tag: mutatedText(roll, 'v1.4.2').slice(0, 128),
      attempt: roll.int(4),
    }),
    judge({ project, stage, tag, attempt }: Names) {
      const owner = { kind: 'tagged', project, stage, tag } as const;
      const name = containerName(project, stage, tag, ID);
      return firstOf([
        ...PATTERNS.map((pattern) => unsafeDomain(domainCandidate(pattern, owner, 'apps.example.com', attempt))),
        unsafeObjectName(name),
        name.length <= 63 && name.endsWith(ID) ? null : 'a container whose name is not its own',
        /^[0-9a-z-]+$/.test(routeMark('store0123456', project)) ? null : 'a mark with another character',
      ]);
    },
  },
  {
    name: 'stage of a project',
    share: 6,
    make: (roll) => mutatedText(roll, roll.pick(['dev', 'pr-42', 'pr-', 'feature-a-b'])),
    judge(name: string) {
      const stages = { dev: 1, 'pr-*': 2, 'feature-*-*': 3 };
      const found = matchStage(stages, name);
      if (!found) return null;
      const isMeant =
        (found.key === 'dev' && name === 'dev') ||
        (found.key === 'pr-*' && name.startsWith('pr-') && name.length > 3) ||
        (found.key === 'feature-*-*' && name.startsWith('feature-') && name.slice(8).includes('-'));
      return isMeant ? null : 'a stage that was not meant';
    },
  },
];
