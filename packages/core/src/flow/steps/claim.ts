import { ok, okAsync } from 'neverthrow';
import type { AnyError } from '../../domain/errors.js';
import { routine } from '../../kernel/routine.js';
import type { Change } from '../../ports/store.js';
import type { Step } from '../step.js';

interface ClaimIntent {
  /** Domains that this deployment has claimed anew. */
  readonly domains: readonly string[];
}

/** The claim is its own commit, journal entry included (`flow/claim.ts`): what is left of it as a step is how to take it back. */
export const claimStep: Step = {
  name: 'claim',
  version: 1,
  intent: () => okAsync({ domains: [] }),
  run: () => okAsync(undefined),
  undo: (flow, intent, signal) =>
    routine(async function* () {
      const changes: Change[] = [];
      for (const domain of (intent as unknown as ClaimIntent).domains) {
        const record = yield* flow.host.store.get('routes', domain, { signal });
        // A route that was committed, or claimed again since, is not ours to give back.
        if (record?.value.state !== 'pending' || record.value.claimedBy !== flow.ledger.record.id) continue;
        changes.push({ op: 'remove', collection: 'routes', id: domain, version: record.version });
      }
      if (changes.length > 0) yield* flow.ledger.commit({ changes });
      return ok<void, AnyError>(undefined);
    }),
};
