import type { Json } from '../../../domain/json.js';
import { COLLECTION_INDEXES, type CollectionName } from '../../../domain/records.js';
import type { Change, Query, Store } from '../../../ports/store.js';
import { error, open, same, value } from '../assert.js';
import type { Law } from '../law.js';
import { STORE } from './contracts.js';
import { commit, cursor, get, idsOf, insert, type StoreSubject } from './subject.js';

type AnyQuery = Query<CollectionName>;
const list = (store: Store, collection: CollectionName, query: AnyQuery) =>
  value(store.list(collection, query as never, open()), 'the list succeeds');

/** A store keeps whatever is plain data: records of any collection, made of the fields that its indexes name. */
const record = (collection: CollectionName, id: string, fields: { readonly [field: string]: Json }): Change =>
  ({ op: 'put', collection, record: { id, ...fields } }) as never;

const declared = Object.entries(COLLECTION_INDEXES) as unknown as [CollectionName, string[][]][];

/** Reading: what `list` finds, in which order, page by page, and that values come back as they were. */
export const queryLaws: readonly Law<StoreSubject>[] = [
  {
    name: 'a list is ordered by id, either way, and goes on behind a cursor: every record comes exactly once',
    contract: STORE.lists,
    async holds({ store }) {
      const ids = ['a', 'b', 'c', 'd', 'e'];
      await commit(
        store,
        ['d', 'a', 'e', 'c', 'b'].map((id) => insert(id)),
      );
      same(idsOf(await list(store, 'cursors', {})), ids, 'oldest first is the default');
      for (const order of ['asc', 'desc'] as const) {
        const sorted = order === 'asc' ? ids : [...ids].reverse();
        same(idsOf(await list(store, 'cursors', { order })), sorted, `by id, ${order}`);
        const seen: string[] = [];
        // One that goes on for ever must not keep the law from telling.
        for (let after: string | undefined, page = 0; page < 10; page += 1) {
          const query = { order, limit: 2, ...(after === undefined ? {} : { after }) };
          const found = idsOf(await list(store, 'cursors', query));
          if (found.length === 0) break;
          seen.push(...found);
          after = found.at(-1);
        }
        same(seen, sorted, `page by page, ${order}`);
      }
      same(idsOf(await list(store, 'cursors', { after: 'bb' })), ['c', 'd', 'e'], 'a cursor need not exist (any more)');
      same(idsOf(await list(store, 'cursors', { limit: 0 })), [], 'a limit of 0 is none');
      same((await list(store, 'cursors', { limit: 1 }))[0]?.version, 1, 'a listed record has its version');
    },
  },
  {
    name: 'a list has at most 1 000 records',
    contract: STORE.lists,
    async holds({ store }) {
      for (let part = 0; part < 11; part += 1) {
        await commit(
          store,
          Array.from({ length: 100 }, (_, index) => insert(`${1000 + part * 100 + index}`)),
        );
      }
      same((await list(store, 'cursors', {})).length, 1_000, '1 000 is the default');
      same((await list(store, 'cursors', { limit: 100_000 })).length, 1_000, 'and the greatest');
    },
  },
  {
    name: 'every declared index finds exactly the records that have its values, null among them',
    contract: STORE.lists,
    async holds({ store }) {
      for (const [collection, indexes] of declared) {
        const fields = [...new Set(indexes.flat())];
        const combinations = fields.reduce<{ [field: string]: string | null }[]>(
          (sofar, field) => sofar.flatMap((each) => ['x', 'y', null].map((held) => ({ ...each, [field]: held }))),
          [{}],
        );
        for (let start = 0; start < combinations.length; start += 50) {
          const part = combinations.slice(start, start + 50);
          await commit(
            store,
            part.map((each, index) => record(collection, `${100 + start + index}`, each)),
          );
        }
        for (const index of indexes) {
          for (const held of ['x', null]) {
            const where = Object.fromEntries(index.map((field) => [field, held]));
            const expected = combinations.flatMap((each, at) =>
              index.every((field) => each[field] === held) ? [`${100 + at}`] : [],
            );
            const rule = `${collection} by ${index.join(', ')} = ${held}`;
            same(idsOf(await list(store, collection, { where } as AnyQuery)), expected, rule);
            const query = { where, order: 'desc', limit: 2, after: expected.at(-1) } as AnyQuery;
            same(idsOf(await list(store, collection, query)), expected.reverse().slice(1, 3), `${rule}, paged`);
          }
        }
      }
    },
  },
  {
    name: 'a record is found by the values that it has now, and not by those that it had',
    contract: STORE.lists,
    async holds({ store }) {
      const by = async (where: object) => idsOf(await list(store, 'deployments', { where } as AnyQuery));
      await commit(store, [record('deployments', 'd', { stageKey: 's', project: 'p', status: 'running' })]);
      await commit(store, [record('deployments', 'd', { stageKey: 's', project: 'p', status: 'failed' })]);
      same(await by({ status: 'running' }), [], 'the old value finds nothing');
      same(await by({ stageKey: 's', status: 'running' }), [], 'nor with another field');
      same(await by({ status: 'failed' }), ['d'], 'the new value finds it');
      same(await by({ stageKey: 's', status: 'failed' }), ['d'], 'with another field too');
      same(await by({ project: 'p' }), ['d'], 'and so does a value that has not changed');
      await commit(store, [{ op: 'remove', collection: 'deployments', id: 'd' }]);
      same(await by({ project: 'p' }), [], 'what is removed is not found');
    },
  },
  {
    name: 'a query that no declared index covers is a bug, not a walk over everything',
    contract: STORE.lists,
    async holds({ store }) {
      const ask = (collection: CollectionName, where: object) =>
        store.list(collection, { where } as unknown as never, open());
      await error(ask('deployments', { tag: 'v1' }), 'bug');
      await error(ask('deployments', { project: 'p', status: 'failed' }), 'bug', 'two indexes are not one of both');
      await error(ask('nothing' as never, {}), 'bug', 'there is no such collection');
    },
  },
  {
    name: 'values come back exactly as they went in',
    contract: STORE.values,
    async holds({ store }) {
      const text = '\u0000 \u2028 \ud800 é 漢 🚢 "\\\' \n'.repeat(50);
      const odd = { '': 1, constructor: 'c', 'a.b': [], $x: {}, [text.slice(0, 9)]: text };
      const held: Json = [text, odd, 0, -0.5, 1e300, Number.MAX_SAFE_INTEGER, true, null, [], {}, [[[]]]];
      await commit(store, [
        record('proxyRoutes', 'a/🚢', { proxy: 'é 漢 🚢', targets: held }),
        { op: 'append', stream: 'log:🚢', entries: held },
      ]);
      same((await get(store, 'proxyRoutes', 'a/🚢'))?.value.targets, held, 'a record’s values');
      const entries = await value(store.read('log:🚢', { after: 0 }, open()));
      same(
        entries.map((entry) => entry.value),
        held,
        'a stream’s values',
      );
      same(idsOf(await list(store, 'proxyRoutes', { where: { proxy: 'é 漢 🚢' } } as AnyQuery)), ['a/🚢'], 'by index');
    },
  },
  {
    name: 'what goes in and what comes out are copies',
    contract: STORE.values,
    async holds({ store }) {
      const given = { ...cursor('a', 1) } as { id: string; after: number };
      const entries = [{ text: 'kept' }];
      await commit(store, [
        { op: 'insert', collection: 'cursors', record: given },
        { op: 'append', stream: 's', entries },
      ]);
      given.after = 99;
      for (const entry of entries) entry.text = 'changed';
      const first = await get(store, 'cursors', 'a');
      same(first?.value.after, 1, 'changing what was given changes nothing in the store');
      if (first) (first.value as { after: number }).after = 99;
      same((await get(store, 'cursors', 'a'))?.value.after, 1, 'nor does changing what was read');
      same((await value(store.read('s', { after: 0 }, open())))[0]?.value, { text: 'kept' }, 'nor for entries');
    },
  },
];
