import type { ProxyCapabilities, ProxyError, ProxyManager, Route } from '@quayside/core/ports';
import { aborted, check } from '@quayside/core/ports';
import { type ProxyManagerSubject, proxyManagerLaws } from '@quayside/core/testing';
import { errAsync, ok, okAsync, type ResultAsync } from 'neverthrow';
import { z } from 'zod';
import { proxySubject } from '../../../packages/core/src/testing/laws/memory-subjects.js';
import type { Suite } from '../defect.js';
import { changing, deaf, later, leaveListener } from '../wrong.js';
import { holdingDefects, type Wrong } from './proxy-holding.js';

const WEIGHS = { weights: true, sticky: true };

const refused = (message: string) =>
  errAsync({ kind: 'proxy-refused' as const, message, hint: 'Look at the proxy.', retryable: false });

/** With what the in-memory proxy has no need of, done right: a defect wants something to break. */
function whole(right: ProxyManager): ProxyManager {
  let isClosed = false;
  const unlessClosed = <T>(call: () => ResultAsync<T, ProxyError>): ResultAsync<T, ProxyError> =>
    isClosed
      ? errAsync({ kind: 'closed', message: 'The proxy is closed.', hint: 'Open it again.', retryable: false })
      : call();
  return {
    ...right,
    put: (...args) => unlessClosed(() => right.put(...args)),
    remove: (...args) => unlessClosed(() => right.remove(...args)),
    get: (...args) => unlessClosed(() => right.get(...args)),
    list: (...args) => unlessClosed(() => right.list(...args)),
    prove: (...args) => unlessClosed(() => right.prove(...args)),
    parseOptions: (options, path) =>
      options === undefined ? ok(null) : check('invalid-config', z.strictObject({}), options, path).map(() => null),
    close() {
      isClosed = true;
      return okAsync(undefined);
    },
  };
}

const open = (wrong: Wrong, capabilities: Partial<ProxyCapabilities> = {}) =>
  proxySubject((memory, around) => {
    const right = whole(memory);
    return { ...right, ...wrong(right, around) };
  }, capabilities);

const defect = (name: string, law: string, wrong: Wrong, how?: 'throw', capabilities?: Partial<ProxyCapabilities>) => ({
  name,
  law,
  ...(how ? { how } : {}),
  open: () => open(wrong, capabilities),
});

const DESCRIBED = 'a proxy has a name, a stable identity, and reaches something';
const ABORTED = 'a call under an aborted signal answers `aborted` and does nothing';
const PUT = 'a route that was put is held with its mark and its target, and requests reach the instance';
const REPLACED = 'a put replaces the target, and no request on the way is answered by neither instance';
const REMOVED = 'a removed route is gone: requests do not reach the instance, and removing it again answers `absent`';
const UNMARKED = 'a domain that somebody holds without a mark is `domain-taken`, and goes on serving as it did';
const ANOTHERS = 'a domain that another store holds is `domain-taken`, and goes on serving as it did';
const LISTED = 'a list has every route of the store and nobody else’s';
const INDEPENDENT = 'routes do not know of each other: ten put at once all serve, and removing one leaves the others';
const EXPECTED = 'a put with `expect` writes only over the instance that it expects, or is refused as `unsupported`';
const ANSWERED =
  'the app has to answer as asked, at the path that was asked for; without a request the instance is enough';
const BOUND = 'a proof has a bound, and an abort ends it at once';
const COUNTED = 'it counts what an instance has answered to visitors: requests, errors, and how long they took';
const OPTIONS = 'options of a stage are checked: a stage may give none, and an unknown one is refused with its path';
const CLOSED = 'closing twice is fine; afterwards every call answers `closed`';

const unproved = { kind: 'route-unproved' as const, message: 'It is not served.', hint: 'Look.', retryable: true };

