import { okAsync } from 'neverthrow';
import { expect, it } from 'vitest';
import { unwrap } from '../domain/errors.js';
import type { DomainOwner } from '../domain/names.js';
import { memoryStore } from '../testing/index.js';
import { generatedDomain, prepareClaim } from './claim.js';

it('keeps the domain that was claimed for the same owner between two readings', async () => {
  const { signal } = new AbortController();
  const store = memoryStore();
  const terms = { storeId: 'store', stageKey: 's', claimedBy: 'd', options: null, identity: '' };
  const owner: DomainOwner = { kind: 'default', project: 'shop', stage: 'dev' };
  const wanted = [generatedDomain('{stage}-{project}', 'apps.test', owner)];
  const first = await unwrap(prepareClaim(store, wanted, terms, { signal }));
  await unwrap(store.commit(first.changes, { signal }));
  // The owner's own domains are read before that commit, each candidate after it.
  const late = { get: store.get, list: () => okAsync([]) };
  const second = await unwrap(prepareClaim(late, wanted, terms, { signal }));
  expect(second.routes).toEqual(first.routes);
});
