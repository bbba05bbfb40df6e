/** What the adapter owes beyond the laws of its port; it holds against the contract server and a live proxy alike. */
import { connect } from 'node:net';
import { assert, conforms, type Harness, type It, type Law } from '@quayside/core/testing';
import { nginxProxyManager } from '../../src/index.js';
import { SUFFIX, type World } from '../support/world.js';

const { error, open, same, value } = assert;
const holds: typeof assert.holds = assert.holds;
const GET = { method: 'GET', path: '/', headers: {}, expectStatus: [[200, 299]] } as const;

const routeTo = async (world: World, name: string, options: World['options'] = {}, instance = name) => {
  const { host, port } = await world.serve(instance);
  const domain = world.domain(name);
  return { domain, mark: `${world.storeId}-${name}`, targets: [{ instance, host, port }], options };
};
type Route = Awaited<ReturnType<typeof routeTo>>;

const put = (world: World, route: Route) => value(world.proxy.put(route, open()), `${route.domain} is put`);
const proved = (world: World, route: Route) =>
  value(world.proxy.prove(route, GET, open()), `${route.domain} is proved`);

async function served(world: World, route: Route): Promise<void> {
  await put(world, route);
  await proved(world, route);
}

const hostOf = async (world: World, domain: string) => {
  const host = await world.hostOf(domain);
  holds(host, `the proxy has ${domain}`);
  return host;
};

const person = (world: World, method: string, id: number, body?: unknown, action = '') =>
  world.npm.person(method, `/nginx/proxy-hosts/${id}${action}`, body);

const BROKEN = { advancedConfig: 'no_such_directive on;' };

