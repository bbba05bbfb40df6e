import type { AnyError, Registry } from '@quayside/core/ports';
import { memoryStore, virtualClock } from '@quayside/core/testing';
import { errAsync, okAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { triggers } from './triggers.js';
import type { TriggerDeployer, TriggerReport, TriggersOptions } from './types.js';

const MINUTE = 60_000;

function world(options: Partial<Pick<TriggersOptions, 'watch' | 'random'>> = {}) {
  const clock = virtualClock();
  const asked: { at: number; what: string }[] = [];
  const state: { failure: AnyError | undefined; tags: string[] } = {
    failure: undefined,
    tags: ['v1.0.0', 'v1.1.0', 'latest'],
  };
  const answer = <T>(what: string, value: T) => {
    asked.push({ at: Math.round(clock.monotonicMs()), what });
    return state.failure && what.includes('one.test') ? errAsync(state.failure) : okAsync(value);
  };
  const registry = {
    name: 'test',
    resolve: (reference: string) => answer(`resolve ${reference}`, { digest: `sha256:${reference}` }),
    tags: (repository: string) => answer(`tags ${repository}`, state.tags),
  } as unknown as Registry;
  const submitted: string[] = [];
  const deployer: TriggerDeployer = {
    submit({ project, tag }) {
      submitted.push(`${project} ${tag}`);
      return okAsync({ id: `d${submitted.length}` });
    },
    deployments: { get: () => okAsync({ status: 'succeeded', error: null }) },
    instances: { list: () => okAsync({ items: [] }) },
  };
  const reports: TriggerReport[] = [];
  const made = triggers({
    deployer,
    registry,
    store: memoryStore(),
    clock,
    random: () => 0,
    onReport: (report) => reports.push(report),
    watch: [
      { project: 'shop', stage: 'dev', image: 'one.test/shop', tags: { semver: '*' } },
      { project: 'shop', stage: 'prod', image: 'one.test/shop', tags: { semver: '~1.0' } },
      { project: 'api', stage: 'dev', image: 'two.test/api', tags: { digest: 'latest' } },
    ],
    ...options,
  })._unsafeUnwrap();
  /** In virtual time, and a few turns of the process for what a look does. */
  const pass = async (ms: number) => {
    for (let done = 0; done < ms; done += MINUTE) {
      await clock.advance(Math.min(MINUTE, ms - done));
      for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { made, clock, asked, state, submitted, reports, pass };
}

const unreachable = (retryAfterMs?: number): AnyError => ({
  kind: 'registry-unreachable',
  code: '429',
  message: 'It answered 429.',
  hint: 'Wait.',
  retryable: true,
  ...(retryAfterMs === undefined ? {} : { details: { retryAfterMs } }),
});

describe('a round', () => {
  it('asks for one list per repository, none where the tag is named, and only for the tags that stages should have', async () => {
    const { made, asked, submitted } = world();
    await made.poll();
    expect(asked.map(({ what }) => what).sort()).toEqual([
      'resolve one.test/shop:v1.0.0',
      'resolve one.test/shop:v1.1.0',
      'resolve two.test/api:latest',
      'tags one.test/shop',
    ]);
    expect(submitted.sort()).toEqual(['api latest', 'shop v1.0.0', 'shop v1.1.0']);
    await made.close();
  });

  it('comes again every five minutes, and deploys what is new alone', async () => {
    const { made, asked, submitted, state, pass } = world();
    made.start();
    await pass(11 * MINUTE);
    const lists = () =>
      asked.filter(({ what }) => what === 'tags one.test/shop').map(({ at }) => Math.round(at / MINUTE));
    expect(lists()).toEqual([0, 5, 10]);
    expect(submitted).toHaveLength(3);
    state.tags.push('v1.2.0');
    await pass(5 * MINUTE);
    expect(submitted.slice(3)).toEqual(['shop v1.2.0']);
    await made.close();
  });

  it('is up to a tenth later, at random', async () => {
    const { made, asked, pass } = world({ random: () => 0.999 });
    made.start();
    await pass(6 * MINUTE);
    const [first = 0, second = 0] = asked.filter(({ what }) => what.startsWith('tags')).map(({ at }) => at);
    expect(second - first).toBeGreaterThan(5.4 * MINUTE);
    expect(second - first).toBeLessThanOrEqual(5.5 * MINUTE);
    await made.close();
  });
});

describe('a registry that does not answer', () => {
  it('is asked less and less often, to once an hour, and the others as ever', async () => {
    const { made, asked, state, reports, pass } = world();
    state.failure = unreachable();
    made.start();
    await pass(200 * MINUTE);
    const of = (host: string) =>
      asked.filter(({ what }) => what.includes(host)).map(({ at }) => Math.round(at / MINUTE));
    expect(of('one.test')).toEqual([0, 10, 30, 70, 130, 190]);
    expect(of('two.test')).toHaveLength(41);
    expect(reports.filter(({ type }) => type === 'backed-off')).toHaveLength(6);
    // And as often as before once it answers: a list and two tags each time.
    state.failure = undefined;
    await pass(70 * MINUTE);
    expect(of('one.test').slice(6, 15)).toEqual([250, 250, 250, 255, 255, 255, 260, 260, 260]);
    await made.close();
  });

  it('is left alone for as long as it asks, if that is longer', async () => {
    const { made, asked, state, pass } = world();
    state.failure = unreachable(40 * MINUTE);
    made.start();
    await pass(45 * MINUTE);
    expect(asked.filter(({ what }) => what.includes('one.test')).map(({ at }) => Math.round(at / MINUTE))).toEqual([
      0, 40,
    ]);
    await made.close();
  });
});

it('leaves no timer behind', async () => {
  const { made, clock, pass } = world();
  made.start();
  await pass(6 * MINUTE);
  await made.close();
  expect(clock.pending).toBe(0);
});
