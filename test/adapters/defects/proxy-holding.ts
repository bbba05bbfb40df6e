/** Defects of a proxy that holds visitors: what it does wrong, and what visitors would see of it. */
import type { Holding, ProxyManager, Route } from '@quayside/core/ports';
import type { ProxyManagerSubject } from '@quayside/core/testing';
import { okAsync } from 'neverthrow';
import type { proxySubject } from '../../../packages/core/src/testing/laws/memory-subjects.js';
import type { Defect } from '../defect.js';
import { later } from '../wrong.js';

type Around = Parameters<NonNullable<Parameters<typeof proxySubject>[0]>>[1];
export type Wrong = (right: ProxyManager, around: Around) => Partial<ProxyManager>;
type Open = (wrong: Wrong) => ReturnType<Defect<ProxyManagerSubject>['open']>;
type Page = Awaited<ReturnType<NonNullable<ProxyManagerSubject['page']>>>;

const ANSWERED =
  'visitors of a route with `holding` are answered 503 and reach no instance; a put without it lets them in again';
const AGAIN = 'who is held is told when to come again, in whole seconds rounded up, by an answer that nobody stores';
const SHOWN = 'the message is shown as it was given, as text and as nothing else, whatever is in it';
const LINES = 'a message of several lines is refused and touches nothing, or is told without them';
const TOLD =
  'what holds visitors is told by get and by list, to the millisecond, and is gone with the put that lifts it';
const KEPT = 'a put of other targets with `holding` keeps every visitor held, and lifts to the new ones';
const GAPLESS =
  'to begin and to end holding visitors leaves no gap: each is answered by the instance or told to come again';
const PROVED =
  'a route with `holding` is proved by a request that passes it by, and only while visitors are told just this';
const UNAPPLIED = 'visitors who are not held although the proxy took it, or held although it was lifted, prove nothing';
const REMOVED = 'a route that is removed while its visitors are held is gone, and is put again without holding them';
const UNDER_WAY = 'a download that was under way goes on while visitors are held';

const without = ({ holding: _holding, ...route }: Route): Route => route;
const withHolding = (route: Route, holding: Holding | undefined): Route =>
  holding ? { ...route, holding } : without(route);

