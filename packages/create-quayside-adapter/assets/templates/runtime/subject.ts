import { assert, type Harness, type RuntimeSubject } from '@quayside/core/testing';
import { nextIs } from '../not-implemented.js';
import { acmeRuntime } from './adapter.js';

/**
 * Four images in a registry that your engine reaches; each of the first three writes the lines `first` and `second` when it starts:
 * `app` listens on port 3000 until it is stopped, `ends` ends within a few seconds with exit code 3, `healthy` has a health check of
 * its own that comes to `healthy`, `unstartable` has a command that is not in it. No `missing` is ever pushed.
 */
const REPOSITORY = process.env['LAWS_REPOSITORY'] ?? 'localhost:5000/laws';

let laws = 0;

/** What one law works with. Nothing of it may be on the engine when the law begins, and nothing after it has ended. */
export async function openSubject(): Promise<Harness<RuntimeSubject>> {
  laws += 1;
  const created = acmeRuntime();
  if (created.isErr()) throw new Error(created.error.message);
  const prefix = `law-${laws}`;
  return {
    runtime: created.value,
    storeId: `${prefix}-store`,
    otherStoreId: `${prefix}-other`,
    prefix,
    images: {
      app: `${REPOSITORY}:app`,
      ends: `${REPOSITORY}:ends`,
      healthy: `${REPOSITORY}:healthy`,
      unstartable: `${REPOSITORY}:unstartable`,
      missing: `${REPOSITORY}:missing`,
    },
    freePort: async () => nextIs('`freePort` of test/subject.ts: a port of the node that nobody uses'),
    async eventually(what, condition) {
      for (let turn = 0; turn < 400; turn += 1) {
        const found = await condition();
        if (found !== undefined && found !== false) return found;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      throw new assert.LawBroken(`not within 10 s: ${what}`);
    },
    async close() {
      // Remove what the law has left: containers and networks whose name begins with the prefix, and the images of the repository.
      await created.value.close?.();
    },
  };
}
