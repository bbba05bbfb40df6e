import { error, holds, open, same, value } from '../assert.js';
import type { Law } from '../law.js';
import { PROXY } from './contracts.js';
import {
  answersDuring,
  arrives,
  GET,
  get,
  isHeld,
  isServedBy,
  type ProxyManagerSubject,
  put,
  routeTo,
  serveAt,
} from './subject.js';

/** Putting, replacing and removing routes. */
export const routeLaws: readonly Law<ProxyManagerSubject>[] = [
  {
    name: 'a proxy has a name, a stable identity, and reaches something',
    contract: PROXY.describing,
    async holds({ proxy, until }) {
      holds(proxy.name.length > 0, 'it has a name, for errors and logs');
      holds(proxy.capabilities.maxTargets >= 1, 'a route may have a target');
      const first = await value(until(proxy.describe(open())));
      holds(first.identity.length > 0, 'it has an identity');
      holds(first.reaches.length > 0, 'a proxy that reaches nothing can serve nothing');
      same(await value(until(proxy.describe(open()))), first, 'what it says of itself stays the same');
    },
  },
  {
    name: 'a route that was put is held with its mark and its target, and requests reach the instance',
    contract: PROXY.putting,
    async holds(subject) {
      const route = routeTo(subject, 'shop', await subject.serve('one'));
      same(await get(subject, route.domain), undefined, 'before the put nothing is held');
      await put(subject, route);
      await isHeld(subject, route, 'as soon as the put has answered');
      await serveAt(subject, route);
      await isHeld(subject, route, 'after the proof');
      await isServedBy(subject, route.domain, 'one', 'the front door serves it');
    },
  },
  {
    name: 'the same put again is `ok` and changes nothing',
    contract: PROXY.putting,
    async holds(subject) {
      const route = routeTo(subject, 'shop', await subject.serve('one'));
      await serveAt(subject, route);
      await put(subject, route);
      await isHeld(subject, route, 'after the second put');
      await isServedBy(subject, route.domain, 'one', 'it still serves');
    },
  },
  {
    name: 'a put replaces the target, and no request on the way is answered by neither instance',
    contract: PROXY.replacing,
    async holds(subject) {
      const [one, two] = [await subject.serve('one'), await subject.serve('two')];
      await serveAt(subject, routeTo(subject, 'shop', one));
      const next = routeTo(subject, 'shop', two);
      const answers = await answersDuring(subject, next.domain, async () => {
        await serveAt(subject, next);
      });
      const wrong = answers.filter(
        ({ status, instance }) => status !== 200 || !['one', 'two'].includes(instance ?? ''),
      );
      same(wrong, [], 'every request on the way is answered by the one or the other');
      await isHeld(subject, next, 'after the second put');
      for (let round = 0; round < 5; round += 1) {
        await isServedBy(subject, next.domain, 'two', 'what is proved stays: nobody reaches the old instance any more');
        await subject.pause();
      }
    },
  },
  {
    name: 'an instance that has moved to another port is followed by a put',
    contract: PROXY.replacing,
    async holds(subject) {
      const before = await subject.serve('one');
      await serveAt(subject, routeTo(subject, 'shop', before));
      await before.stop();
      const after = routeTo(subject, 'shop', await subject.serve('one'));
      await serveAt(subject, after);
      await isHeld(subject, after, 'after the move');
      await isServedBy(subject, after.domain, 'one', 'it serves from there');
    },
  },
  {
    name: 'a target that does not answer yet is taken, and serves as soon as it does',
    contract: PROXY.putting,
    exempt: ({ proxy }) => (proxy.capabilities.acceptsUnready ? undefined : 'it takes no unready target'),
    async holds(subject) {
      const at = await subject.serve('one');
      await at.stop();
      const route = routeTo(subject, 'shop', at);
      await put(subject, route);
      await isHeld(subject, route, 'although nobody listens');
      await arrives(
        subject,
        async () => (await subject.request(route.domain)).status >= 500,
        'a request meanwhile is told that nobody answers',
      );
      await subject.serve('one', { at });
      await value(subject.until(subject.proxy.prove(route, GET, open())), 'it is proved once the app listens');
    },
  },
  {
    name: 'a removed route is gone: requests do not reach the instance, and removing it again answers `absent`',
    contract: PROXY.removing,
    async holds(subject) {
      const { proxy, until } = subject;
      const route = routeTo(subject, 'shop', await subject.serve('one'));
      await serveAt(subject, route);
      same(await value(until(proxy.remove(route, open()))), 'removed', 'the first time');
      same(await get(subject, route.domain), undefined, 'nothing is held');
      await arrives(
        subject,
        async () => (await subject.request(route.domain)).instance === null,
        'requests do not reach the instance any more',
      );
      same(await value(until(proxy.remove(route, open()))), 'absent', 'the second time');
      await serveAt(subject, route);
    },
  },
  {
    name: 'routes do not know of each other: ten put at once all serve, and removing one leaves the others',
    contract: PROXY.putting,
    async holds(subject) {
      const { proxy, until } = subject;
      const names = Array.from({ length: 10 }, (_, index) => `app-${index}`);
      const routes = [];
      for (const name of names) routes.push(routeTo(subject, name, await subject.serve(name)));
      const ended = await until(Promise.all(routes.map((route) => proxy.put(route, open()))));
      for (const [index, end] of ended.entries())
        await value(Promise.resolve(end), `the put of ${names[index]} succeeds`);
      const proofs = await until(Promise.all(routes.map((route) => proxy.prove(route, GET, open()))));
      for (const [index, proof] of proofs.entries()) await value(Promise.resolve(proof), `${names[index]} is proved`);
      const listed = await value(until(proxy.list({ storeId: subject.storeId }, open())));
      const domains = (of: readonly { readonly domain: string }[]) => of.map(({ domain }) => domain).sort();
      same(domains(listed), domains(routes), 'a list has all of them, each once');
      const [first, ...others] = routes;
      if (first) same(await value(until(proxy.remove(first, open()))), 'removed', 'one is removed');
      for (const [index, route] of others.entries()) {
        await isServedBy(subject, route.domain, `app-${index + 1}`, 'the others serve');
      }
    },
  },
  {
    name: 'two puts of one domain at once end with one of them, held and served alike',
    contract: PROXY.putting,
    async holds(subject) {
      const { proxy, until } = subject;
      const [one, two] = [
        routeTo(subject, 'shop', await subject.serve('one')),
        routeTo(subject, 'shop', await subject.serve('two')),
      ];
      const ended = await until(Promise.all([proxy.put(one, open()), proxy.put(two, open())]));
      for (const end of ended) await value(Promise.resolve(end), 'both succeed');
      const held = await get(subject, one.domain);
      const winner = [one, two].find(
        (route) =>
          route.targets[0]?.port === held?.targets[0]?.port && held?.targets[0]?.host === route.targets[0]?.host,
      );
      holds(held?.targets.length === 1 && winner, 'one of the two is held, and nothing between them');
      await value(until(proxy.prove(winner, GET, open())), 'what is held is what serves');
    },
  },
  {
    name: 'more targets than `maxTargets` are refused as `unsupported`, and nothing is touched',
    contract: PROXY.putting,
    async holds(subject) {
      const { proxy, until } = subject;
      const target = await subject.serve('one');
      const route = routeTo(subject, 'shop', target);
      const targets = Array.from({ length: proxy.capabilities.maxTargets + 1 }, (_, index) => ({
        ...targetOfIndex(target, index),
      }));
      await error(until(proxy.put({ ...route, targets }, open())), 'unsupported');
      same(await get(subject, route.domain), undefined, 'nothing is held');
    },
  },
  {
    name: 'a put with `expect` writes only over the instance that it expects, or is refused as `unsupported`',
    contract: PROXY.expecting,
    async holds(subject) {
      const { proxy, until } = subject;
      const one = routeTo(subject, 'shop', await subject.serve('one'));
      const two = routeTo(subject, 'shop', await subject.serve('two'));
      const putIf = (route: typeof one, expect: string | null) => until(proxy.put(route, { ...open(), expect }));
      if (!proxy.capabilities.expect) {
        await error(putIf(one, null), 'unsupported', 'a proxy that cannot compare does not put either');
        same(await get(subject, one.domain), undefined, 'nothing is held');
        return;
      }
      await error(putIf(one, 'two'), 'route-changed', 'there is no route');
      same(await get(subject, one.domain), undefined, 'nothing was put');
      await value(putIf(one, null), 'there is no route, as expected');
      await error(putIf(two, null), 'route-changed', 'there is a route');
      await error(putIf(two, 'three'), 'route-changed', 'it points to another instance');
      await isHeld(subject, one, 'after the refused puts');
      await value(putIf(two, 'one'), 'it points to the expected one');
      await isHeld(subject, two, 'after the expected one');
    },
  },
];

const targetOfIndex = ({ host, port }: { readonly host: string; readonly port: number }, index: number) => ({
  instance: `one-${index}`,
  host,
  port,
});
