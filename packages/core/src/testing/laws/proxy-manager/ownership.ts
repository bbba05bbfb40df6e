import { error, open, same, value } from '../assert.js';
import type { Law } from '../law.js';
import { PROXY } from './contracts.js';
import { get, isHeld, isServedBy, type ProxyManagerSubject, put, routeTo, serveAt } from './subject.js';

const otherStore = (storeId: string) =>
  [...storeId]
    .reverse()
    .join('')
    .replace(/^./, (first) => (first === 'x' ? 'y' : 'x'));

/** What is ours, and that nothing else is touched. */
export const ownershipLaws: readonly Law<ProxyManagerSubject>[] = [
  {
    name: 'a domain that somebody holds without a mark is `domain-taken`, and goes on serving as it did',
    contract: PROXY.ownership,
    async holds(subject) {
      const { proxy, until } = subject;
      const theirs = await subject.serve('theirs');
      const route = routeTo(subject, 'shop', await subject.serve('ours'));
      await subject.occupy(route.domain, theirs);
      await error(until(proxy.put(route, open())), 'domain-taken');
      same(await value(until(proxy.remove(route, open()))), 'foreign', 'removing it leaves it alone');
      const held = await get(subject, route.domain);
      same([held?.mark, held?.targets[0]?.port], [null, theirs.port], 'it is held as it was, without a mark');
      await isServedBy(subject, route.domain, 'theirs', 'it serves as it did');
    },
  },
  {
    name: 'a domain that another store holds is `domain-taken`, and goes on serving as it did',
    contract: PROXY.ownership,
    async holds(subject) {
      const { proxy, until, storeId } = subject;
      const theirs = routeTo(subject, 'shop', await subject.serve('theirs'), otherStore(storeId));
      const ours = routeTo(subject, 'shop', await subject.serve('ours'));
      await serveAt(subject, theirs);
      await error(until(proxy.put(ours, open())), 'domain-taken');
      same(await value(until(proxy.remove(ours, open()))), 'foreign', 'removing it leaves it alone');
      await isHeld(subject, theirs, 'after both');
      await isServedBy(subject, theirs.domain, 'theirs', 'it serves as it did');
    },
  },
  {
    name: 'another mark of the same store is another owner too',
    contract: PROXY.ownership,
    async holds(subject) {
      const { proxy, until } = subject;
      const route = routeTo(subject, 'shop', await subject.serve('one'));
      await serveAt(subject, route);
      const other = { ...route, mark: `${subject.storeId}-other`, targets: [{ ...route.targets[0], instance: 'two' }] };
      await error(until(proxy.put(other as typeof route, open())), 'domain-taken');
      same(await value(until(proxy.remove(other, open()))), 'foreign', 'removing it leaves it alone');
      await isHeld(subject, route, 'after both');
    },
  },
  {
    name: 'a list has every route of the store and nobody else’s',
    contract: PROXY.listing,
    async holds(subject) {
      const { proxy, until, storeId } = subject;
      const other = otherStore(storeId);
      await subject.occupy(subject.domain('theirs'), await subject.serve('theirs'));
      const app = await subject.serve('one');
      const [shop, blog] = [routeTo(subject, 'shop', app), routeTo(subject, 'blog', app)];
      const foreign = routeTo(subject, 'wiki', app, other);
      for (const route of [shop, blog, foreign]) await put(subject, route);
      const listed = async (id: string) =>
        (await value(until(proxy.list({ storeId: id }, open())))).map(({ domain, mark }) => [domain, mark]).sort();
      same(await listed(storeId), [shop, blog].map(({ domain, mark }) => [domain, mark]).sort(), 'ours');
      same(await listed(other), [[foreign.domain, foreign.mark]], 'the other store’s');
      await value(until(proxy.remove(blog, open())));
      same(await listed(storeId), [[shop.domain, shop.mark]], 'without what was removed');
    },
  },
  {
    name: 'removing what nobody holds answers `absent`, and get answers nothing',
    contract: PROXY.removing,
    async holds(subject) {
      const domain = subject.domain('nobody');
      same(await get(subject, domain), undefined, 'nothing is held');
      const removed = subject.proxy.remove({ domain, mark: `${subject.storeId}-nobody` }, open());
      same(await value(subject.until(removed)), 'absent', 'there is nothing to remove');
    },
  },
];