export const proxySuite: Suite<ProxyManagerSubject> = {
  port: 'ProxyManager',
  laws: proxyManagerLaws,
  right: [
    { name: 'in memory', open: () => open(() => ({})) },
    { name: 'in memory, with weights', open: () => open(() => ({}), WEIGHS) },
    { name: 'in memory, without `expect`', open: () => open(refusesExpect, { expect: false }) },
    { name: 'in memory, without `holding`', open: () => open(() => ({}), { holding: false }) },
  ],
  defects: [
    defect('its identity is another one with each call', DESCRIBED, (right) => changing(right.describe)),
    defect('a put goes on under an aborted signal, and says that it was aborted', ABORTED, (right) => ({
      put(route, options) {
        if (options.signal.aborted) void right.put(route, deaf(options));
        return right.put(route, options);
      },
    })),
    defect(
      'a proof leaves its listener on the signal',
      'calls that have ended leave no listener on their signal',
      (right) => ({
        prove(route, request, options) {
          leaveListener(options);
          return right.prove(route, request, options);
        },
      }),
    ),
    defect('a put answers before the proxy has taken it over', PUT, (right, { clock }) => ({
      put(route, options) {
        if (options.signal.aborted || route.targets.length > right.capabilities.maxTargets)
          return right.put(route, options);
        clock.after(20, () => void right.put(route, deaf(options)), true);
        return okAsync(undefined);
      },
    })),
    defect('a held route is told without its mark', PUT, (right) => ({
      get: (domain, options) => right.get(domain, options).map((held) => held && { ...held, mark: null }),
    })),
    defect(
      'a held route is told as it was at its first put',
      'an instance that has moved to another port is followed by a put',
      (right) => {
        const first = new Map<string, Route['targets']>();
        return {
          put(route, options) {
            if (!first.has(route.domain)) first.set(route.domain, route.targets);
            return right.put(route, options);
          },
          get: (domain, options) =>
            right.get(domain, options).map((held) => held && { ...held, targets: first.get(domain) ?? held.targets }),
        };
      },
    ),
    defect('the same put again is refused', 'the same put again is `ok` and changes nothing', (right, { memory }) => ({
      put: (route, options) =>
        memory.routes.get(route.domain)?.targets[0]?.port === route.targets[0]?.port && options.expect === undefined
          ? refused('It is there already.')
          : right.put(route, options),
    })),
    defect('a put that replaces removes the route first', REPLACED, (right, { clock }) => ({
      put: (route, options) =>
        right.remove(route, options).andThen((was) =>
          was === 'removed'
            ? later(async () => {
                for (let turn = 0; turn < 20; turn += 1)
                  await new Promise<void>((resolve) => clock.after(1, resolve, true));
                return right.put(route, options);
              })
            : right.put(route, options),
        ),
    })),
    defect(
      'a target that does not answer yet is refused',
      'a target that does not answer yet is taken, and serves as soon as it does',
      (right, { engine }) => ({
        put: (route, options) =>
          route.targets.every(({ host, port }) => engine.connect(host, port)) || options.signal.aborted
            ? right.put(route, options)
            : refused('Nobody answers there.'),
      }),
    ),
    defect('removing what is gone is an error', REMOVED, (right, { memory }) => ({
      remove: (route, options) => (memory.routes.has(route.domain) ? right.remove(route, options) : refused('404')),
    })),
    defect('a removal answers before it is gone', REMOVED, (right, { clock, memory }) => ({
      remove(route, options) {
        if (memory.routes.get(route.domain)?.mark !== route.mark || options.signal.aborted)
          return right.remove(route, options);
        clock.after(20, () => void right.remove(route, deaf(options)), true);
        return okAsync('removed' as const);
      },
    })),
    defect(
      'removing what nobody holds answers `removed`',
      'removing what nobody holds answers `absent`, and get answers nothing',
      (right) => ({
        remove: (route, options) => right.remove(route, options).map((was) => (was === 'absent' ? 'removed' : was)),
      }),
    ),
    defect('a put takes a domain over that a person made', UNMARKED, (right, { memory }) => ({
      put(route, options) {
        if (memory.routes.get(route.domain)?.mark === null && !options.signal.aborted)
          memory.disturb(route.domain, null);
        return right.put(route, options);
      },
    })),
    defect('a removal does not look at the mark', ANOTHERS, (right, { memory }) => ({
      remove: (route, options) =>
        right.remove({ ...route, mark: memory.routes.get(route.domain)?.mark ?? route.mark }, options),
    })),
    defect(
      'a mark is looked at only as far as the store’s id',
      'another mark of the same store is another owner too',
      (right, { memory }) => ({
        put(route, options) {
          const mark = memory.routes.get(route.domain)?.mark;
          return right.put(mark?.slice(0, 12) === route.mark.slice(0, 12) ? { ...route, mark } : route, options);
        },
      }),
    ),
    defect('a domain that another store holds is a conflict of its own kind', ANOTHERS, (right) => ({
      put: (route, options) =>
        right
          .put(route, options)
          .mapErr((error) => (error.kind === 'domain-taken' ? { ...error, kind: 'proxy-refused' as const } : error)),
    })),
    defect('a list has everybody’s routes', LISTED, (right) => ({
      list: (_owner, options) => right.list({ storeId: '' }, options),
    })),
    defect(
      'a list leaves out what a put has replaced',
      'a list has every route of the store and nobody else’s',
      (right) => {
        const domains = new Set<string>();
        return {
          put(route, options) {
            domains.add(route.domain);
            return right.put(route, options);
          },
          list: (owner, options) =>
            right.list(owner, options).map((all) => all.filter(({ domain }) => domains.has(domain)).slice(1)),
        };
      },
    ),
    defect('a list drops its last page', INDEPENDENT, (right) => ({
      list: (owner, options) =>
        right
          .list(owner, options)
          .map((all) => (all.length > 4 ? all.slice(0, all.length - (all.length % 4 || 4)) : all)),
    })),
    defect('a removal takes every route of the store', INDEPENDENT, (right, { memory }) => ({
      remove: (route, options) =>
        right.remove(route, options).andTee((was) => {
          if (was === 'removed')
            for (const [domain, { mark }] of memory.routes)
              if (mark?.startsWith(route.mark.slice(0, 12))) memory.disturb(domain, null);
        }),
    })),
    defect(
      'two puts at once leave the targets of both',
      'two puts of one domain at once end with one of them, held and served alike',
      (right) => {
        const under = new Map<string, Route['targets']>();
        return {
          put(route, options) {
            const meanwhile = under.get(route.domain) ?? [];
            under.set(route.domain, route.targets);
            return right
              .put({ ...route, targets: [...meanwhile, ...route.targets] }, options)
              .andTee(() => void Promise.resolve().then(() => under.delete(route.domain)));
          },
        };
      },
    ),
    defect(
      'targets beyond `maxTargets` are dropped in silence',
      'more targets than `maxTargets` are refused as `unsupported`, and nothing is touched',
      (right) => ({
        put: (route, options) =>
          right.put({ ...route, targets: route.targets.slice(0, right.capabilities.maxTargets) }, options),
      }),
    ),
    defect('`expect` is taken and not looked at', EXPECTED, (right) => ({
      put: (route, { expect: _expect, ...options }) => right.put(route, options),
    })),
    defect(
      '`expect` is not supported, and put all the same',
      EXPECTED,
      (right) => ({
        put: (route, { expect: _expect, ...options }) => right.put(route, options),
      }),
      undefined,
      { expect: false },
    ),
    defect('`expect: null` means that nobody minds', EXPECTED, (right) => ({
      put: (route, { expect, ...options }) =>
        right.put(route, expect === null || expect === undefined ? options : { ...options, expect }),
    })),
    defect('a proof does not look', 'while another instance answers 200 a route is not proved', () => ({
      prove: (_route, _request, { signal }) => (signal.aborted ? errAsync(aborted('The proof')) : okAsync(undefined)),
    })),
    defect(
      'a proof believes what is held',
      'a change that the proxy took and does not apply is not proved',
      (right) => ({
        prove: (route, request, options) =>
          right
            .get(route.domain, options)
            .andThen((held) =>
              held?.targets[0]?.instance === route.targets[0]?.instance
                ? okAsync(undefined)
                : right.prove(route, request, options),
            ),
      }),
    ),
    defect(
      'a proof looks at the address and not at the instance',
      'at one address, too, the instance is what counts: the same port under another name is not proved',
      (right, { memory }) => ({
        prove: (route, request, options) =>
          memory.served.get(route.domain)?.targets[0]?.port === route.targets[0]?.port &&
          request &&
          !options.signal.aborted
            ? right.prove(
                { ...route, targets: memory.served.get(route.domain)?.targets ?? route.targets },
                request,
                options,
              )
            : right.prove(route, request, options),
      }),
    ),
    defect(
      'a proof is content with any answer below 500',
      'a domain that nobody holds is not proved, whatever the front door answers there',
      (right, { memory }) => ({
        prove: (route, request, options) =>
          memory.request(route.domain).status < 500 && !options.signal.aborted && memory.routes.size === 0
            ? okAsync(undefined)
            : right.prove(route, request, options),
      }),
    ),
    defect('a proof looks once', 'a proof that began before the put ends well after it', (right) => ({
      prove: (route, request, options) => right.prove(route, request, { ...options, timeoutMs: 0 }),
    })),
    defect('a proof asks for `/`, whatever path was wanted', ANSWERED, (right) => ({
      prove: (route, request, options) => right.prove(route, request && { ...request, path: '/' }, options),
    })),
    defect('a proof takes every status', ANSWERED, (right) => ({
      prove: (route, request, options) =>
        right.prove(route, request && { ...request, expectStatus: [[100, 599]] }, options),
    })),
    defect('a proof has another bound than it was given', BOUND, (right) => ({
      prove: (route, request, options) => right.prove(route, request, { ...options, timeoutMs: 10_000 }),
    })),
    defect('a proof ignores the abort', BOUND, (right) => ({
      prove: (route, request, options) => right.prove(route, request, options.signal.aborted ? options : deaf(options)),
    })),
    defect('what was not proved is `timeout`', 'while another instance answers 200 a route is not proved', (right) => ({
      prove: (route, request, options) =>
        right
          .prove(route, request, options)
          .mapErr((error) => (error.kind === 'route-unproved' ? { ...unproved, kind: 'timeout' as const } : error)),
    })),
    defect(
      'weights are taken and not looked at',
      'each target of a route gets the share of the requests that its weight gives it, and another one with the next put',
      (right) => ({
        put: (route, options) =>
          right.put({ ...route, targets: route.targets.map(({ weight: _weight, ...target }) => target) }, options),
      }),
      undefined,
      WEIGHS,
    ),
    defect(
      'a proof is content with one answer',
      'while a route shares its requests with another instance it is not proved to lead to one alone, nor the other way round',
      (right) => ({
        prove: (route, request, options) =>
          right.get(route.domain, options).andThen((held) => {
            const targets = held?.targets.map((target) => ({ ...target, instance: target.instance ?? '' })) ?? [];
            const isAmong = targets.some(({ instance }) => route.targets.some((each) => each.instance === instance));
            return right.prove(isAmong ? { ...route, targets } : route, request, options);
          }),
      }),
      undefined,
      WEIGHS,
    ),
    defect(
      'visitors are sent anew with each put',
      'a visitor of a sticky route stays with the target that answered first, whatever the shares become',
      (right) => ({
        put: (route, options) => right.put({ ...route, sticky: false }, options),
      }),
      undefined,
      WEIGHS,
    ),
    defect('errors are not counted', COUNTED, (right) => ({
      statistics: (instance, options) =>
        (right.statistics?.(instance, options) ?? refused('no statistics')).map((counts) => ({ ...counts, errors: 0 })),
    })),
    defect('proofs are counted as visitors', COUNTED, (right) => {
      let proofs = 0;
      return {
        prove: (route, request, options) =>
          right.prove(route, request, options).andTee(() => {
            proofs += 1;
          }),
        statistics: (instance, options) =>
          (right.statistics?.(instance, options) ?? refused('no statistics')).map((counts) => ({
            ...counts,
            requests: instance === 'nobody' ? 0 : counts.requests + proofs,
          })),
      };
    }),
    defect(
      'what it answers in an instance’s place is not counted',
      'what it answers itself in the place of an instance is an error of that one',
      (right) => {
        return {
          statistics: (instance, options) =>
            (right.statistics?.(instance, options) ?? refused('no statistics')).map((counts) => ({
              ...counts,
              errors: counts.requests > 2 ? counts.errors : 0,
            })),
        };
      },
    ),
    defect(
      'an instance that nobody asks has something in flight',
      'an instance that nobody asks has nothing in flight',
      () => ({
        inFlight: () => okAsync(1),
      }),
    ),
    defect('unknown options of a stage are taken', OPTIONS, () => ({ parseOptions: () => ok(null) })),
    defect('wrong options are told without their path', OPTIONS, () => ({
      parseOptions: (options) =>
        options === undefined
          ? ok(null)
          : check('invalid-config', z.strictObject({}), options, 'options').map(() => null),
    })),
    defect('closing twice is an error', CLOSED, (right) => {
      let isClosed = false;
      return {
        close() {
          if (isClosed) return refused('It is closed already.');
          isClosed = true;
          return right.close?.() ?? okAsync(undefined);
        },
      };
    }),
    defect('calls go on after the close', CLOSED, () => ({ close: () => okAsync(undefined) })),
    ...holdingDefects(open),
  ],
};

function refusesExpect(right: ProxyManager): Partial<ProxyManager> {
  return {
    put: (route, options) =>
      options.expect === undefined
        ? right.put(route, options)
        : errAsync({ kind: 'unsupported', message: 'It cannot compare.', hint: 'Put without.', retryable: false }),
  };
}
