import { holds, open, same, value } from '../assert.js';
import type { Law } from '../law.js';
import { STORE } from './contracts.js';
import { append, commit, insert, type StoreSubject, streamOf } from './subject.js';

/** Streams: sequences drawn inside the commit, reading on behind a number, trimming. */
export const streamLaws: readonly Law<StoreSubject>[] = [
  {
    name: 'a stream counts from 1 without a gap, each for itself, and the receipt has the first new number',
    contract: STORE.streams,
    async holds({ store }) {
      same((await commit(store, [append('s', 'a', 'b')])).sequences, { s: 1 }, 'the first entry is number 1');
      same(
        (await commit(store, [append('t', 'x'), append('s', 'c')])).sequences,
        { s: 3, t: 1 },
        'each stream its own',
      );
      const both = await commit(store, [append('s', 'd', 'e'), insert('between'), append('s', 'f')]);
      same(both.sequences, { s: 4 }, 'of two appends to one stream the receipt has the first number');
      same((await commit(store, [insert('alone')])).sequences, {}, 'no append, no number');
      const all = ['a', 'b', 'c', 'd', 'e', 'f'].map((text, index) => [index + 1, text]);
      same(await streamOf(store, 's'), all, 'entries come in the order in which they were appended');
    },
  },
  {
    name: 'a stream is read on behind a number, and an absent one is empty',
    contract: STORE.streams,
    async holds({ store }) {
      await commit(store, [append('s', 'a', 'b', 'c', 'd')]);
      same(
        await streamOf(store, 's', 2),
        [
          [3, 'c'],
          [4, 'd'],
        ],
        'after: only what is behind it',
      );
      same(await streamOf(store, 's', 4), [], 'behind the last is nothing');
      same(await streamOf(store, 's', 99), [], 'nor far behind it');
      same(await streamOf(store, 'other'), [], 'nobody has appended to this one');
      const two = await value(store.read('s', { after: 1, limit: 2 }, open()));
      same(
        two.map((entry) => entry.seq),
        [2, 3],
        'at most `limit`, the oldest first',
      );
      same(await value(store.read('s', { after: 0, limit: 0 }, open())), [], 'a limit of 0 is none');
    },
  },
  {
    name: 'a read gives at most 1 000 entries, and going on behind the last gives all',
    contract: STORE.streams,
    async holds({ store }) {
      const numbers = Array.from({ length: 2_100 }, (_, index) => index + 1);
      await commit(store, [append('s', ...numbers)]);
      const first = await value(store.read('s', { after: 0, limit: 5_000 }, open()));
      same(first.length, 1_000, 'at most 1 000, whatever is asked for');
      same((await value(store.read('s', { after: 0 }, open()))).length, 1_000, '1 000 is the default too');
      const seen: unknown[] = [];
      // One that goes on for ever must not keep the law from telling.
      for (let after = 0, page = 0; page < 10; page += 1) {
        const entries = await value(store.read('s', { after }, open()));
        if (entries.length === 0) break;
        seen.push(...entries.map((entry) => entry.value));
        after = entries.at(-1)?.seq ?? after;
      }
      same(seen, numbers, 'page by page, every entry comes once and in order');
    },
  },
  {
    name: 'trimmed entries are gone, and their numbers are not used again',
    contract: STORE.streams,
    async holds({ store }) {
      await commit(store, [append('s', 'a', 'b', 'c'), append('t', 'x')]);
      await commit(store, [{ op: 'trim', stream: 's', through: 2 }]);
      same(await streamOf(store, 's'), [[3, 'c']], 'up to and with `through`');
      same(await streamOf(store, 't'), [[1, 'x']], 'of that stream alone');
      await commit(store, [{ op: 'trim', stream: 's', through: 50 }]);
      same(await streamOf(store, 's'), [], 'all of them, if there are not more');
      await commit(store, [{ op: 'trim', stream: 'absent', through: 5 }]);
      same(
        (await commit(store, [append('s', 'd')])).sequences,
        { s: 4 },
        'it goes on behind the last number ever drawn',
      );
      same((await commit(store, [append('absent', 'a')])).sequences, { absent: 1 }, 'trimming nothing draws none');
      await commit(store, [{ op: 'trim', stream: 's', through: 1 }]);
      same(await streamOf(store, 's'), [[4, 'd']], 'what was trimmed long ago is nothing to trim');
    },
  },
  {
    name: 'a stream that is dropped is forgotten, with its numbers',
    contract: STORE.streams,
    async holds({ store }) {
      await commit(store, [append('s', 'a', 'b'), append('t', 'x')]);
      await commit(store, [{ op: 'trim', stream: 's', through: 1, drop: true }]);
      same(await streamOf(store, 's'), [], 'all of its entries go, whatever `through` says');
      same(await streamOf(store, 't'), [[1, 'x']], 'of that stream alone');
      await commit(store, [{ op: 'trim', stream: 'absent', through: 0, drop: true }]);
      same((await commit(store, [append('s', 'c')])).sequences, { s: 1 }, 'nothing of it is left');
    },
  },
  {
    name: 'appends of several connections at once draw every number once, and a reader never sees a gap before its end',
    contract: STORE.streams,
    async holds({ store, connect }) {
      const stores = [store, await connect(), await connect()];
      const drawn: number[] = [];
      let running = stores.length;
      const write = async (each: StoreSubject['store'], name: number) => {
        for (let round = 0; round < 20; round += 1) {
          const { sequences } = await commit(each, [append('s', name, name)]);
          drawn.push(sequences['s'] ?? 0);
        }
        running -= 1;
      };
      const follow = async (each: StoreSubject['store']) => {
        for (let after = 0; after < 120; ) {
          const ends = running === 0;
          const entries = await value(each.read('s', { after }, open()));
          entries.forEach((entry, index) => {
            same(entry.seq, after + index + 1, 'a follower gets each number in turn');
          });
          after = entries.at(-1)?.seq ?? after;
          holds(!ends || after === 120, 'all that was appended is read in the end');
        }
      };
      await Promise.all([...stores.map(write), follow(await connect())]);
      const expected = Array.from({ length: 60 }, (_, index) => index * 2 + 1);
      same(
        drawn.sort((a, b) => a - b),
        expected,
        'no number is drawn twice or left out',
      );
    },
  },
];
