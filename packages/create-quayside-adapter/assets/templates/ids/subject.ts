import type { Harness, IdsSubject } from '@quayside/core/testing';
import { acmeIds } from './adapter.js';

/** What one law works with: another source each time, as two hosts have each their own. */
export async function openSubject(): Promise<Harness<IdsSubject>> {
  return { open: acmeIds, close: async () => {} };
}
