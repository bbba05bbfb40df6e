/** Goal: one digest is deployed once and nothing older behind something newer, however many decide at once and wherever one of them dies. */
import { type AnyError, type Store, systemClock } from '@quayside/core/ports';
import { memoryStore } from '@quayside/core/testing';
import { errAsync, okAsync, ResultAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { type DecideOptions, decisionsOf } from './decisions.js';
import type { Candidate } from './judge.js';
import type { Watch } from './options.js';
import { policyOf } from './policy/policy.js';
import type { ServingInstance, TriggerDeployer } from './types.js';

const WATCH: Watch = {
  project: 'shop',
  stage: 'dev',
  repository: 'registry.test/shop',
  image: { text: 'registry.test/shop', registry: 'registry.test' },
  policy: policyOf({ semver: '*', prereleases: false }),
  isPolled: true,
};
const OPTIONS: DecideOptions = { by: 'poll', again: true, signal: new AbortController().signal };
const candidate = (minor: number): Candidate => ({ tag: `v1.${minor}.0`, digest: `sha256:${minor}`, pushedAt: null });

interface Ended {
  status: string;
  error: { kind: string; retryable: boolean } | null;
}

/** Submits as a deployer does: under a key once. */
function fakeDeployer() {
  const submitted: { id: string; tag: string; digest: string; ended: Ended }[] = [];
  const keys = new Map<string, string>();
  const refusals: AnyError[] = [];
  const serving: ServingInstance[] = [];
  const deployer: TriggerDeployer = {
    submit({ tag, digest = '', idempotencyKey = '' }) {
      const refusal = refusals.shift();
      if (refusal) return errAsync(refusal);
      const id = keys.get(idempotencyKey) ?? `d${submitted.length + 1}`;
      if (!keys.has(idempotencyKey)) submitted.push({ id, tag, digest, ended: { status: 'succeeded', error: null } });
      keys.set(idempotencyKey, id);
      return okAsync({ id });
    },
    deployments: {
      get: (id) => okAsync(submitted.find((each) => each.id === id)?.ended ?? { status: 'queued', error: null }),
    },
    instances: { list: () => okAsync({ items: serving }) },
  };
  return { deployer, submitted, refusals, serving };
}

const refusal = (retryable: boolean): AnyError => ({ kind: 'unknown-stage', message: 'No.', hint: 'None.', retryable });

/** From its n-th call on nothing answers: that commit was made, or was not. */
function dying(store: Store, calls: number, isLastMade: boolean): Store & { readonly died: boolean } {
  let count = 0;
  const state = { died: false };
  const gone = (): AnyError & { kind: 'store-unavailable' } => ({
    kind: 'store-unavailable',
    message: 'Gone.',
    hint: 'None.',
    retryable: true,
  });
  return {
    ...store,
    get died() {
      return state.died;
    },
    get: (...given) => (state.died ? errAsync(gone()) : store.get(...given)),
    commit(...given) {
      count += 1;
      if (state.died || count >= calls) {
        const isMade = !state.died && isLastMade;
        state.died = true;
        return isMade ? store.commit(...given).andThen(() => errAsync(gone())) : errAsync(gone());
      }
      return store.commit(...given);
    },
  } as Store & { readonly died: boolean };
}

describe('a decision', () => {
  it.each([true, false])(
    'is submitted once wherever its process dies (the last commit was made: %s)',
    async (isLastMade) => {
      let died = true;
      for (let calls = 1; died; calls += 1) {
        const store = memoryStore();
        const { deployer, submitted } = fakeDeployer();
        const mortal = dying(store, calls, isLastMade);
        await decisionsOf(deployer, mortal, systemClock()).settle(WATCH, candidate(1), OPTIONS);
        const next = await decisionsOf(deployer, store, systemClock()).settle(WATCH, candidate(1), OPTIONS);
        expect(next.isOk(), `died at commit ${calls}`).toBe(true);
        expect(
          submitted.map(({ tag }) => tag),
          `died at commit ${calls}`,
        ).toEqual(['v1.1.0']);
        died = mortal.died;
        expect(calls).toBeLessThan(10);
      }
    },
  );

  it.each(Array.from({ length: 40 }, (_, seed) => seed))(
    'is one of many at the same time: nothing twice, nothing older behind something newer, seed %i',
    async (seed) => {
      let state = seed + 1;
      const random = () => {
        state = (state * 48_271) % 2_147_483_647;
        return state / 2_147_483_647;
      };
      const store = memoryStore();
      const { deployer, submitted } = fakeDeployer();
      const slow = <T, E>(work: () => ResultAsync<T, E>): ResultAsync<T, E> =>
        new ResultAsync(
          (async () => {
            for (let turns = Math.floor(random() * 6); turns > 0; turns -= 1)
              await new Promise((resolve) => setImmediate(resolve));
            return work();
          })(),
        );
      const slowStore = (): Store => {
        const own = store.connect();
        return {
          ...own,
          get: (...given) => slow(() => own.get(...given)),
          commit: (...given) => slow(() => own.commit(...given)),
        };
      };
      const slowDeployer: TriggerDeployer = {
        ...deployer,
        submit: (...given) => slow(() => deployer.submit(...given)),
      };
      const wanted = [1, 2, 3, 2, 1, 3];
      const answers = await Promise.all(
        wanted.map((minor) =>
          decisionsOf(slowDeployer, slowStore(), systemClock()).settle(WATCH, candidate(minor), OPTIONS),
        ),
      );
      expect(answers.every((answer) => answer.isOk())).toBe(true);
      const tags = submitted.map(({ tag }) => tag);
      expect(new Set(tags).size).toBe(tags.length);
      expect(tags).toEqual([...tags].sort());
      expect(tags.at(-1)).toBe('v1.3.0');
    },
  );

  it('that nobody has submitted yet is, before a newer one', async () => {
    const { deployer, submitted, refusals } = fakeDeployer();
    const store = memoryStore();
    const decisions = decisionsOf(deployer, store, systemClock());
    refusals.push(refusal(true));
    expect((await decisions.settle(WATCH, candidate(1), OPTIONS)).isErr()).toBe(true);
    expect((await decisions.settle(WATCH, candidate(2), OPTIONS))._unsafeUnwrap()).toMatchObject([
      { tag: 'v1.1.0' },
      { tag: 'v1.2.0' },
    ]);
    expect(submitted.map(({ tag }) => tag)).toEqual(['v1.1.0', 'v1.2.0']);
  });

  it('that is refused for good holds up nothing newer, and is tried again while there is nothing newer', async () => {
    const { deployer, submitted, refusals } = fakeDeployer();
    const decisions = decisionsOf(deployer, memoryStore(), systemClock());
    refusals.push(refusal(false), refusal(false), refusal(false));
    expect((await decisions.settle(WATCH, candidate(1), OPTIONS)).isErr()).toBe(true);
    expect((await decisions.settle(WATCH, candidate(1), OPTIONS)).isErr()).toBe(true);
    expect((await decisions.settle(WATCH, candidate(2), OPTIONS))._unsafeUnwrap()).toMatchObject([
      { kind: 'submitted', tag: 'v1.2.0' },
    ]);
    expect(submitted.map(({ tag }) => tag)).toEqual(['v1.2.0']);
  });
});

describe('a deployment that failed', () => {
  const failed = async (ended: Ended, options: Partial<DecideOptions> = {}) => {
    const { deployer, submitted } = fakeDeployer();
    const decisions = decisionsOf(deployer, memoryStore(), systemClock());
    for (let round = 0; round < 6; round += 1) {
      await decisions.settle(WATCH, candidate(1), { ...OPTIONS, ...options });
      for (const each of submitted) each.ended = ended;
    }
    return submitted.length;
  };

  it('is made again at most twice, where its reason may have passed', async () => {
    expect(await failed({ status: 'failed', error: { kind: 'registry-unreachable', retryable: true } })).toBe(3);
    expect(await failed({ status: 'failed', error: { kind: 'interrupted', retryable: false } })).toBe(3);
    expect(await failed({ status: 'abandoned', error: null })).toBe(3);
  });

  it('is not, where it would fail again, where somebody ended it, or by a webhook', async () => {
    expect(await failed({ status: 'failed', error: { kind: 'unhealthy', retryable: false } })).toBe(1);
    expect(await failed({ status: 'cancelled', error: { kind: 'cancelled', retryable: true } })).toBe(1);
    expect(await failed({ status: 'failed', error: { kind: 'timeout', retryable: true } }, { again: false })).toBe(1);
  });
});

it('what serves already is noted, and measured by', async () => {
  const { deployer, submitted, serving } = fakeDeployer();
  const decisions = decisionsOf(deployer, memoryStore(), systemClock());
  serving.push({ id: 'i', tag: 'v1.2.0', digest: 'sha256:2', isDefault: true });
  expect((await decisions.settle(WATCH, candidate(2), OPTIONS))._unsafeUnwrap()).toEqual([
    { kind: 'skipped', reason: 'serving' },
  ]);
  serving.length = 0;
  expect((await decisions.settle(WATCH, candidate(1), OPTIONS))._unsafeUnwrap()).toEqual([
    { kind: 'skipped', reason: 'older' },
  ]);
  expect(submitted).toEqual([]);
});
