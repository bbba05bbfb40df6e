/**
 * The process that serves the routes of every case, as `quayside serve` does for one: it outlives the hosts that are killed. Told on
 * its input, a line each: `open ID STORE` (answers `ID PORT`) and `close ID` (answers `ID closed`). It ends with its input.
 */
import { createInterface } from 'node:readline';
import { unwrap } from '../../packages/core/src/index.js';
import type { Store } from '../../packages/core/src/ports/store.js';
import { systemClock } from '../../packages/core/src/system.js';
import { type EmbeddedProxy, embeddedProxy } from '../../packages/proxy-adapter/src/index.js';
import { openStore, type StoreAt } from '../support/store-at.js';

const open = new Map<string, { readonly proxy: EmbeddedProxy; readonly store: Store }>();

const work: Record<string, (id: string, rest: string) => Promise<string>> = {
  async open(id, rest) {
    const store = openStore(JSON.parse(rest) as StoreAt);
    const proxy = unwrap(embeddedProxy({ drainTimeout: 100 }));
    proxy.attach?.(store, systemClock());
    open.set(id, { proxy, store });
    const { port } = await unwrap(proxy.listen({ host: '127.0.0.1', port: 0 }));
    return `${port}`;
  },
  async close(id) {
    const door = open.get(id);
    open.delete(id);
    await door?.proxy.close?.();
    await door?.store.close();
    return 'closed';
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [what = '', id = '', ...rest] = line.split(' ');
  // Not awaited: one that opens is no reason for the others to wait.
  void work[what]?.(id, rest.join(' ')).then(
    (answer) => process.stdout.write(`${id} ${answer}\n`),
    (error: unknown) => process.stdout.write(`${id} failed ${String(error)}\n`),
  );
}
for (const id of [...open.keys()]) await work['close']?.(id, '');
