/**
 * The embedded proxy with one route, in a process of its own: `node --import tsx embedded-proxy.ts FILE PORT APP_PORT`. Ends with its signal.
 */
import { systemClock, unwrap } from '../../packages/core/src/ports.js';
import { embeddedProxy } from '../../packages/proxy-adapter/src/index.js';
import { sqliteStore } from '../../packages/sql-adapter/src/index.js';
import { DOMAIN } from './front-proxies.js';

const [path = '', port = '', appPort = ''] = process.argv.slice(2);
const store = unwrap(sqliteStore({ path }));
const proxy = unwrap(embeddedProxy());
proxy.attach?.(store, systemClock());
await unwrap(proxy.listen({ host: '127.0.0.1', port: Number(port) }));
const signal = new AbortController().signal;
const storeId = await unwrap(store.storeId({ signal }));
const targets = [{ instance: 'app', host: '127.0.0.1', port: Number(appPort) }];
await unwrap(proxy.put({ domain: DOMAIN, mark: `${storeId}-bench`, targets, options: {} }, { signal }));
process.once('SIGTERM', async () => {
  await proxy.close?.();
  await store.close();
});
