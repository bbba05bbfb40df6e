import { ok, okAsync } from 'neverthrow';
import type { AnyError } from '../../domain/errors.js';
import { routine } from '../../kernel/routine.js';
import type { Change } from '../../ports/store.js';
import { calls } from '../limits.js';
import type { Step } from '../step.js';
import { heldRoute, removeRoute, writeLeases } from '../writes.js';

interface ClaimIntent {
  /** Domains that this deployment has claimed anew. */
  readonly domains: readonly string[];
  /** Of those, what was about to leave, and is still at the proxy perhaps. */
  readonly taken: readonly string[];
}

/** The claim is its own commit, journal entry included (`flow/claim.ts`): what is left of it as a step is how to take it back. */
export const claimStep: Step = {
  name: 'claim',
  version: 1,
  intent: () => okAsync({ domains: [], taken: [] }),
  run: () => okAsync(undefined),
  limit: (flow) => calls(flow, 1),
  leases: (flow, intent) =>
    writeLeases(flow.host, flow.ledger.record.identities?.proxy ?? null, (intent as unknown as ClaimIntent).taken),
  undo: (flow, intent, signal) =>
    routine(async function* () {
      const { domains, taken } = intent as unknown as ClaimIntent;
      const changes: Change[] = [];
      for (const domain of domains) {
        const record = yield* flow.host.store.get('routes', domain, { signal });
        // A route that was committed, or claimed again since, is not ours to give back.
        if (record?.value.state !== 'pending' || record.value.claimedBy !== flow.ledger.record.id) continue;
        if (taken.includes(domain)) {
          // Whoever was to remove it has left it to us: without its record nobody would know of it any more.
          const { mark } = record.value;
          const held = yield* heldRoute(flow, domain, signal);
          if (held?.mark === mark) yield* removeRoute(flow, { domain, mark }, signal);
        }
        changes.push({ op: 'remove', collection: 'routes', id: domain, version: record.version });
      }
      if (changes.length > 0) yield* flow.ledger.commit({ changes });
      return ok<void, AnyError>(undefined);
    }),
};
