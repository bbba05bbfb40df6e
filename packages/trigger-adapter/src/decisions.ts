/**
 * Decides for a stage, and submits what was decided: once, in however many processes, and wherever one of them dies.
 *
 *   look at the record ──▶ write the decision over it ──▶ submit under its key ──▶ write down what came of it
 *
 * The record is written over only as it was read, so of two processes that decide at the same time one reads again and sees what the other
 * wanted. A decision that nobody has submitted yet is submitted first by whoever comes across it: under the same idempotency key that is the
 * same deployment, and nothing older is submitted behind something newer.
 */
import { createHash } from 'node:crypto';
import type { AnyError, Clock, Store, Stored, TriggerRecord } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { type Candidate, judge, type Serving, type SkipReason } from './judge.js';
import type { Watch } from './options.js';
import type { TriggerDeployer } from './types.js';

export type Outcome =
  | { readonly kind: 'submitted'; readonly deployment: string; readonly tag: string; readonly digest: string }
  | { readonly kind: 'skipped'; readonly reason: SkipReason };

export interface DecideOptions {
  /** For the history: `webhook ghcr`. */
  readonly by: string;
  /** Whether a deployment of this digest that failed for a reason that passes is made again. */
  readonly again: boolean;
  readonly signal: AbortSignal;
}

export interface Decisions {
  /** @returns one outcome per deployment that was submitted or found to be none: one that was left over comes first */
  settle(watch: Watch, candidate: Candidate, options: DecideOptions): Promise<Result<readonly Outcome[], AnyError>>;
}

/** A digest is deployed so often at most, where each time failed for a reason that may pass. */
const ATTEMPTS_MAX = 3;
/** Others that decide for the same stage at the same time: each round one of them gets through. */
const ROUNDS_MAX = 20;

export function decisionsOf(deployer: TriggerDeployer, store: Store, clock: Clock): Decisions {
  const submit = async (watch: Watch, before: Stored<TriggerRecord>, options: DecideOptions) => {
    const { project, stage } = watch;
    const { tag, digest, key: idempotencyKey } = before.value;
    const { by, signal } = options;
    const submitted = await deployer.submit({ project, stage, tag, digest, by, idempotencyKey }, { signal });
    if (submitted.isErr()) return err(submitted.error);
    const { id: deployment } = submitted.value;
    const record = { ...before.value, deployment };
    // Somebody who was quicker with it has written the same.
    const written = await put(record, before.version, signal);
    if (written.isErr() && written.error.kind !== 'store-conflict') return err(written.error);
    return ok<Outcome, AnyError>({ kind: 'submitted', deployment, tag, digest });
  };

  const put = (record: TriggerRecord, version: number | undefined, signal: AbortSignal) =>
    store.commit(
      [
        version === undefined
          ? { op: 'insert', collection: 'triggers', record }
          : { op: 'put', collection: 'triggers', record, version },
      ],
      { signal },
    );

  const servingOf = async (
    { project, stage }: Watch,
    signal: AbortSignal,
  ): Promise<Result<Serving | undefined, AnyError>> => {
    const found = await deployer.instances.list({ project, stage, limit: 200, signal });
    return found.map(({ items }) => items.find(({ isDefault }) => isDefault));
  };

  /** Whether the deployment that was made of it failed for a reason that may have passed. */
  const mayBeMadeAgain = async ({ deployment, attempt }: TriggerRecord, signal: AbortSignal) => {
    if (deployment === null || attempt >= ATTEMPTS_MAX) return false;
    const found = await deployer.deployments.get(deployment, { signal });
    if (found.isErr()) return false;
    const { status, error } = found.value;
    if (status === 'abandoned') return true;
    return status === 'failed' && (error?.retryable === true || error?.kind === 'interrupted');
  };

  return {
    async settle(watch, candidate, options) {
      const { signal, again } = options;
      const id = JSON.stringify([watch.project, watch.stage]);
      const outcomes: Outcome[] = [];
      for (let round = 0; round < ROUNDS_MAX; round += 1) {
        const read = await store.get('triggers', id, { signal });
        if (read.isErr()) return err(read.error);
        const before = read.value;
        let superseded = false;
        if (before && before.value.deployment === null) {
          const finished = await submit(watch, before, options);
          if (finished.isOk()) {
            outcomes.push(finished.value);
            continue;
          }
          const isOurs = before.value.digest === candidate.digest;
          if (isOurs || finished.error.retryable) return err(finished.error);
          // It is refused for good: what is newer need not wait for it.
          superseded = true;
        }
        const serving = await servingOf(watch, signal);
        if (serving.isErr()) return err(serving.error);
        const verdict = judge(watch.policy, candidate, before?.value, serving.value);
        const isAgain =
          verdict.kind === 'skip' &&
          verdict.reason === 'same-digest' &&
          again &&
          before !== undefined &&
          (await mayBeMadeAgain(before.value, signal));
        if (verdict.kind === 'skip' && !isAgain) {
          if (verdict.note) {
            const known =
              verdict.reason === 'serving' ? (serving.value?.id ?? null) : (before?.value.deployment ?? null);
            const record = recordOf(
              id,
              candidate,
              before,
              { deployment: known, attempt: before?.value.attempt ?? 1 },
              clock,
            );
            const noted = await put(record, before?.version, signal);
            if (noted.isErr() && noted.error.kind === 'store-conflict') continue;
            if (noted.isErr()) return err(noted.error);
          }
          const isToldAlready = outcomes.some((each) => each.kind === 'submitted' && each.digest === candidate.digest);
          return ok(isToldAlready ? outcomes : [...outcomes, { kind: 'skipped', reason: verdict.reason }]);
        }
        const attempt = isAgain && !superseded ? (before?.value.attempt ?? 0) + 1 : 1;
        const record = recordOf(id, candidate, before, { deployment: null, attempt }, clock);
        const written = await put(record, before?.version, signal);
        // Submitted in the next round, like one that somebody else has left.
        if (written.isOk() || written.error.kind === 'store-conflict') continue;
        return err(written.error);
      }
      return err(contended(watch));
    },
  };
}

/** The key is drawn from the record's version: the same digest again, after another one, is another deployment. */
function recordOf(
  id: string,
  { tag, digest, pushedAt }: Candidate,
  before: Stored<TriggerRecord> | undefined,
  more: Pick<TriggerRecord, 'deployment' | 'attempt'>,
  clock: Clock,
): TriggerRecord {
  const unique = JSON.stringify([id, tag, digest, before?.version ?? 0, before?.value.key ?? null, clock.now()]);
  const key = `trigger-${createHash('sha256').update(unique).digest('hex').slice(0, 40)}`;
  return { id, tag, digest, key, at: clock.now(), pushedAt, ...more };
}

const contended = ({ project, stage }: Watch): AnyError => ({
  kind: 'store-conflict',
  message: `So many decide for ${project}/${stage} at the same time that this one did not get through.`,
  hint: 'Leave it to the others, or to the next poll.',
  retryable: true,
});
