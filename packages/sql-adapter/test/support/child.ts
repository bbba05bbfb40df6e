/** A process of its own that uses a store: `child.ts <what> <place> <name> [count]`. It says a line when something is done. */
import { createRequire } from 'node:module';
import { unwrap } from '@quayside/core/ports';
import { postgresStore, sqliteStore } from '@quayside/sql-adapter';

const [, , what = '', place = '', name = '', count = '0', timeout = '30s'] = process.argv;
const signal = new AbortController().signal;
const store = unwrap(
  place.startsWith('postgresql:')
    ? postgresStore({ connectionString: place, timeout })
    : sqliteStore({ path: place, busyTimeout: '30s' }),
);
const say = (line: string) => process.stdout.write(`${line}\n`);
const image = { reference: '', repository: 'shop', digest: 'd', pulledAt: 0, identity: '' };
/** SQLite's native module, and pg. */
const drivers = () => {
  const { sharedObjects } = process.report.getReport() as unknown as { sharedObjects: string[] };
  const modules = Object.keys(createRequire(import.meta.url).cache);
  return [
    ...sharedObjects.filter((file) => file.endsWith('.node')),
    ...modules.filter((file) => /\/pg\/lib\/index/.test(file)),
  ];
};

const work: Record<string, () => Promise<void>> = {
  async open() {
    say(await unwrap(store.storeId({ signal })));
  },
  /** Counts up for ever: a record, an entry and a counter in each commit, told once it is answered. */
  async count() {
    for (let index = 0; ; index += 1) {
      const id = `${name}-${index}`;
      await unwrap(
        store.commit(
          [
            { op: 'insert', collection: 'cursors', record: { id, after: index } },
            { op: 'append', stream: 'all', entries: [id, id] },
            { op: 'put', collection: 'cursors', record: { id: name, after: index } },
          ],
          { signal },
        ),
      );
      say(id);
    }
  },
  /** Claims domains that others claim too: a claim and its entry, or neither. */
  async claim() {
    for (let index = 0; index < Number(count); index += 1) {
      const id = `domain-${index}`;
      const answer = await store.commit(
        [
          { op: 'append', stream: 'claims', entries: [`${id} ${name}`] },
          { op: 'insert', collection: 'images', record: { ...image, id, pulledBy: name } },
        ],
        { signal },
      );
      if (answer.isOk()) say(id);
      else if (answer.error.kind !== 'store-conflict') throw new Error(answer.error.message);
    }
  },
  /** Commits once for each line that comes in. */
  async echo() {
    await unwrap(store.storeId({ signal }));
    say('ready');
    for await (const chunk of process.stdin) {
      await unwrap(store.commit([{ op: 'append', stream: 'echo', entries: [String(chunk)] }], { signal }));
    }
  },
  /** Which drivers are loaded by the import alone, and by the first call. */
  async load() {
    say(`imported: ${drivers().length}`);
    await unwrap(store.storeId({ signal }));
    say(`opened: ${drivers().length}`);
  },
  /** Follows, and has nothing else to do. */
  async follow() {
    await unwrap(store.storeId({ signal }));
    store.subscribe?.(() => {});
    say('following');
  },
  /** What still waits for something after the close. */
  async leave() {
    // An immediate is over with its turn: only one that another follows would be left after the next.
    const waits = (kinds: RegExp) => process.getActiveResourcesInfo().filter((each) => kinds.test(each)).length;
    await unwrap(store.commit([{ op: 'append', stream: 's', entries: [1] }], { signal }));
    await Promise.all([1, 2, 3].map(() => unwrap(store.read('s', { after: 0 }, { signal }))));
    store.subscribe?.(() => {});
    // The last of them is being connected while the store is closed.
    await unwrap(store.close());
    const left = waits(/TCP|Timeout/);
    await new Promise((resolve) => setImmediate(resolve));
    say(`left: ${left + waits(/Immediate/)}`);
  },
  /** Which of the database's files are open after the close. */
  async close() {
    const { readdirSync, readlinkSync } = await import('node:fs');
    const held = () =>
      readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`).startsWith(place);
        } catch {
          return false;
        }
      }).length;
    await unwrap(store.commit([{ op: 'append', stream: 's', entries: [1] }], { signal }));
    await unwrap(store.read('s', { after: 0 }, { signal }));
    store.subscribe?.(() => {});
    say(`open: ${held() > 0}`);
    await unwrap(store.close());
    for (let round = 0; round < 20 && held() > 0; round += 1) {
      (globalThis as { gc?: () => void }).gc?.();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    say(`closed: ${held()}`);
  },
  /** One commit, its answer, and no word from `close`. */
  async commit() {
    const answer = await store.commit([{ op: 'append', stream: 's', entries: [name] }], { signal });
    say(answer.isOk() ? 'ok' : `${answer.error.kind} ${answer.error.code} ${answer.error.outcome}`);
    if (answer.isErr()) say(answer.error.hint);
  },
  /** Commits big entries until one is refused, then says what of it is there. */
  async fill() {
    const entry = 'x'.repeat(20_000);
    for (let index = 0; index < 10_000; index += 1) {
      const answer = await store.commit([{ op: 'append', stream: 's', entries: [entry] }], { signal });
      if (answer.isOk()) continue;
      const { kind, code, outcome, hint } = answer.error;
      say(JSON.stringify({ committed: index, kind, code, outcome, hint }));
      const read = await store.read('s', { after: index - 1 }, { signal });
      say(JSON.stringify(read.isOk() ? read.value.map((each) => each.seq) : read.error.kind));
      return;
    }
  },
};

const job = work[what];
if (!job) throw new TypeError(`No such work: ${what}`);
await job();
