/** Whether a tag at a digest is to be deployed on a stage, by what was decided there before and what serves there now. */
import type { TriggerRecord } from '@quayside/core/ports';
import type { Policy } from './policy/policy.js';

export interface Candidate {
  readonly tag: string;
  /** What the registry says that the tag points to now. */
  readonly digest: string;
  /** Wall clock; null: nobody has said. */
  readonly pushedAt: number | null;
}

/** What the stage's default route leads to. */
export interface Serving {
  readonly id: string;
  readonly tag: string;
  readonly digest: string;
}

export type Verdict =
  | { readonly kind: 'deploy' }
  /** `note`: the decision is worth keeping: another tag is the newest now. */
  | { readonly kind: 'skip'; readonly reason: SkipReason; readonly note?: true };

/** `same-digest`: it was decided for before. `serving`: it serves already. `older`: something newer was decided for, or serves. */
export type SkipReason = 'same-digest' | 'serving' | 'older';

/**
 * What was decided before stands, whoever has rolled back or deployed something else since: a push changes a stage, and no poll undoes what a
 * person has done. The same digest again, by whatever name, is nothing new.
 */
export function judge(
  policy: Policy,
  candidate: Candidate,
  before: TriggerRecord | undefined,
  serving: Serving | undefined,
): Verdict {
  if (before?.digest === candidate.digest) {
    // Under a newer name it is what the next ones are measured by.
    const isNewer = before.tag !== candidate.tag && isOlder(policy, before, candidate);
    return { kind: 'skip', reason: 'same-digest', ...(isNewer ? { note: true } : {}) };
  }
  if (before && isOlder(policy, candidate, before)) return { kind: 'skip', reason: 'older' };
  if (serving?.digest === candidate.digest) return { kind: 'skip', reason: 'serving', note: true };
  // By a person's hand something newer may serve than was ever decided for here.
  if (serving && isOlder(policy, candidate, serving)) return { kind: 'skip', reason: 'older' };
  return { kind: 'deploy' };
}

/** Only what the policy admits counts: after it was changed, what it admitted before is no measure. */
function isOlder(policy: Policy, one: Dated, other: Dated): boolean {
  if (policy.only !== undefined || !policy.admits(one.tag) || !policy.admits(other.tag)) return false;
  if (policy.compare) return policy.compare(one.tag, other.tag) < 0;
  return typeof one.pushedAt === 'number' && typeof other.pushedAt === 'number' && one.pushedAt < other.pushedAt;
}

interface Dated {
  readonly tag: string;
  readonly pushedAt?: number | null;
}
