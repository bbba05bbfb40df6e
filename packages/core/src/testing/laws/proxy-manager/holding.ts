import type { HeldRoute, Holding, Route } from '../../../ports/proxy-manager.js';
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

const SHORT_MS = 300;
const SOON: Holding = { message: 'Back in a minute.', retryAfterMs: 60_000 };

const cannotHold = ({ proxy }: ProxyManagerSubject): string | undefined =>
  proxy.capabilities.holding ? undefined : 'it has no `holding`';

/** What a page, a header, a template, a configuration file or a command could take for something else. */
const AWKWARD = [
  '<script>alert("x")</script><img src=x onerror=\'y\'> &amp; &',
  '100 % %[src] %s $host \x24{port} {{ x }} {% raw %} back\\slash \\n \\" end\\',
  'quotes " \' ` and ; location / { return 200; } # | , => \\; add_header X-Evil 1;',
  'Grüße, 漢字, العربية 🚢',
];

/** A route to one app, as it is and with visitors held. */
async function pair(subject: ProxyManagerSubject, instance = 'one') {
  const route = routeTo(subject, 'shop', await subject.serve(instance));
  const held = (holding: Holding = SOON): Route => ({ ...route, holding });
  return { route, held, domain: route.domain };
}

const isRefused = async (subject: ProxyManagerSubject, domain: string, rule: string) =>
  same(await subject.request(domain), { status: 503, instance: null }, rule);

const unproved = (subject: ProxyManagerSubject, route: Route, rule: string) =>
  error(subject.until(subject.proxy.prove(route, GET, { ...open(), timeoutMs: SHORT_MS })), 'route-unproved', rule);

const said = (held: HeldRoute | undefined): Holding | null => held?.holding ?? null;

async function pageOf(subject: ProxyManagerSubject, domain: string) {
  holds(subject.page, 'the subject has `page`: with the capability, what visitors are told is looked at');
  return subject.page(domain);
}