/** @param open opens what the laws work with, around a proxy in memory that has this wrong */
export function holdingDefects(open: Open): readonly Defect<ProxyManagerSubject>[] {
  const defect = (name: string, law: string, wrong: Wrong) => ({ name, law, open: () => open(wrong) });
  /** One that does what it should, and tells visitors something else. */
  const seen = (
    name: string,
    law: string,
    spoil: (page: Page, holding: Holding) => Page,
    wrong: Wrong = () => ({}),
  ) => ({
    name,
    law,
    async open() {
      let around: Around | undefined;
      const harness = await open((right, given) => {
        around = given;
        return wrong(right, given);
      });
      return {
        ...harness,
        async page(domain: string) {
          const page = await harness.page?.(domain);
          const holding = around?.memory.served.get(domain)?.holding;
          if (!page) throw new Error('the subject in memory has a page');
          return holding ? spoil(page, holding) : page;
        },
      };
    },
  });
  const inPage = (page: Page, from: string, to: string): Page => ({
    ...page,
    body: page.body.replace(/<p>.*<\/p>/, () => `<p>${to}</p>`).replaceAll(from, to),
  });

  return [
    defect('what holds visitors is taken and not looked at', ANSWERED, (right) => ({
      put: (route, options) => right.put(without(route), options),
    })),
    defect('what holds visitors stays until it is removed', ANSWERED, (right, { memory }) => ({
      put: (route, options) =>
        right.put(withHolding(route, route.holding ?? memory.served.get(route.domain)?.holding), options),
    })),
    seen('seconds are cut off', AGAIN, (page, { retryAfterMs }) => ({
      ...page,
      headers: { ...page.headers, 'retry-after': `${Math.floor(retryAfterMs / 1000)}` },
    })),
    seen('the time to come again is told in milliseconds', AGAIN, (page, { retryAfterMs }) => ({
      ...page,
      headers: { ...page.headers, 'retry-after': `${retryAfterMs}` },
    })),
    seen('caches may keep the answer', AGAIN, (page) => ({
      ...page,
      headers: { ...page.headers, 'cache-control': 'max-age=60' },
    })),
    seen('the message goes into the page as it is', SHOWN, (page, { message }) => inPage(page, '', message)),
    seen('the message is escaped twice', SHOWN, (page) => ({ ...page, body: page.body.replaceAll('&', '&amp;') })),
    seen('a template takes what stands behind a percent sign', SHOWN, (page) => ({
      ...page,
      body: page.body.replace(/%\S/g, ''),
    })),
    seen('what is not ASCII becomes a question mark', SHOWN, (page) => ({
      ...page,
      body: page.body.replace(/[^\p{ASCII}]/gu, '?'),
    })),
    seen(
      'lines of the message become headers',
      LINES,
      (page, { message }) => {
        const [, cookie] = /\nset-cookie: ?(.*?)\r?\n/i.exec(message) ?? [];
        return cookie ? { ...page, headers: { ...page.headers, 'set-cookie': cookie } } : page;
      },
      (right, { memory }) => ({
        put(route, options) {
          if (!route.holding?.message.includes('\n')) return right.put(route, options);
          memory.disturb(route.domain, route);
          return okAsync(undefined);
        },
      }),
    ),
    defect('a message that it cannot take lets visitors be held with none', LINES, (right) => ({
      put: (route, options) =>
        right.put(route, options).orElse((failure) =>
          right
            .put(withHolding(route, { message: 'In maintenance.', retryAfterMs: 1_000 }), options)
            .andThen(() => right.put(route, options))
            .mapErr(() => failure),
        ),
    })),
    defect('what holds visitors is told by get alone', TOLD, (right) => ({
      list: (owner, options) =>
        right.list(owner, options).map((all) => all.map(({ holding: _holding, ...route }) => route)),
    })),
    defect('the time to come again is told in whole seconds', TOLD, (right) => {
      const rounded = <R extends { readonly holding?: Holding }>(route: R): R =>
        route.holding
          ? {
              ...route,
              holding: { ...route.holding, retryAfterMs: Math.ceil(route.holding.retryAfterMs / 1000) * 1000 },
            }
          : route;
      return {
        get: (domain, options) => right.get(domain, options).map((held) => held && rounded(held)),
        list: (owner, options) => right.list(owner, options).map((all) => all.map(rounded)),
      };
    }),
    defect('other targets let visitors in until they are held again', KEPT, (right, { clock, memory }) => ({
      put: (route, options) =>
        route.holding && memory.served.get(route.domain)?.targets[0]?.port !== route.targets[0]?.port
          ? right.put(without(route), options).andThen(() =>
              later(async () => {
                for (let turn = 0; turn < 20; turn += 1)
                  await new Promise<void>((resolve) => clock.after(1, resolve, true));
                return right.put(route, options);
              }),
            )
          : right.put(route, options),
    })),
    defect('visitors are let in by a route that is made anew', GAPLESS, (right, { clock, memory }) => ({
      put: (route, options) =>
        memory.served.get(route.domain)?.holding && !route.holding
          ? right.remove(route, options).andThen(() =>
              later(async () => {
                for (let turn = 0; turn < 20; turn += 1)
                  await new Promise<void>((resolve) => clock.after(1, resolve, true));
                return right.put(route, options);
              }),
            )
          : right.put(route, options),
    })),
    defect('a proof passes by whatever holds visitors', PROVED, (right, { memory }) => ({
      prove: (route, request, options) =>
        right.prove(withHolding(route, memory.served.get(route.domain)?.holding), request, options),
    })),
    defect('a proof looks whether visitors are held, and not what they are told', PROVED, (right, { memory }) => ({
      prove: (route, request, options) =>
        right.prove(
          route.holding ? withHolding(route, memory.served.get(route.domain)?.holding ?? route.holding) : route,
          request,
          options,
        ),
    })),
    defect('a proof of a held route does not ask the app', PROVED, (right, { memory }) => ({
      prove: (route, request, options) =>
        route.holding &&
        memory.served.get(route.domain)?.holding?.message === route.holding.message &&
        !options.signal.aborted
          ? right.prove(route, null, options)
          : right.prove(route, request, options),
    })),
    defect('a proof believes what is said of visitors', UNAPPLIED, (right, { memory }) => ({
      prove: (route, request, options) =>
        right.get(route.domain, options).andThen((held) => {
          const isSaid = held?.holding?.message === route.holding?.message;
          return right.prove(
            isSaid ? withHolding(route, memory.served.get(route.domain)?.holding) : route,
            request,
            options,
          );
        }),
    })),
    defect('a removed route leaves what held its visitors', REMOVED, (right, { memory }) => {
      const left = new Map<string, Holding>();
      return {
        remove(route, options) {
          const holding = memory.served.get(route.domain)?.holding;
          if (holding) left.set(route.domain, holding);
          return right.remove(route, options);
        },
        put: (route, options) => right.put(withHolding(route, route.holding ?? left.get(route.domain)), options),
      };
    }),
    {
      name: 'what was under way is cut off when visitors are held',
      law: UNDER_WAY,
      async open() {
        let around: Around | undefined;
        const harness = await open((_right, given) => {
          around = given;
          return {};
        });
        return {
          ...harness,
          async download(domain: string) {
            const download = await harness.download?.(domain);
            if (!download) throw new Error('the subject in memory has downloads');
            return {
              ...download,
              goesOn: async () => !around?.memory.served.get(domain)?.holding && download.goesOn(),
            };
          },
        };
      },
    },
  ];
}
