import { ended, error, holds, open, same, value } from '../assert.js';
import type { Law } from '../law.js';
import { letsGo } from '../listeners.js';
import { STORE } from './contracts.js';
import { append, commit, cursor, get, insert, type StoreSubject, streamOf } from './subject.js';

/** How long a follower may have to be told: 200 pauses of the harness. */
async function arrives(subject: StoreSubject, condition: () => boolean, rule: string): Promise<void> {
  for (let round = 0; round < 200 && !condition(); round += 1) await subject.pause();
  holds(condition(), rule);
}

const withoutSubscribe = ({ store }: StoreSubject) => (store.subscribe ? undefined : 'it does not notify');

/** Signals, followers, and the end. */
export const lifeLaws: readonly Law<StoreSubject>[] = [
  {
    name: 'a call under an aborted signal answers `aborted` and does nothing',
    contract: STORE.signals,
    async holds({ store }) {
      await commit(store, [insert('a')]);
      await error(store.storeId(ended()), 'aborted');
      await error(store.commit([insert('b'), append('s', 1)], ended()), 'aborted');
      await error(store.get('cursors', 'a', ended()), 'aborted');
      await error(store.list('cursors', {}, ended()), 'aborted');
      await error(store.read('s', { after: 0 }, ended()), 'aborted');
      same(await get(store, 'cursors', 'b'), undefined, 'an aborted commit has written nothing');
      same(await streamOf(store, 's'), [], 'and appended nothing');
    },
  },
  {
    name: 'calls that have ended leave no listener on their signal',
    contract: STORE.signals,
    async holds({ store }) {
      await letsGo('calls to the store', async (options) => {
        await value(store.storeId(options));
        await value(store.commit([{ op: 'put', collection: 'cursors', record: cursor('a') }], options));
        await value(store.get('cursors', 'a', options));
        await value(store.list('cursors', {}, options));
        await value(store.read('s', { after: 0 }, options));
      });
    },
  },
  {
    name: 'a follower is called after a commit, whoever made it, and finds it when it looks',
    contract: STORE.following,
    exempt: withoutSubscribe,
    async holds(subject) {
      const { store, connect, pause } = subject;
      const other = await connect();
      let calls = 0;
      const unsubscribe = store.subscribe?.(() => {
        calls += 1;
      });
      await pause();
      calls = 0;
      await commit(store, [insert('own')]);
      await arrives(subject, () => calls > 0, 'a commit of its own connection');
      for (let round = 0; round < 20; round += 1) await pause();
      calls = 0;
      await commit(other, [insert('other')]);
      await arrives(subject, () => calls > 0, 'a commit of another connection');
      holds(await get(store, 'cursors', 'other'), 'what it was told of is there');
      unsubscribe?.();
      for (let round = 0; round < 20; round += 1) await pause();
      calls = 0;
      await commit(store, [insert('later')]);
      await commit(other, [insert('later still')]);
      for (let round = 0; round < 20; round += 1) await pause();
      same(calls, 0, 'who has unsubscribed is not called');
    },
  },
  {
    name: 'a follower that throws harms neither the commit nor the other followers',
    contract: STORE.following,
    exempt: withoutSubscribe,
    async holds(subject) {
      const { store } = subject;
      let calls = 0;
      store.subscribe?.(() => {
        throw new Error('a follower of somebody else');
      });
      store.subscribe?.(() => {
        calls += 1;
      });
      await commit(store, [insert('a')]);
      await arrives(subject, () => calls > 0, 'the follower after the one that throws is called');
      holds(await get(store, 'cursors', 'a'), 'the commit is there');
    },
  },
  {
    name: 'closing twice is fine; afterwards every call answers `closed`, and other connections go on',
    contract: STORE.closing,
    async holds({ store, connect }) {
      const other = await connect();
      await commit(store, [insert('a')]);
      await value(store.close());
      await value(store.close(), 'twice is ok');
      await error(store.storeId(open()), 'closed');
      await error(store.commit([insert('b')], open()), 'closed');
      await error(store.get('cursors', 'a', open()), 'closed');
      await error(store.list('cursors', {}, open()), 'closed');
      await error(store.read('s', { after: 0 }, open()), 'closed');
      same((await get(other, 'cursors', 'a'))?.version, 1, 'what was committed before is there');
      same(await get(other, 'cursors', 'b'), undefined, 'what came after the close is not');
      await commit(other, [insert('b')]);
    },
  },
  {
    name: 'a store that was never used can be closed',
    contract: STORE.closing,
    async holds({ connect }) {
      await value((await connect()).close());
    },
  },
  {
    name: 'a commit that a close overtakes is answered, and is there exactly if it was answered `ok`',
    contract: STORE.closing,
    async holds({ store, connect }) {
      const other = await connect();
      await commit(store, [insert('opened')]);
      const answers = Array.from({ length: 5 }, (_, index) => store.commit([insert(`c${index}`)], open()));
      const closed = store.close();
      for (const [index, answer] of (await Promise.all(answers)).entries()) {
        const there = (await get(other, 'cursors', `c${index}`)) !== undefined;
        same(there, answer.isOk(), 'an answer says what has happened');
        if (answer.isErr()) same(answer.error.kind, 'closed', 'what was not done is answered `closed`');
      }
      await value(closed);
    },
  },
];
