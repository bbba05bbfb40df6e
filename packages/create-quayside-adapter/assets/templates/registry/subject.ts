import type { Harness, RegistrySubject } from '@quayside/core/testing';
import { nextIs } from '../not-implemented.js';
import { acmeRegistry } from './adapter.js';

/** A registry that you may push to, one that wants a login which the adapter has not, and a place where nobody listens. */
const HOST = process.env['LAWS_REGISTRY'] ?? '127.0.0.1:5000';
const DENYING = process.env['LAWS_DENYING_REGISTRY'] ?? '127.0.0.1:5001';
const AWAY = '127.0.0.1:1';

let laws = 0;

/** What one law works with. Nothing is in its repositories at first. */
export async function openSubject(): Promise<Harness<RegistrySubject>> {
  laws += 1;
  const prefix = `${HOST}/law-${laws}`;
  const created = acmeRegistry({ pageSize: 10 });
  if (created.isErr()) throw new Error(created.error.message);
  return {
    registry: created.value,
    repository: (name) => `${prefix}/${name}`,
    push: async () => nextIs('`push` of test/subject.ts: a manifest of this content under this tag, and its digest'),
    away: AWAY,
    denying: DENYING,
    async close() {
      await created.value.close?.();
    },
  };
}
