import { CHANGES_MAX } from '../../../ports/store.js';
import { error, holds, open, same, value } from '../assert.js';
import type { Law } from '../law.js';
import { STORE } from './contracts.js';
import { append, commit, cursor, get, insert, lease, type StoreSubject, streamOf } from './subject.js';

/** What `commit` promises: versions, all or nothing, order, fences, expectations. */
export const commitLaws: readonly Law<StoreSubject>[] = [
  {
    name: 'an inserted record is read back with version 1, over every connection',
    contract: STORE.records,
    async holds({ store, connect }) {
      await commit(store, [insert('a', 7)]);
      const expected = { value: cursor('a', 7), version: 1 };
      same(await get(store, 'cursors', 'a'), expected, 'its own connection reads what was inserted');
      same(await get(await connect(), 'cursors', 'a'), expected, 'another connection reads what was inserted');
      same(await get(store, 'cursors', 'b'), undefined, 'an id that nobody inserted is undefined');
      same(await get(store, 'images', 'a'), undefined, 'collections do not share their ids');
    },
  },
  {
    name: 'an insert over what is there is a conflict that names the record, and changes nothing',
    contract: STORE.records,
    async holds({ store }) {
      await commit(store, [insert('a', 1)]);
      const refused = await error(store.commit([insert('a', 2)], open()), 'store-conflict');
      if (refused.kind !== 'store-conflict') return;
      same([refused.collection, refused.id], ['cursors', 'a'], 'a conflict names collection and id');
      same(await get(store, 'cursors', 'a'), { value: cursor('a', 1), version: 1 }, 'the record is as it was');
    },
  },
  {
    name: 'a put writes over what is there or where nothing is, and the version grows by one each time',
    contract: STORE.records,
    async holds({ store }) {
      for (const version of [1, 2, 3]) {
        await commit(store, [{ op: 'put', collection: 'cursors', record: cursor('a', version * 10) }]);
        const expected = { value: cursor('a', version * 10), version };
        same(await get(store, 'cursors', 'a'), expected, 'every put adds one to the version');
      }
    },
  },
  {
    name: 'a put with a version writes over exactly that one',
    contract: STORE.records,
    async holds({ store }) {
      const put = (after: number, version: number) =>
        store.commit([{ op: 'put', collection: 'cursors', record: cursor('a', after), version }], open());
      await error(put(1, 1), 'store-conflict', 'with a version, nothing is not written over');
      await commit(store, [insert('a', 1)]);
      await value(put(2, 1));
      await error(put(3, 1), 'store-conflict', 'an older version is refused');
      await error(put(3, 3), 'store-conflict', 'a version that is not there yet is refused');
      same(
        await get(store, 'cursors', 'a'),
        { value: cursor('a', 2), version: 2 },
        'only the matching put was written',
      );
    },
  },
  {
    name: 'a remove of what is gone is fine, and with a version it removes exactly that one',
    contract: STORE.records,
    async holds({ store }) {
      const remove = (version?: number) =>
        store.commit(
          [{ op: 'remove', collection: 'cursors', id: 'a', ...(version === undefined ? {} : { version }) }],
          open(),
        );
      await value(remove(), 'without a version, gone already is fine');
      await error(remove(1), 'store-conflict', 'with a version, gone already is a conflict');
      await commit(store, [insert('a')]);
      await error(remove(2), 'store-conflict', 'another version is not removed');
      await value(remove(1));
      same(await get(store, 'cursors', 'a'), undefined, 'it is gone');
      await commit(store, [insert('a')]);
      same((await get(store, 'cursors', 'a'))?.version, 1, 'what is inserted again begins at version 1');
    },
  },
  {
    name: 'a commit is all or nothing: what fails at its last change has written none, and drawn no number',
    contract: STORE['all-or-nothing'],
    async holds({ store }) {
      await commit(store, [insert('there', 1), append('s', 'one')]);
      const changes = [
        insert('new'),
        { op: 'put', collection: 'cursors', record: cursor('there', 9) },
        append('s', 'lost'),
        append('t', 'lost'),
        { op: 'trim', stream: 's', through: 1 },
        insert('there'),
      ] as const;
      await error(store.commit(changes, open()), 'store-conflict');
      same(await get(store, 'cursors', 'new'), undefined, 'an insert before the failed change is not there');
      same(await get(store, 'cursors', 'there'), { value: cursor('there', 1), version: 1 }, 'nor is a put');
      same(await streamOf(store, 's'), [[1, 'one']], 'nor an append or a trim');
      same(await streamOf(store, 't'), [], 'nor a stream that it would have begun');
      await commit(store, [append('s', 'two'), append('t', 'one')]);
      same(await streamOf(store, 's', 1), [[2, 'two']], 'a commit that failed has drawn no number');
      same(await streamOf(store, 't'), [[1, 'one']], 'nor of a stream that was new');
    },
  },
  {
    name: 'the changes of a commit take effect in their order',
    contract: STORE['all-or-nothing'],
    async holds({ store }) {
      await commit(store, [
        insert('a', 1),
        { op: 'put', collection: 'cursors', record: cursor('a', 2), version: 1 },
        insert('b'),
        { op: 'remove', collection: 'cursors', id: 'b', version: 1 },
        { op: 'remove', collection: 'cursors', id: 'c' },
        insert('c', 3),
      ]);
      same(await get(store, 'cursors', 'a'), { value: cursor('a', 2), version: 2 }, 'a put follows its insert');
      same(await get(store, 'cursors', 'b'), undefined, 'a remove follows its insert');
      same((await get(store, 'cursors', 'c'))?.value, cursor('c', 3), 'an insert follows its remove');
      const twice = [insert('d'), insert('d')];
      await error(store.commit(twice, open()), 'store-conflict', 'the second insert sees the first');
    },
  },
  {
    name: `a commit has at most ${CHANGES_MAX} changes`,
    contract: STORE['all-or-nothing'],
    async holds({ store }) {
      const changes = (count: number, prefix: string) =>
        Array.from({ length: count }, (_, index) => insert(`${prefix}${index}`));
      await commit(store, changes(CHANGES_MAX, 'fits-'));
      await error(store.commit(changes(CHANGES_MAX + 1, 'over-'), open()), 'store-refused');
      same(await get(store, 'cursors', 'over-0'), undefined, 'nothing of what was too much is written');
    },
  },
  {
    name: 'an expectation that is not met is a conflict that names its record, and nothing is written',
    contract: STORE.expectations,
    async holds({ store }) {
      await commit(store, [insert('a')]);
      const expecting = (id: string, version: number | null) =>
        store.commit([insert(`after-${id}-${version}`)], {
          ...open(),
          expect: [{ collection: 'cursors', id, version }],
        });
      await value(expecting('a', 1), 'the version that is there is met');
      await value(expecting('b', null), 'absence is met where nothing is');
      for (const [id, version] of [['a', 2] as const, ['a', null] as const, ['b', 1] as const]) {
        const refused = await error(expecting(id, version), 'store-conflict', `${id} at ${version} is not met`);
        if (refused.kind === 'store-conflict') same(refused.id, id, 'the conflict names the expected record');
        same(await get(store, 'cursors', `after-${id}-${version}`), undefined, 'nothing is written');
      }
    },
  },
  {
    name: 'expectations are about what was there before the commit, not about its own changes',
    contract: STORE.expectations,
    async holds({ store }) {
      await commit(store, [insert('a')], { expect: [{ collection: 'cursors', id: 'a', version: null }] });
      const put = { op: 'put', collection: 'cursors', record: cursor('a', 2) } as const;
      await error(
        store.commit([put], { ...open(), expect: [{ collection: 'cursors', id: 'a', version: 2 }] }),
        'store-conflict',
      );
    },
  },
  {
    name: 'a fence holds only while its lease is held under that very token; else the commit is lease-lost and writes nothing',
    contract: STORE.fences,
    async holds({ store }) {
      const fence = (key: string, token: number) => [{ lease: key, token }];
      await commit(store, [
        { op: 'insert', collection: 'leases', record: lease('held', 7) },
        { op: 'insert', collection: 'leases', record: lease('free', 7, null) },
      ]);
      await commit(store, [insert('fenced')], { fence: fence('held', 7) });
      for (const [key, token] of [
        ['held', 6] as const,
        ['held', 8] as const,
        ['free', 7] as const,
        ['none', 1] as const,
      ]) {
        const lost = await error(
          store.commit([insert('lost'), append('s', 'lost')], { ...open(), fence: fence(key, token) }),
          'lease-lost',
          `${key} is not held under ${token}`,
        );
        if (lost.kind === 'lease-lost') same(lost.lease, key, 'the error names the lease');
      }
      same(await get(store, 'cursors', 'lost'), undefined, 'nothing is written without the lease');
      same(await streamOf(store, 's'), [], 'and nothing appended');
      const both = [...fence('held', 7), ...fence('free', 7)];
      await error(store.commit([], { ...open(), fence: both }), 'lease-lost', 'of several fences each must hold');
    },
  },
  {
    name: 'fences are looked at before expectations and before the changes of their own commit',
    contract: STORE.fences,
    async holds({ store }) {
      const take = { op: 'put', collection: 'leases', record: lease('l', 1) } as const;
      const free = { op: 'put', collection: 'leases', record: lease('l', 1, null) } as const;
      const fence = [{ lease: 'l', token: 1 }];
      await error(store.commit([take], { ...open(), fence }), 'lease-lost', 'a commit cannot grant its own fence');
      await commit(store, [take]);
      await commit(store, [free, insert('last')], { fence });
      const unmet = [{ collection: 'cursors', id: 'last', version: null }] as const;
      await error(
        store.commit([], { ...open(), fence, expect: unmet }),
        'lease-lost',
        'the lease is the first to know',
      );
    },
  },
  {
    name: 'of many who insert the same id at once, over several connections, exactly one wins',
    contract: STORE['at-once'],
    async holds({ store, connect }) {
      const stores = [store, await connect(), await connect()];
      for (let round = 0; round < 10; round += 1) {
        const answers = await Promise.all(
          stores.map((each, index) => each.commit([insert(`r${round}`, index), append('won', index)], open())),
        );
        same(answers.filter((each) => each.isOk()).length, 1, 'one insert of an id succeeds');
        for (const each of answers) {
          if (each.isErr()) same(each.error.kind, 'store-conflict', 'the others are told of a conflict');
        }
        const winner = answers.findIndex((each) => each.isOk());
        same((await get(store, 'cursors', `r${round}`))?.value.after, winner, 'and the record is the winner’s');
      }
      same((await streamOf(store, 'won')).length, 10, 'each winner has appended, and no loser');
    },
  },
  {
    name: 'of many who put over the same version at once, exactly one wins, so that counting loses none',
    contract: STORE['at-once'],
    async holds({ store, connect }) {
      await commit(store, [insert('count', 0)]);
      const stores = [store, await connect(), await connect()];
      const add = async (each: StoreSubject['store']) => {
        for (let attempt = 0; attempt < 200; attempt += 1) {
          const found = await get(each, 'cursors', 'count');
          if (!found) break;
          const record = cursor('count', found.value.after + 1);
          const put = { op: 'put', collection: 'cursors', record, version: found.version } as const;
          const answer = await each.commit([put], open());
          if (answer.isOk()) return;
          same(answer.error.kind, 'store-conflict', 'who was too late is told of a conflict');
        }
        holds(false, 'somebody always wins: 200 attempts in a row cannot all be too late');
      };
      await Promise.all(stores.flatMap((each) => [add(each), add(each), add(each), add(each)]));
      same(await get(store, 'cursors', 'count'), { value: cursor('count', 12), version: 13 }, 'every addition counts');
    },
  },
  {
    name: 'of commits at once that each expect what another one changes, one after the other happens: expectations hold until the end',
    contract: STORE.expectations,
    async holds({ store, connect }) {
      const stores = [store, await connect()];
      await commit(store, [insert('x'), insert('y')]);
      for (let round = 0; round < 15; round += 1) {
        const [a, b] = [`a${round}`, `b${round}`];
        const absent = await Promise.all(
          [a, b].map((id, at) =>
            stores[at]?.commit([insert(id)], {
              ...open(),
              expect: [{ collection: 'cursors', id: id === a ? b : a, version: null }],
            }),
          ),
        );
        same(absent.filter((each) => each?.isOk()).length, 1, 'each expects that the other one is not there');
        const versions = await Promise.all(
          ['x', 'y'].map(async (id) => (await get(store, 'cursors', id))?.version ?? 0),
        );
        const changed = await Promise.all(
          [0, 1].map((at) =>
            stores[at]?.commit([{ op: 'put', collection: 'cursors', record: cursor(at === 0 ? 'x' : 'y', round) }], {
              ...open(),
              expect: [{ collection: 'cursors', id: at === 0 ? 'y' : 'x', version: versions[1 - at] ?? 0 }],
            }),
          ),
        );
        same(changed.filter((each) => each?.isOk()).length, 1, 'each expects that the other one is as it was');
      }
    },
  },
  {
    name: 'a fence holds until the end of its commit: a lease that is taken over at the same time is either not yet or no longer held',
    contract: STORE.fences,
    async holds({ store, connect }) {
      const other = await connect();
      for (let round = 0; round < 15; round += 1) {
        const [mine, work] = [`l${round}`, `w${round}`];
        await commit(store, [{ op: 'insert', collection: 'leases', record: lease(mine, 1) }]);
        const [fenced, taken] = await Promise.all([
          store.commit([insert(work)], { ...open(), fence: [{ lease: mine, token: 1 }] }),
          other.commit([{ op: 'put', collection: 'leases', record: lease(mine, 2, 'host-b'), version: 1 }], {
            ...open(),
            expect: [{ collection: 'cursors', id: work, version: null }],
          }),
        ]);
        same([fenced.isOk(), taken.isOk()].filter(Boolean).length, 1, 'who takes over has not seen what was fenced');
      }
    },
  },
  {
    name: 'commits that name the same records and streams in another order, at once, all get through',
    contract: STORE['at-once'],
    async holds({ store, connect }) {
      const stores = [store, await connect(), await connect()];
      const put = (id: string) => ({ op: 'put', collection: 'cursors', record: cursor(id) }) as const;
      const changes = [put('a'), put('b'), put('c'), append('s', 1), append('t', 1)];
      await commit(store, changes);
      for (let round = 0; round < 20; round += 1) {
        // The streams alone, too: nothing else keeps these from each other.
        const each = round % 2 === 0 ? changes : changes.slice(3);
        const orders = [each, [...each].reverse(), [...each.slice(2), ...each.slice(0, 2)]];
        const answers = await Promise.all(orders.map((order, at) => stores[at]?.commit(order, open())));
        same(
          answers.map((answer) => answer?.isOk()),
          [true, true, true],
          'nobody waits for who waits for him',
        );
      }
      same((await get(store, 'cursors', 'b'))?.version, 31, 'each of them has happened');
      same((await streamOf(store, 's', 60)).length, 1, 'to the streams too');
    },
  },
];
