import type { Result } from 'neverthrow';
import type { ProxyError } from '../../../ports/proxy-manager.js';
import { error, holds, open, same, value } from '../assert.js';
import type { Law } from '../law.js';
import { PROXY } from './contracts.js';
import { arrives, GET, type ProxyManagerSubject, put, routeTo, serveAt } from './subject.js';

const SHORT_MS = 600;

/** What may be called proved. */
export const proofLaws: readonly Law<ProxyManagerSubject>[] = [
  {
    name: 'while another instance answers 200 a route is not proved',
    contract: PROXY.proving,
    async holds(subject) {
      const { proxy, until } = subject;
      const one = await subject.serve('one');
      await serveAt(subject, routeTo(subject, 'shop', one));
      const two = routeTo(subject, 'shop', await subject.serve('two'));
      const failure = await error(until(proxy.prove(two, GET, { ...open(), timeoutMs: SHORT_MS })), 'route-unproved');
      holds(failure.message.includes(two.domain), 'the error names the domain');
      await error(
        until(proxy.prove(two, null, { ...open(), timeoutMs: SHORT_MS })),
        'route-unproved',
        'nor without a request',
      );
    },
  },
  {
    name: 'at one address, too, the instance is what counts: the same port under another name is not proved',
    contract: PROXY.proving,
    async holds(subject) {
      const route = routeTo(subject, 'shop', await subject.serve('one'));
      await serveAt(subject, route);
      const other = { ...route, targets: route.targets.map((target) => ({ ...target, instance: 'two' })) };
      await error(subject.until(subject.proxy.prove(other, GET, { ...open(), timeoutMs: SHORT_MS })), 'route-unproved');
    },
  },
  {
    name: 'a change that the proxy took and does not apply is not proved',
    contract: PROXY.proving,
    exempt: ({ lie }) => (lie ? undefined : 'it cannot be made to lie'),
    async holds(subject) {
      const { proxy, until } = subject;
      await serveAt(subject, routeTo(subject, 'shop', await subject.serve('one')));
      const two = routeTo(subject, 'shop', await subject.serve('two'));
      await subject.lie?.(true);
      try {
        await until(proxy.put(two, open()));
        await error(until(proxy.prove(two, GET, { ...open(), timeoutMs: SHORT_MS })), 'route-unproved');
      } finally {
        await subject.lie?.(false);
      }
    },
  },
  {
    name: 'a domain that nobody holds is not proved, whatever the front door answers there',
    contract: PROXY.proving,
    async holds(subject) {
      const route = routeTo(subject, 'shop', await subject.serve('one'));
      await error(subject.until(subject.proxy.prove(route, GET, { ...open(), timeoutMs: SHORT_MS })), 'route-unproved');
    },
  },
  {
    name: 'a proof that began before the put ends well after it',
    contract: PROXY.proving,
    async holds(subject) {
      const route = routeTo(subject, 'shop', await subject.serve('one'));
      const proof = subject.proxy.prove(route, GET, open());
      await subject.pause();
      await put(subject, route);
      await value(subject.until(proof), 'it looks until it sees it');
    },
  },
  {
    name: 'the app has to answer as asked, at the path that was asked for; without a request the instance is enough',
    contract: PROXY.proving,
    async holds(subject) {
      const { proxy, until } = subject;
      const app = await subject.serve('one', { status: (path) => (path === '/health?deep=1' ? 204 : 503) });
      const route = routeTo(subject, 'shop', app);
      await put(subject, route);
      await value(until(proxy.prove(route, null, open())), 'the instance alone');
      const request = { ...GET, path: '/health?deep=1' };
      await value(until(proxy.prove(route, request, open())), 'the path that is well');
      const bad = await error(until(proxy.prove(route, GET, { ...open(), timeoutMs: SHORT_MS })), 'route-unproved');
      holds(`${bad.message} ${bad.hint}`.includes('503'), 'the error says what was answered last');
      const range = { ...GET, expectStatus: [[500, 599] as const] };
      await value(until(proxy.prove(route, range, open())), 'what counts as good is the caller’s to say');
      if (app.requests) holds(app.requests().includes('/health?deep=1'), 'the query arrives');
    },
  },
  {
    name: 'a proof has a bound, and an abort ends it at once',
    contract: PROXY.proving,
    async holds(subject) {
      const { proxy, until } = subject;
      const route = routeTo(subject, 'shop', await subject.serve('one'));
      const controller = new AbortController();
      const proof = proxy.prove(route, GET, { signal: controller.signal, timeoutMs: 60_000 });
      await subject.pause();
      controller.abort();
      await error(until(proof), 'aborted');
      let end: Result<void, ProxyError> | undefined;
      const bounded = proxy.prove(route, GET, { ...open(), timeoutMs: 50 }).then((answer) => {
        end = answer;
      });
      await arrives(subject, async () => end !== undefined, 'the bound ends it, and not another one');
      await bounded;
      same(end?.isErr() && end.error.kind, 'route-unproved', 'a proof that ran out of time has proved nothing');
    },
  },
];
