/**
 * The order of test files: the longest first, so that none of them is begun last and has a core to itself at the end. Vitest knows by
 * itself how long each took the last time, but in a fresh clone, where time counts most, it goes by the size of the files.
 */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Those that take ten seconds and more on two cores. One that is missing here costs a few seconds and nothing else. */
const LONGEST = [
  'packages/core/src/deployer/more-faults.test.ts',
  'packages/core/src/deployer/faults.test.ts',
  'packages/core/src/deployer/death.test.ts',
  'test/faults/faults.test.ts',
  'packages/npm-adapter/test/faults.test.ts',
  'test/flow/failures.test.ts',
  'test/crash/crash.test.ts',
  'packages/cli/test/deploy.test.ts',
  'test/packed/install.test.ts',
  'packages/docker-adapter/test/laws.test.ts',
  'test/packed/packages.test.ts',
  'test/flow/retention.test.ts',
  'packages/sql-adapter/test/postgres-faults.test.ts',
  'test/tooling/build.test.ts',
  'packages/cli/test/second-interrupt.test.ts',
  'test/flow/ends.test.ts',
  'packages/docker-adapter/test/engine.test.ts',
  'test/bench/peers.test.ts',
  'packages/npm-adapter/test/laws.test.ts',
  'test/secrets/secrets.test.ts',
  'test/bench/recover.test.ts',
  'test/docs/docs.test.ts',
  'test/flow/watch.test.ts',
  'test/demo/demo.test.ts',
  'packages/haproxy-adapter/test/laws.test.ts',
  'packages/npm-adapter/test/certificates.test.ts',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification) => {
      const index = LONGEST.findIndex((path) => moduleId.endsWith(`/${path}`));
      return index < 0 ? LONGEST.length : index;
    };
    // Stable: the groups stay in their order, and so do all that are not named.
    const group = ({ project }: TestSpecification) => project.config.sequence.groupOrder;
    return sorted.sort((one, other) => group(one) - group(other) || rank(one) - rank(other));
  }
}
