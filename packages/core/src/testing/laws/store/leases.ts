import { error, holds, open, same, value } from '../assert.js';
import type { Law } from '../law.js';
import { STORE } from './contracts.js';
import { commit, get, insert, lease, type StoreSubject } from './subject.js';

/** Who the store is, and what becomes of a lease: the two that everything else of the core stands on. */
export const leaseLaws: readonly Law<StoreSubject>[] = [
  {
    name: 'the store’s id is 12 characters of [0-9a-z], and the same over every connection',
    contract: STORE.identity,
    async holds({ store, connect }) {
      const id = await value(store.storeId(open()));
      holds(/^[0-9a-z]{12}$/.test(id), `the id is 12 characters of [0-9a-z], not "${id}"`);
      same(await value(store.storeId(open())), id, 'it stays the same');
      same(await value((await connect()).storeId(open())), id, 'for everybody');
    },
  },
  {
    name: 'a lease whose holder is dead is taken over by a put of its version: then the new token holds, and the old one fences nothing',
    contract: STORE.leases,
    async holds({ store, connect }) {
      const other = await connect();
      await commit(store, [{ op: 'insert', collection: 'leases', record: lease('l', 7) }]);
      const beaten = { ...lease('l', 7), beat: 1 };
      await commit(store, [{ op: 'put', collection: 'leases', record: beaten, version: 1 }]);
      same(await get(other, 'leases', 'l'), { value: beaten, version: 2 }, 'a renewal is seen by everybody, whole');
      const taken = lease('l', 8, 'host-b');
      const takeOver = { op: 'put', collection: 'leases', record: taken, version: 2 } as const;
      await value(other.commit([takeOver], open()), 'whoever names its version may take it over');
      same(await get(store, 'leases', 'l'), { value: taken, version: 3 }, 'it is the new holder’s');
      await commit(other, [insert('new')], { fence: [{ lease: 'l', token: 8 }] });
      const stale = store.commit([insert('old')], { ...open(), fence: [{ lease: 'l', token: 7 }] });
      await error(stale, 'lease-lost', 'who woke up too late writes nothing');
      holds((await get(store, 'cursors', 'old')) === undefined, 'nothing was written under the old token');
      await error(other.commit([takeOver], open()), 'store-conflict', 'nobody takes it over twice');
    },
  },
];
