import { ended, error, holds, open, same, value } from '../assert.js';
import type { Law } from '../law.js';
import { letsGo } from '../listeners.js';
import { PROXY } from './contracts.js';
import { GET, get, isServedBy, type ProxyManagerSubject, routeTo, serveAt } from './subject.js';

/** Signals, options, counts, and the end. */
export const lifeLaws: readonly Law<ProxyManagerSubject>[] = [
  {
    name: 'a call under an aborted signal answers `aborted` and does nothing',
    contract: PROXY.signals,
    async holds(subject) {
      const { proxy, until } = subject;
      const app = await subject.serve('one');
      const kept = routeTo(subject, 'kept', app);
      const route = routeTo(subject, 'shop', app);
      await serveAt(subject, kept);
      await error(until(proxy.describe(ended())), 'aborted');
      await error(until(proxy.put(route, ended())), 'aborted');
      await error(until(proxy.remove(kept, ended())), 'aborted');
      await error(until(proxy.get(kept.domain, ended())), 'aborted');
      await error(until(proxy.list({ storeId: subject.storeId }, ended())), 'aborted');
      await error(until(proxy.prove(kept, GET, ended())), 'aborted');
      if (proxy.inFlight) await error(until(proxy.inFlight('one', ended())), 'aborted');
      same(await get(subject, route.domain), undefined, 'nothing was put');
      await isServedBy(subject, kept.domain, 'one', 'nothing was removed');
    },
  },
  {
    name: 'calls that have ended leave no listener on their signal',
    contract: PROXY.signals,
    async holds(subject) {
      const { proxy, until, storeId } = subject;
      const route = routeTo(subject, 'shop', await subject.serve('one'));
      await letsGo('calls to the proxy', async (options) => {
        await value(until(proxy.put(route, options)));
        await value(until(proxy.prove(route, GET, options)));
        await value(until(proxy.get(route.domain, options)));
        await value(until(proxy.list({ storeId }, options)));
      });
    },
  },
  {
    name: 'options of a stage are checked: a stage may give none, and an unknown one is refused with its path',
    contract: PROXY.options,
    exempt: ({ proxy }) => (proxy.parseOptions ? undefined : 'it has no options per stage'),
    async holds({ proxy }) {
      const none = proxy.parseOptions?.(undefined, 'shop.proxy');
      holds(none?.isOk(), 'none are fine');
      const wrong = proxy.parseOptions?.({ surelyNobodysOption: 1 }, 'shop.proxy');
      holds(wrong?.isErr(), 'an unknown option is refused');
      same(wrong.error.kind, 'invalid-config', 'the configuration is what is wrong');
      holds(
        wrong.error.issues.every(({ path }) => path.startsWith('shop.proxy')),
        'the path is the caller’s',
      );
    },
  },
  {
    name: 'an instance that nobody asks has nothing in flight',
    contract: PROXY.counting,
    exempt: ({ proxy }) => (proxy.inFlight ? undefined : 'it cannot count'),
    async holds({ proxy, until }) {
      if (proxy.inFlight) same(await value(until(proxy.inFlight('nobody', open()))), 0, 'none');
    },
  },
  {
    name: 'closing twice is fine; afterwards every call answers `closed`',
    contract: PROXY.closing,
    exempt: ({ proxy }) => (proxy.close ? undefined : 'it holds nothing that is to be closed'),
    async holds(subject) {
      const { proxy, until } = subject;
      const route = routeTo(subject, 'shop', await subject.serve('one'));
      await serveAt(subject, route);
      if (!proxy.close) return;
      await value(until(proxy.close()));
      await value(until(proxy.close()), 'twice is ok');
      await error(until(proxy.put(route, open())), 'closed');
      await error(until(proxy.remove(route, open())), 'closed');
      await error(until(proxy.get(route.domain, open())), 'closed');
      await error(until(proxy.list({ storeId: subject.storeId }, open())), 'closed');
      await error(until(proxy.prove(route, GET, open())), 'closed');
    },
  },
];
