import type { Store } from '@quayside/core/ports';
import type { Harness, StoreSubject } from '@quayside/core/testing';
import { acmeStore } from './adapter.js';

let laws = 0;

/** What one law works with: connections to one new and empty store. */
export async function openSubject(): Promise<Harness<StoreSubject>> {
  laws += 1;
  // A database, a schema or a folder of its own for each law: nothing is in it at first.
  const url = `acme://127.0.0.1/law_${laws}`;
  const stores: Store[] = [];
  const connect = async () => {
    const created = acmeStore({ url });
    if (created.isErr()) throw new Error(created.error.message);
    stores.push(created.value);
    return created.value;
  };
  return {
    store: await connect(),
    connect,
    pause: () => new Promise((resolve) => setTimeout(resolve, 5)),
    async close() {
      for (const store of stores) await store.close();
      // Remove what the law has left behind.
    },
  };
}
