/** The audit trail: what is older than `keepAuditMs` goes, whatever it was about. */
import { ok, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import { routine } from '../kernel/routine.js';
import { CHANGES_MAX, type Change } from '../ports/store.js';
import { type PruneRun, tidy } from './run.js';

export function pruneAudit(run: PruneRun): ResultAsync<void, AnyError> {
  const { host, signal } = run;
  return routine(async function* () {
    const since = host.clock.now() - host.settings.keepAuditMs;
    for (;;) {
      // The oldest first: mostly one record tells that there is nothing to do.
      const [oldest] = yield* host.store.list('audit', { limit: 1 }, { signal });
      if (!oldest || oldest.value.at >= since) return ok<void, AnyError>(undefined);
      const page = yield* host.store.list('audit', { limit: CHANGES_MAX }, { signal });
      const old = page.filter(({ value }) => value.at < since);
      yield* tidy(
        run,
        old.map(({ value }): Change => ({ op: 'remove', collection: 'audit', id: value.id })),
      );
      if (old.length < CHANGES_MAX) return ok<void, AnyError>(undefined);
    }
  });
}
