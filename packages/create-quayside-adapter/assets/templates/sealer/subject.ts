import type { Harness, SealerSubject } from '@quayside/core/testing';
import { acmeSealer } from './adapter.js';

/** What one law works with: a sealer, and one of a host with another key. */
export async function openSubject(): Promise<Harness<SealerSubject>> {
  const of = (key: string) => {
    const created = acmeSealer({ key });
    if (created.isErr()) throw new Error(created.error.message);
    return created.value;
  };
  return { sealer: of('one'), other: of('two'), close: async () => {} };
}