export const behaviourLaws: readonly Law<World>[] = [
  {
    name: 'a stage’s options are the host’s; what is not said gets the default, WebSockets included',
    async holds(world) {
      const plain = await routeTo(world, 'plain');
      const chosen = await routeTo(world, 'chosen', { websockets: false, blockExploits: true });
      for (const route of [plain, chosen]) await served(world, route);
      const flags = async ({ domain }: Route) => {
        const { allow_websocket_upgrade, block_exploits } = await hostOf(world, domain);
        return [allow_websocket_upgrade, block_exploits];
      };
      same(
        [await flags(plain), await flags(chosen)],
        [
          [true, false],
          [false, true],
        ],
        'WebSockets, exploits',
      );
    },
  },
  {
    name: 'an option that is not said leaves alone what a person chose; one that is no longer said goes back to its default',
    async holds(world) {
      const route = await routeTo(world, 'shop', { blockExploits: true });
      await served(world, route);
      const { id } = await hostOf(world, route.domain);
      await person(world, 'PUT', id, { allow_websocket_upgrade: false });
      const next = { ...(await routeTo(world, 'shop', {}, 'two')) };
      await served(world, next);
      const host = await hostOf(world, route.domain);
      same(host.allow_websocket_upgrade, false, 'the person’s choice stays');
      same(host.block_exploits, false, 'ours goes');
    },
  },
  {
    name: 'a person’s own custom configuration and meta are kept beside ours, through updates',
    async holds(world) {
      const route = await routeTo(world, 'shop', { advancedConfig: 'client_max_body_size 7m;' });
      await served(world, route);
      const host = await hostOf(world, route.domain);
      const own = 'location = /hello { return 200 "hello"; }';
      await person(world, 'PUT', host.id, {
        advanced_config: `${own}\n${host.advanced_config}# the end`,
        meta: { ...host.meta, a_note: 'mine' },
      });
      await served(world, await routeTo(world, 'shop', { advancedConfig: 'client_max_body_size 8m;' }, 'two'));
      const after = await hostOf(world, route.domain);
      holds(after.advanced_config.includes(own), 'the person’s location is there');
      holds(after.advanced_config.includes('# the end'), 'what stood behind ours too');
      holds(
        after.advanced_config.includes('body_size 8m') && !after.advanced_config.includes('7m'),
        'ours is replaced',
      );
      same(after.advanced_config.split('# quayside begin').length, 2, 'our part is there once');
      same(after.meta['a_note'], 'mine', 'the meta is kept');
      same((await world.request(route.domain, '/hello')).status, 200, 'the person’s location answers');
    },
  },
  {
    name: 'a new route that nginx refuses is an error with nginx’s words, and leaves nothing',
    async holds(world) {
      const route = await routeTo(world, 'shop', BROKEN);
      const failure = await error(world.proxy.put(route, open()), 'proxy-refused');
      same([failure.code, failure.outcome], ['nginx', 'refused'], 'it is nginx that refused, and it is undone');
      holds(failure.message.includes('no_such_directive'), `the message has its words: ${failure.message}`);
      same(await world.hostOf(route.domain), undefined, 'the host is gone');
      same(await value(world.proxy.get(route.domain, open())), undefined, 'nothing is held');
      await served(world, { ...route, options: {} });
    },
  },
  {
    name: 'an update that nginx refuses is an error, and what was there serves again at once',
    async holds(world) {
      const route = await routeTo(world, 'shop', { blockExploits: true });
      await served(world, route);
      const before = await hostOf(world, route.domain);
      const next = await routeTo(world, 'shop', BROKEN, 'two');
      const failure = await error(world.proxy.put(next, open()), 'proxy-refused');
      same([failure.code, failure.outcome], ['nginx', 'refused'], 'it is nginx that refused, and it is undone');
      await proved(world, route);
      const after = await hostOf(world, route.domain);
      same(
        [after.forward_port, after.advanced_config, after.block_exploits, after.meta],
        [before.forward_port, before.advanced_config, before.block_exploits, before.meta],
        'everything is as it was',
      );
    },
  },
  {
    name: 'a route that a person switched off points nowhere, and the next put switches it on',
    async holds(world) {
      const route = await routeTo(world, 'shop');
      await served(world, route);
      await person(world, 'POST', (await hostOf(world, route.domain)).id, undefined, '/disable');
      same((await value(world.proxy.get(route.domain, open())))?.targets, [], 'it sends nobody anywhere');
      await served(world, route);
      same((await hostOf(world, route.domain)).enabled, true, 'it is on');
    },
  },
  {
    name: 'a target that a person changed is told without an instance, and is not proved',
    async holds(world) {
      const route = await routeTo(world, 'shop');
      await served(world, route);
      const other = await world.serve('other');
      await person(world, 'PUT', (await hostOf(world, route.domain)).id, { forward_port: other.port });
      const held = await value(world.proxy.get(route.domain, open()));
      same(
        [held?.mark, held?.targets[0]?.instance, held?.targets[0]?.port],
        [route.mark, null, other.port],
        'as it is',
      );
      await error(world.proxy.prove(route, null, { ...open(), timeoutMs: 600 }), 'route-unproved');
    },
  },
  {
    name: 'a host with a domain more is still ours, and a put leaves that domain to it',
    async holds(world) {
      const route = await routeTo(world, 'shop');
      await served(world, route);
      const { id } = await hostOf(world, route.domain);
      const more = world.domain('also');
      await person(world, 'PUT', id, { domain_names: [route.domain, more] });
      await served(world, await routeTo(world, 'shop', {}, 'two'));
      same([...(await hostOf(world, more)).domain_names].sort(), [route.domain, more].sort(), 'both names are there');
      same(
        (await value(world.proxy.list({ storeId: world.storeId }, open()))).map(({ domain }) => domain),
        [route.domain],
        'the list has the domain that is ours',
      );
      await error(world.proxy.put({ ...route, domain: more, mark: `${world.storeId}-also` }, open()), 'domain-taken');
    },
  },
  {
    name: 'upper case at the proxy is the same domain, and somebody else’s stays theirs',
    async holds(world) {
      const route = await routeTo(world, 'shop');
      await world.npm.person('POST', '/nginx/proxy-hosts', {
        domain_names: [route.domain.replace(SUFFIX, SUFFIX.toUpperCase())],
        forward_scheme: 'http',
        forward_host: '127.0.0.1',
        forward_port: 9,
      });
      await error(world.proxy.put(route, open()), 'domain-taken');
      const held = await value(world.proxy.get(route.domain, open()));
      same([held?.mark, held?.targets[0]?.port], [null, 9], 'it is seen as it is');
    },
  },
  {
    name: 'an upgraded connection outlives changes of its own route and of others',
    async holds(world) {
      const route = await routeTo(world, 'shop');
      await served(world, route);
      const socket = await upgrade(world, route.domain);
      try {
        same(await echo(socket, 'before'), 'shop:before', 'it is connected');
        await served(world, await routeTo(world, 'shop', {}, 'two'));
        await served(world, await routeTo(world, 'other'));
        same(await echo(socket, 'after'), 'shop:after', 'it is still connected, to the instance that it began with');
      } finally {
        socket.destroy();
      }
    },
  },
  {
    name: 'what would break out of the configuration, or is no domain, is refused before anything is sent',
    async holds(world) {
      const route = await routeTo(world, 'shop');
      const [target] = route.targets;
      holds(target, 'there is a target');
      const wrong: Route[] = [
        ...['a..b.test', '-a.test', '*.a.test', 'A.test', `${'a'.repeat(64)}.test`, 'a b.test', 'a"b.test', ''].map(
          (domain) => ({ ...route, domain }),
        ),
        ...['a"; return 444; #', 'http://a', 'a/b', '::1;', ''].map((host) => ({
          ...route,
          targets: [{ ...target, host }],
        })),
        ...[0, 65_536, 1.5, Number.NaN].map((port) => ({ ...route, targets: [{ ...target, port }] })),
        ...['a"b', 'a b', '$host', ''].map((instance) => ({ ...route, targets: [{ ...target, instance }] })),
        { ...route, targets: [] },
      ];
      for (const each of wrong) await error(world.proxy.put(each, open()), 'proxy-refused', JSON.stringify(each));
      same(await value(world.proxy.list({ storeId: world.storeId }, open())), [], 'nothing is held');
    },
  },
  {
    name: 'a wrong secret is `proxy-denied`, says so, and does not show it',
    async holds({ npm, domain }) {
      const secret = 'surely-not-the-secret';
      const proxy = nginxProxyManager({ ...npm.options, secret });
      holds(proxy.isOk(), 'the options are fine');
      const failure = await error(proxy.value.get(domain('shop'), open()), 'proxy-denied');
      same(failure.code, 'login', 'it is the login');
      holds(!JSON.stringify(failure).includes(secret), 'the secret is not shown');
      await proxy.value.close?.();
    },
  },
];

export const behaves = (it: It, openWorld: () => Promise<Harness<World>>): void =>
  conforms(it, behaviourLaws, openWorld);

// --- upgraded connections -----------------------------------------------------------------------------------------------

type Socket = ReturnType<typeof connect>;

function upgrade({ npm }: World, domain: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(npm.frontDoor.port || 80), npm.frontDoor.hostname);
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')));
    socket.once('error', reject);
    socket.once('data', (chunk) =>
      String(chunk).startsWith('HTTP/1.1 101') ? resolve(socket) : reject(new Error(String(chunk).slice(0, 200))),
    );
    socket.write(`GET / HTTP/1.1\r\nHost: ${domain}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
  });
}

function echo(socket: Socket, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once('data', (chunk) => resolve(String(chunk)));
    socket.once('close', () => reject(new Error('the connection was closed')));
    socket.write(text);
  });
}
