/**
 * A process that serves the routes of a SQLite file, as `quayside serve` does. Says `listening PORT` and goes on until its input
 * ends; then it closes, and has to end by itself.
 *
 *   node --import tsx serve.ts FILE TTL_MS
 */
import { unwrap } from '@quayside/core/ports';
import { sqliteStore } from '@quayside/sql-adapter';
import { embeddedProxy } from '../../src/index.js';
import { realClock } from './world.js';

const [path = '', ttl = ''] = process.argv.slice(2);
const store = unwrap(sqliteStore({ path }));
const proxy = unwrap(embeddedProxy({ serverTtl: Number(ttl), drainTimeout: 1_000 }));
proxy.attach?.(store, realClock);
const door = await unwrap(proxy.listen({ host: '127.0.0.1', port: 0 }));
process.stdout.write(`listening ${door.port}\n`);
process.stdin.resume();
process.stdin.once('end', async () => {
  await proxy.close?.();
  await store.close();
  process.stdout.write('closed\n');
});