/** What a browser shows of it. */
const shown = (html: string): string =>
  html
    .replace(/<style>.*?<\/style>/gs, '')
    .replace(/<[^>]*>/g, '\n')
    .replace(/&(?:#(\d+)|#x([0-9a-f]+)|(amp|lt|gt|quot|apos));/gi, (_, decimal, hex, name) =>
      name ? (NAMED[name] ?? '') : String.fromCodePoint(decimal ? Number(decimal) : Number.parseInt(hex, 16)),
    );
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** A route whose visitors are told to come again. */
export const holdingLaws: readonly Law<ProxyManagerSubject>[] = [
  {
    name: 'visitors of a route with `holding` are answered 503 and reach no instance; a put without it lets them in again',
    contract: PROXY.holding,
    exempt: cannotHold,
    async holds(subject) {
      const { route, held, domain } = await pair(subject);
      await serveAt(subject, route);
      await serveAt(subject, held());
      for (const path of ['/', '/deep/er?x=1', '/.well-known/other']) {
        same(await subject.request(domain, path), { status: 503, instance: null }, `a visitor of ${path} is held`);
      }
      await serveAt(subject, route);
      await isServedBy(subject, domain, 'one', 'without it the instance answers again');
    },
  },
  {
    name: 'who is held is told when to come again, in whole seconds rounded up, by an answer that nobody stores',
    contract: PROXY.holding,
    exempt: cannotHold,
    async holds(subject) {
      const { held, domain } = await pair(subject);
      for (const [retryAfterMs, seconds] of [
        [60_000, '60'],
        [1_500, '2'],
        [1, '1'],
      ] as const) {
        await serveAt(subject, held({ ...SOON, retryAfterMs }));
        const { status, headers } = await pageOf(subject, domain);
        same([status, headers['retry-after']], [503, seconds], `${retryAfterMs} ms are ${seconds} s`);
        holds(/\bno-store\b/.test(headers['cache-control'] ?? ''), '`Cache-Control: no-store`');
      }
    },
  },
  {
    name: 'the message is shown as it was given, as text and as nothing else, whatever is in it',
    contract: PROXY.holding,
    exempt: cannotHold,
    async holds(subject) {
      const { held, domain } = await pair(subject);
      for (const message of AWKWARD) {
        await serveAt(subject, held({ ...SOON, message }));
        const { status, headers, body } = await pageOf(subject, domain);
        same(status, 503, `visitors are held with ${message}`);
        holds(/^text\/html\b/.test(headers['content-type'] ?? ''), 'who asks for a page gets one');
        const lines = shown(body).split('\n');
        holds(lines.includes(message), `a browser shows the message: ${message}\n  got ${body}`);
        holds(!/<script|<img/i.test(body), 'no element comes out of the message');
        same([headers['x-evil'], headers['set-cookie']], [undefined, undefined], 'no header comes out of it');
        same(said(await get(subject, domain))?.message, message, 'get tells it as it was given');
      }
    },
  },
  {
    name: 'a message of several lines is refused and touches nothing, or is told without them',
    contract: PROXY.holding,
    exempt: cannotHold,
    async holds(subject) {
      const { proxy, until } = subject;
      const { route, held, domain } = await pair(subject);
      await serveAt(subject, route);
      for (const message of ['one\r\nSet-Cookie: a=1\r\n\r\ntwo', 'one\ntwo', 'one\0two']) {
        const answer = await until(proxy.put(held({ ...SOON, message }), open()));
        if (answer.isErr()) {
          same(answer.error.kind, 'proxy-refused', 'the proxy cannot take it');
          same(said(await get(subject, domain)), null, 'nothing was put');
          await isServedBy(subject, domain, 'one', 'it serves as it did');
          continue;
        }
        await arrives(subject, async () => (await subject.request(domain)).status === 503, 'visitors are held');
        same((await pageOf(subject, domain)).headers['set-cookie'], undefined, 'no header comes out of it');
        await serveAt(subject, route);
      }
    },
  },
  {
    name: 'what holds visitors is told by get and by list, to the millisecond, and is gone with the put that lifts it',
    contract: PROXY.holding,
    exempt: cannotHold,
    async holds(subject) {
      const { proxy, until, storeId } = subject;
      const { route, held, domain } = await pair(subject);
      const listed = async () =>
        said((await value(until(proxy.list({ storeId }, open())))).find((each) => each.domain === domain));
      const first: Holding = { message: 'Back at ten.', retryAfterMs: 1_234 };
      await put(subject, held(first));
      same([said(await get(subject, domain)), await listed()], [first, first], 'a route that begins with it');
      await isHeld(subject, held(first), 'its targets are told as ever');
      await put(subject, held(SOON));
      same([said(await get(subject, domain)), await listed()], [SOON, SOON], 'another message takes its place');
      await put(subject, route);
      same([said(await get(subject, domain)), await listed()], [null, null], 'without it there is nothing');
    },
  },
  {
    name: 'a put of other targets with `holding` keeps every visitor held, and lifts to the new ones',
    contract: PROXY.holding,
    exempt: cannotHold,
    async holds(subject) {
      const { route, held, domain } = await pair(subject);
      await serveAt(subject, route);
      await serveAt(subject, held());
      const two = routeTo(subject, 'shop', await subject.serve('two'));
      const answers = await answersDuring(subject, domain, async () => {
        await serveAt(subject, { ...two, holding: SOON });
      });
      const wrong = answers.filter((answer) => answer.status !== 503);
      same(wrong, [], 'nobody is let in meanwhile');
      await isHeld(subject, two, 'it holds the new target');
      await serveAt(subject, two);
      await isServedBy(subject, domain, 'two', 'who is let in reaches the new one');
    },
  },
  {
    name: 'to begin and to end holding visitors leaves no gap: each is answered by the instance or told to come again',
    contract: PROXY.holding,
    exempt: cannotHold,
    async holds(subject) {
      const { route, held, domain } = await pair(subject);
      await serveAt(subject, route);
      const answers = await answersDuring(subject, domain, async () => {
        await serveAt(subject, held());
        await serveAt(subject, route);
      });
      const wrong = answers.filter(
        ({ status, instance }) => !(status === 200 && instance === 'one') && !(status === 503 && instance === null),
      );
      same(wrong, [], 'nobody gets anything else');
    },
  },
  {
    name: 'a route with `holding` is proved by a request that passes it by, and only while visitors are told just this',
    contract: PROXY.holding,
    exempt: cannotHold,
    async holds(subject) {
      const { proxy, until } = subject;
      const app = await subject.serve('one', { status: (path) => (path === '/bad' ? 500 : 200) });
      const route = routeTo(subject, 'shop', app);
      const held = { ...route, holding: SOON };
      await serveAt(subject, route);
      await unproved(subject, held, 'visitors are let in');
      await serveAt(subject, held);
      if (app.requests) holds(app.requests().includes('/'), 'the app was asked, and not only the proxy');
      await unproved(subject, route, 'visitors are held although they should not be');
      await unproved(subject, { ...held, holding: { ...SOON, message: 'Back tomorrow.' } }, 'another message');
      await unproved(subject, { ...held, holding: { ...SOON, retryAfterMs: 120_000 } }, 'another time');
      await value(until(proxy.prove(held, null, open())), 'without a request, too');
      const bad = { ...GET, path: '/bad' };
      await error(
        until(proxy.prove(held, bad, { ...open(), timeoutMs: SHORT_MS })),
        'route-unproved',
        'what the app answers behind it counts',
      );
      const other = { ...held, targets: held.targets.map((target) => ({ ...target, instance: 'two' })) };
      await unproved(subject, other, 'another instance');
    },
  },
  {
    name: 'visitors who are not held although the proxy took it, or held although it was lifted, prove nothing',
    contract: PROXY.holding,
    exempt: (subject) => cannotHold(subject) ?? (subject.lie ? undefined : 'it cannot be made to lie'),
    async holds(subject) {
      const { proxy, until } = subject;
      const { route, held } = await pair(subject);
      for (const [before, after] of [
        [route, held()],
        [held(), route],
      ] as const) {
        await serveAt(subject, before);
        await subject.lie?.(true);
        try {
          await until(proxy.put(after, open()));
          await unproved(subject, after, 'it is not applied');
        } finally {
          await subject.lie?.(false);
        }
      }
    },
  },
  {
    name: 'a route that is removed while its visitors are held is gone, and is put again without holding them',
    contract: PROXY.holding,
    exempt: cannotHold,
    async holds(subject) {
      const { proxy, until } = subject;
      const { route, held, domain } = await pair(subject);
      await serveAt(subject, held());
      await isRefused(subject, domain, 'visitors are held');
      same(await value(until(proxy.remove(route, open()))), 'removed', 'it is removed as any other');
      same(await get(subject, domain), undefined, 'nothing is held');
      await serveAt(subject, route);
      await isServedBy(subject, domain, 'one', 'nothing is left of it');
    },
  },
  {
    name: 'a download that was under way goes on while visitors are held',
    contract: PROXY.holding,
    exempt: (subject) =>
      cannotHold(subject) ??
      (subject.download && subject.proxy.capabilities.streamsSurviveWrite
        ? undefined
        : 'its downloads are cut by a put'),
    async holds(subject) {
      const { route, held, domain } = await pair(subject);
      await serveAt(subject, route);
      const download = await subject.download?.(domain);
      holds(download && (await download.goesOn()), 'it has begun');
      try {
        await serveAt(subject, held());
        holds(await download.goesOn(), 'it goes on where it began');
        await isRefused(subject, domain, 'who comes now is held');
        await serveAt(subject, route);
        holds(await download.goesOn(), 'and after visitors are let in again');
      } finally {
        await download.close();
      }
    },
  },
];
