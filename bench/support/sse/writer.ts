/**
 * The host whose deployment is followed: another process that shares the store, and writes its log as far as it is told to.
 *
 *   node writer.ts FILE ID ENTRIES
 */
import { unwrap } from '../../../packages/core/src/index.js';
import { sqliteStore } from '../../../packages/sql-adapter/src/index.js';
import { deploymentOf, ENTRY } from '../history.js';

const BATCH = 500;

const [, , path = '', id = '', total = '0'] = process.argv;
const entries = Number(total);
const { signal } = new AbortController();
const store = unwrap(sqliteStore({ path }));
await unwrap(store.storeId({ signal }));
const ended = deploymentOf(id, 'main');
await unwrap(
  store.commit(
    [{ op: 'put', collection: 'deployments', record: { ...ended, status: 'running', endedAt: null, instance: null } }],
    { signal },
  ),
);
process.send?.({ ready: true });

let written = 0;
let allowed = 0;
let isWriting = false;
process.on('message', (message) => {
  allowed = Math.max(allowed, Number(message));
  if (!isWriting) void write();
});

async function write(): Promise<void> {
  isWriting = true;
  while (written < Math.min(allowed, entries)) {
    const count = Math.min(BATCH, entries - written);
    const batch = Array.from({ length: count }, () => ({ ...ENTRY }));
    await unwrap(store.commit([{ op: 'append', stream: `log:${id}`, entries: batch }], { signal }));
    written += count;
  }
  if (written < entries) {
    isWriting = false;
    return;
  }
  await unwrap(store.commit([{ op: 'put', collection: 'deployments', record: ended }], { signal }));
  await store.close();
}
