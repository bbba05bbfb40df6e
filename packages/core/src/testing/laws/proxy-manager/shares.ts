import type { Route } from '../../../ports/proxy-manager.js';
import { error, holds, open, same, value } from '../assert.js';
import type { Law } from '../law.js';
import { PROXY } from './contracts.js';
import { arrives, GET, type ProxyManagerSubject, put, routeTo, serveAt, targetOf } from './subject.js';

const REQUESTS = 1_000;
const SHORT_MS = 600;
/** Of all requests, for a proxy that deals them in rounds of its own. */
const TOLERANCE = 0.03;

const cannotWeigh = ({ proxy: { capabilities } }: ProxyManagerSubject): string | undefined =>
  capabilities.weights && capabilities.maxTargets >= 2 ? undefined : 'it cannot weigh its targets';

/** A route to two apps, `one` and `two`, with the second's weight in percent. */
async function pair(subject: ProxyManagerSubject, weight: number, more: Partial<Route> = {}) {
  const [one, two] = [await subject.serve('one'), await subject.serve('two')];
  const weighed = (percent: number): Route => ({
    ...routeTo(subject, 'shop', one),
    targets: [
      { ...targetOf(one), weight: 100 - percent },
      { ...targetOf(two), weight: percent },
    ],
    ...more,
  });
  await serveAt(subject, weighed(weight));
  return { weighed, domain: subject.domain('shop') };
}

async function shareOfTwo(subject: ProxyManagerSubject, domain: string): Promise<number> {
  let ofTwo = 0;
  for (let count = 0; count < REQUESTS; count += 1) {
    const { status, instance } = await subject.request(domain);
    same(status, 200, 'every request is answered');
    if (instance === 'two') ofTwo += 1;
  }
  return ofTwo / REQUESTS;
}

const isNear = (part: number, expected: number, rule: string): void =>
  holds(Math.abs(part - expected) <= TOLERANCE, `${rule}: ${expected} of the requests, and not ${part}`);

/** Several targets at once, and what they have answered: what a progressive cutover asks of a proxy. */
export const shareLaws: readonly Law<ProxyManagerSubject>[] = [
  {
    name: 'each target of a route gets the share of the requests that its weight gives it, and another one with the next put',
    contract: PROXY.shares,
    exempt: cannotWeigh,
    async holds(subject) {
      const { weighed, domain } = await pair(subject, 10);
      isNear(await shareOfTwo(subject, domain), 0.1, 'with a weight of 10');
      await serveAt(subject, weighed(50));
      isNear(await shareOfTwo(subject, domain), 0.5, 'with a weight of 50');
      await serveAt(subject, { ...weighed(50), targets: weighed(50).targets.slice(0, 1) });
      same(await shareOfTwo(subject, domain), 0, 'a target that is gone gets nothing');
    },
  },
  {
    name: 'while a route shares its requests with another instance it is not proved to lead to one alone, nor the other way round',
    contract: PROXY.proving,
    exempt: cannotWeigh,
    async holds(subject) {
      const { weighed } = await pair(subject, 50);
      const both = weighed(50);
      const unproved = async (route: Route, rule: string) => {
        const proof = subject.proxy.prove(route, GET, { ...open(), timeoutMs: SHORT_MS });
        await error(subject.until(proof), 'route-unproved', rule);
      };
      for (const target of both.targets)
        await unproved({ ...both, targets: [target] }, `${target.instance} alone, and the other gets its share`);
      const [one] = both.targets;
      holds(one, 'there are two');
      await serveAt(subject, { ...both, targets: [one] });
      await unproved(both, 'both, and one of them gets nothing');
    },
  },
  {
    name: 'a visitor of a sticky route stays with the target that answered first, whatever the shares become',
    contract: PROXY.shares,
    exempt: (subject) => cannotWeigh(subject) ?? (subject.proxy.capabilities.sticky ? undefined : 'it has no `sticky`'),
    async holds(subject) {
      const { weighed, domain } = await pair(subject, 50, { sticky: true });
      const visitors = [];
      for (let count = 0; count < 20; count += 1) visitors.push(await subject.request(domain));
      for (const who of ['one', 'two']) {
        holds(
          visitors.some(({ instance }) => instance === who),
          `without a cookie visitors are sent by the weights, to ${who} as well`,
        );
      }
      await serveAt(subject, weighed(1));
      for (const { instance, cookie } of visitors) {
        const again = await subject.request(domain, '/', cookie);
        same(again.instance, instance, 'who was there before stays');
      }
    },
  },
  {
    name: 'it counts what an instance has answered to visitors: requests, errors, and how long they took',
    contract: PROXY.counting,
    exempt: ({ proxy }) => (proxy.statistics ? undefined : 'it does not count'),
    async holds(subject) {
      const { proxy, until } = subject;
      const app = await subject.serve('one', { status: (path) => (path === '/bad' ? 500 : 200) });
      const route = routeTo(subject, 'shop', app);
      await serveAt(subject, route);
      const read = async (instance: string) => {
        const counts = proxy.statistics?.(instance, open());
        holds(counts, 'it counts');
        return value(until(counts), 'its counts are read');
      };
      same((await read('nobody')).requests, 0, 'of an instance that it does not know: nothing');
      const before = await read('one');
      for (let count = 0; count < 20; count += 1) await subject.request(route.domain);
      await value(until(proxy.prove(route, GET, open())), 'it is proved meanwhile, which counts as nothing');
      for (let count = 0; count < 5; count += 1) await subject.request(route.domain, '/bad');
      await arrives(
        subject,
        async () => (await read('one')).requests >= before.requests + 25,
        'it counts each request',
      );
      const after = await read('one');
      same([after.requests - before.requests, after.errors - before.errors], [25, 5], 'requests and errors');
      const bounds = after.latencies.map(({ upToMs }) => upToMs);
      holds(
        bounds.every((upToMs, index) => upToMs > (bounds[index - 1] ?? 0)) &&
          bounds.at(-1) === Number.POSITIVE_INFINITY,
        'the bounds ascend, to infinity',
      );
      const measured = after.latencies.reduce((sum, { count }) => sum + count, 0);
      holds(measured > 0 && measured <= after.requests, `of ${after.requests} requests it has measured ${measured}`);
    },
  },
  {
    name: 'what it answers itself in the place of an instance is an error of that one',
    contract: PROXY.counting,
    exempt: ({ proxy }) => (proxy.statistics ? undefined : 'it does not count'),
    async holds(subject) {
      const { proxy, until } = subject;
      const app = await subject.serve('one');
      const route = routeTo(subject, 'shop', app);
      await serveAt(subject, route);
      await app.stop();
      await put(subject, route);
      holds((await subject.request(route.domain)).status >= 500, 'nobody answers');
      const errors = async () => {
        const counts = proxy.statistics?.('one', open());
        return counts ? (await value(until(counts))).errors : 0;
      };
      await arrives(subject, async () => (await errors()) >= 1, 'it counts its own answer');
    },
  },
];
