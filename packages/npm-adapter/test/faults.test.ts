/** What goes wrong at the API, and what is there afterwards: seen by the records, the front door and the requests that arrived. */
import { outcomeUnknown, type ProxyManager, type Route, unwrap } from '@quayside/core/ports';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type NginxProxyManagerOptions, nginxProxyManager } from '../src/index.js';
import { type ContractServer, startContractServer } from './support/contract-server.js';
import { ask, fromContract, openWorld, pause, type World } from './support/world.js';

const GET = { method: 'GET', path: '/', headers: {}, expectStatus: [[200, 299]] } as const;
const open = () => ({ signal: new AbortController().signal });

let server: ContractServer;
let world: Awaited<ReturnType<typeof openWorld>>;
let proxy: ProxyManager;

beforeEach(async () => {
  server = await startContractServer();
  world = await openWorld(fromContract(server));
  proxy = world.proxy;
});
afterEach(async () => {
  await world.close();
  await server.close();
  expect(server.violations).toEqual([]);
});

async function routeTo(name: string, instance = name, options: World['options'] = {}): Promise<Route> {
  const { host, port } = await world.serve(instance);
  return { domain: world.domain(name), mark: `${world.storeId}-${name}`, targets: [{ instance, host, port }], options };
}
async function served(route: Route): Promise<void> {
  await unwrap(proxy.put(route, open()));
  await unwrap(proxy.prove(route, GET, open()));
}
const row = (route: Route) =>
  [...server.records.hosts.values()].find((host) => host.domain_names.includes(route.domain));
const writes = () => server.calls.filter(({ method, path }) => method !== 'GET' && !path.startsWith('/tokens'));
const another = (more: Partial<NginxProxyManagerOptions>) =>
  unwrap(nginxProxyManager({ ...fromContract(server).options, ...more }));
const failure = async (result: ReturnType<ProxyManager['put']>) => (await result)._unsafeUnwrapErr();

describe('logging in', () => {
  it('asks for one token however many call at once, and keeps it', async () => {
    await Promise.all(Array.from({ length: 8 }, (_, index) => unwrap(proxy.get(`a${index}.test`, open()))));
    await unwrap(proxy.list({ storeId: world.storeId }, open()));
    expect(server.calls.filter(({ path }) => path === '/tokens')).toHaveLength(1);
  });

  it('renews a token before it ends, without the password', async () => {
    server.tokens.lifeMs = 4_000;
    await unwrap(proxy.get('a.test', open()));
    await pause(3_300);
    await unwrap(proxy.get('a.test', open()));
    const asked = server.calls.filter(({ path }) => path === '/tokens').map(({ method, status }) => [method, status]);
    expect(asked).toEqual([
      ['POST', 200],
      ['GET', 200],
    ]);
  });

  it.each([
    ['has expired (400)', () => server.tokens.expireAll()],
    ['is not known any more (500)', () => server.tokens.changeKeys()],
  ])(
    'logs in once more when the token %s, and repeats what it was about: reads, creates, updates, removals',
    async (_, spoil) => {
      const route = await routeTo('shop');
      await unwrap(proxy.get(route.domain, open()));
      spoil();
      await unwrap(proxy.get(route.domain, open()));
      // Between the look and the write: the write itself meets the dead token.
      const meets = async (on: string, call: () => PromiseLike<unknown>) => {
        const before = server.tokens.issued;
        const spy = spoilBefore(on, spoil);
        await call();
        spy();
        expect(server.tokens.issued, on).toBe(before + 1);
      };
      await meets('POST', () => unwrap(proxy.put(route, open())));
      const next = await routeTo('shop', 'two');
      await meets('PUT', () => unwrap(proxy.put(next, open())));
      await meets('DELETE', () => unwrap(proxy.remove(next, open())));
      expect(row(route)).toBeUndefined();
      expect(writes().filter(({ status }) => status < 300)).toHaveLength(3);
    },
  );

  it('gives up after the second login, and says that the user may not', async () => {
    const viewer = server.addUser({ proxyHosts: 'view' });
    const denied = await another({ identity: viewer.email, secret: viewer.secret });
    const route = await routeTo('shop');
    expect((await failure(denied.put(route, open()))).kind).toBe('proxy-refused'); // a create is answered 500, whatever the reason
    const hidden = server.addUser({ proxyHosts: 'hidden' });
    const blind = await another({ identity: hidden.email, secret: hidden.secret });
    expect(await failure(blind.put(route, open()))).toMatchObject({ kind: 'proxy-denied', code: 'permission' });
    expect(row(route)).toBeUndefined();
  });

  it('works for a user that may manage proxy hosts and nothing else', async () => {
    const user = server.addUser({});
    const own = await another({ identity: user.email, secret: user.secret });
    const route = await routeTo('shop');
    await unwrap(own.put(route, open()));
    await unwrap(own.prove(route, GET, open()));
    expect(await unwrap(own.remove(route, open()))).toBe('removed');
    // It does not see what others have, and is told that the domain is taken.
    await world.occupy(route.domain, await world.serve('theirs'));
    expect((await failure(own.put(route, open()))).kind).toBe('domain-taken');
    await own.close?.();
  });

  it('says that two-factor login is in the way, and what to do', async () => {
    const user = server.addUser({ twoFactor: true });
    const own = await another({ identity: user.email, secret: user.secret });
    const error = (await own.get('a.test', open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'proxy-denied', code: 'two-factor', retryable: false });
    expect(error.hint).toMatch(/without it/);
  });

  it('says that nobody has set it up yet, and that a disabled user is not let in', async () => {
    await unwrap(proxy.get('a.test', open()));
    server.admin.isDisabled = true;
    expect((await proxy.get('a.test', open()))._unsafeUnwrapErr()).toMatchObject({
      kind: 'proxy-denied',
      code: 'login',
    });
    const users = server.records.users.splice(0);
    expect((await proxy.get('a.test', open()))._unsafeUnwrapErr()).toMatchObject({ code: 'not-set-up' });
    server.records.users.push(...users);
    server.admin.isDisabled = false;
  });
});

describe('who answers', () => {
  it('says that nobody does, and that nothing has happened', async () => {
    const gone = await world.serve('gone');
    await gone.stop();
    const nobody = await another({ url: `http://127.0.0.1:${gone.port}` });
    const error = await failure(nobody.put(await routeTo('shop'), open()));
    expect(error).toMatchObject({ kind: 'proxy-unreachable', code: 'ECONNREFUSED', retryable: true });
    expect(outcomeUnknown(error)).toBe(false);
  });

  it('says that what answers is something else', async () => {
    const wrong = await another({ url: server.frontDoor.http });
    expect((await wrong.get('a.test', open()))._unsafeUnwrapErr()).toMatchObject({
      kind: 'proxy-refused',
      code: 'not-npm',
    });
  });

  it('has one identity however its address is written', async () => {
    const written = [server.url, `${server.url}/`, `${server.url}/api`, `${server.url.toUpperCase()}/api/`];
    const identities = written.map(async (url) => (await unwrap((await another({ url })).describe(open()))).identity);
    expect(new Set(await Promise.all(identities))).toEqual(new Set([server.url]));
    expect(await unwrap((await another({ url: `${server.url}/api/` })).get('a.test', open()))).toBeUndefined();
  });

  it('reads again over a broken connection or a gateway that is not ready', async () => {
    await served(await routeTo('shop'));
    for (const how of ['reset', 502] as const) {
      server.fail({ on: 'GET /nginx', how, times: 2 });
      expect((await unwrap(proxy.list({ storeId: world.storeId }, open()))).length).toBe(1);
    }
    server.fail({ on: 'GET /nginx', how: 502, times: 3 });
    expect((await proxy.get('a.test', open()))._unsafeUnwrapErr()).toMatchObject({
      kind: 'proxy-unreachable',
      retryable: true,
    });
  });
});

describe('a write whose answer says nothing', () => {
  it.each([
    ['500', 500, 'after'],
    ['500', 500, 'before'],
    ['502', 502, 'after'],
    ['reset', 'reset', 'after'],
    ['reset', 'reset', 'before'],
  ] as const)(
    'a create that is answered with %s (%s, %s it was done) ends with one host that serves',
    async (_, how, when) => {
      const route = await routeTo('shop');
      server.fail({ on: 'POST /nginx/proxy-hosts', how, when });
      await served(route);
      expect(
        [...server.records.hosts.values()].filter((host) => host.domain_names.includes(route.domain)),
      ).toHaveLength(1);
    },
  );

  it.each([
    [500, 'after'],
    [500, 'before'],
    [502, 'after'],
    ['reset', 'after'],
    ['reset', 'before'],
  ] as const)('an update that is answered with %s, %s it was done, ends served', async (how, when) => {
    await served(await routeTo('shop'));
    const next = await routeTo('shop', 'two');
    server.fail({ on: 'PUT /nginx/proxy-hosts', how, when });
    await served(next);
  });

  it.each([
    [500, 'after'],
    [500, 'before'],
    ['reset', 'after'],
    ['reset', 'before'],
  ] as const)('a removal that is answered with %s, %s it was done, ends with nothing', async (how, when) => {
    const route = await routeTo('shop');
    await served(route);
    server.fail({ on: 'DELETE /nginx/proxy-hosts', how, when });
    expect(await unwrap(proxy.remove(route, open()))).toBe('removed');
    expect(row(route)).toBeUndefined();
    expect((await world.request(route.domain)).instance).toBeNull();
  });

  it('a create that works and is not answered in time is found, and not made twice', async () => {
    const patient = await another({ answerTimeout: '1s' });
    const route = await routeTo('shop');
    server.fail({ on: 'POST /nginx/proxy-hosts', how: 'hang', when: 'after' });
    await unwrap(patient.put(route, open()));
    await unwrap(patient.prove(route, GET, open()));
    expect(writes().filter(({ method }) => method === 'POST')).toHaveLength(1);
    await patient.close?.();
  });

  it('a create that is not answered in time and not there is an unknown outcome: it may still come', async () => {
    const patient = await another({ answerTimeout: '300ms' });
    const route = await routeTo('shop');
    server.fail({ on: 'POST /nginx/proxy-hosts', how: 'hang' });
    const error = await failure(patient.put(route, open()));
    expect(error.kind).toBe('timeout');
    expect(outcomeUnknown(error)).toBe(true);
    expect(writes().filter(({ method }) => method === 'POST')).toHaveLength(1);
    await patient.close?.();
  });

  it('a change has a bound in all, and sends nothing after it', async () => {
    const hasty = await another({ answerTimeout: '10s', writeTimeout: '500ms' });
    await unwrap(hasty.get('a.test', open()));
    server.fail({ on: 'POST /nginx/proxy-hosts', how: 'hang', times: 9 });
    const begun = performance.now();
    const error = await failure(hasty.put(await routeTo('shop'), open()));
    expect(error.kind).toBe('timeout');
    expect(performance.now() - begun).toBeLessThan(900);
    const sent = server.calls.length;
    await pause(300);
    expect(server.calls.length).toBe(sent);
    await hasty.close?.();
  });
});

describe('nginx', () => {
  it('broken by somebody else: an update is taken back in the record, and what served goes on serving', async () => {
    const route = await routeTo('shop');
    await served(route);
    await server.nginx.break(true);
    const error = await failure(proxy.put(await routeTo('shop', 'two'), open()));
    expect(error).toMatchObject({ kind: 'proxy-refused', retryable: true, outcome: 'refused' });
    expect(error.message.split('failed at').length, 'the reason is given once').toBe(2);
    expect(row(route)?.forward_port).toBe(route.targets[0]?.port);
    await server.nginx.break(false);
    await unwrap(proxy.prove(route, GET, open()));
  });

  it('broken by somebody else: a create leaves nothing, although its row was kept', async () => {
    await server.nginx.break(true);
    const route = await routeTo('shop');
    const error = await failure(proxy.put(route, open()));
    expect(error).toMatchObject({ kind: 'proxy-refused', retryable: true, outcome: 'refused' });
    expect(row(route)).toBeUndefined();
    await server.nginx.break(false);
    await served(route);
  });

  it('broken by somebody else: a removal is not called done while requests still arrive, nor `absent` afterwards', async () => {
    const route = await routeTo('shop');
    await served(route);
    await server.nginx.break(true);
    const error = (await proxy.remove(route, open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'proxy-refused', code: 'still-served', outcome: 'unknown' });
    expect(row(route)).toBeUndefined();
    expect((await world.request(route.domain)).instance).toBe('shop');
    expect((await proxy.remove(route, open()))._unsafeUnwrapErr().code).toBe('still-served');
    await server.nginx.break(false);
    await server.nginx.reload();
    expect(await unwrap(proxy.remove(route, open()))).toBe('absent');
  });

  it('mended again: removing once more reloads it, where the store has a route left to do that with', async () => {
    const [route, other] = [await routeTo('shop'), await routeTo('other')];
    for (const each of [route, other]) await served(each);
    await server.nginx.break(true);
    expect((await proxy.remove(route, open()))._unsafeUnwrapErr().code).toBe('still-served');
    await server.nginx.break(false);
    const before = row(other);
    expect(await unwrap(proxy.remove(route, open()))).toBe('absent');
    expect((await world.request(route.domain)).instance).toBeNull();
    await unwrap(proxy.prove(other, GET, open()));
    expect({ ...row(other), modified_on: '' }).toEqual({ ...before, modified_on: '' });
  });

  it('a record that says so already is not believed: what was recorded and never applied is put again', async () => {
    const route = await routeTo('shop');
    await served(route);
    const next = await routeTo('shop', 'two');
    await server.nginx.freeze(true);
    await unwrap(proxy.put(next, open()));
    await server.nginx.freeze(false);
    await served(route);
    // Recorded by hand, with nginx looking away.
    server.nginx.freeze(true);
    await unwrap(proxy.put(next, open()));
    const frozen = writes().length;
    await unwrap(proxy.put(next, open()));
    expect(writes().length, 'the front door does not show it, so it is written again').toBe(frozen + 1);
    await server.nginx.freeze(false);
    await unwrap(proxy.prove(next, GET, open()));
    const steady = writes().length;
    await unwrap(proxy.put(next, open()));
    expect(writes().length, 'now it is there, and nothing is written').toBe(steady);
  });
});

describe('many at once', () => {
  it('writes one after another, and nobody meets the default page meanwhile', async () => {
    const routes = await Promise.all(Array.from({ length: 6 }, (_, index) => routeTo(`app-${index}`)));
    const steady = await routeTo('steady');
    await served(steady);
    const answers: (string | null)[] = [];
    let isOver = false;
    const visitor = (async () => {
      while (!isOver) answers.push((await world.request(steady.domain)).instance);
    })();
    await Promise.all(routes.map((route) => unwrap(proxy.put(route, open()))));
    const again = await Promise.all(routes.map(({ domain }, index) => routeTo(`app-${index}`, `new-${domain}`)));
    await Promise.all(again.map((route) => unwrap(proxy.put(route, open()))));
    await Promise.all(again.map((route) => unwrap(proxy.remove(route, open()))));
    isOver = true;
    await visitor;
    expect(server.mostWritesAtOnce).toBe(1);
    expect(answers.length).toBeGreaterThan(100);
    expect(answers.filter((instance) => instance !== 'steady')).toEqual([]);
  });

  it('who gives up while waiting is let go at once, and nothing of it is sent', async () => {
    const [first, second] = [await routeTo('first'), await routeTo('second')];
    const controller = new AbortController();
    const puts = [proxy.put(first, open()), proxy.put(second, { signal: controller.signal })] as const;
    controller.abort();
    const error = (await puts[1])._unsafeUnwrapErr();
    expect(error.kind).toBe('aborted');
    expect((await puts[0]).isOk()).toBe(true);
    await unwrap(proxy.get(first.domain, open()));
    expect(row(second)).toBeUndefined();
  });

  it('who gives up in the middle of a refused update does not leave the route down', async () => {
    const route = await routeTo('shop');
    await served(route);
    const controller = new AbortController();
    const put = proxy.put(await routeTo('shop', 'two', { advancedConfig: 'no_such_directive;' }), {
      signal: controller.signal,
    });
    for (let round = 0; round < 400 && !server.calls.some(({ method }) => method === 'PUT'); round += 1) await pause(2);
    controller.abort();
    const error = (await put)._unsafeUnwrapErr();
    expect([error.kind, outcomeUnknown(error)]).toEqual(['aborted', true]);
    await unwrap(proxy.prove(route, GET, open()));
    expect(row(route)?.advanced_config).not.toContain('no_such_directive');
  });

  it('a close ends what hangs, and leaves no connection behind', async () => {
    const own = await another({});
    await unwrap(own.get('a.test', open()));
    server.fail({ on: 'GET /nginx', how: 'hang', times: 9 });
    server.fail({ on: 'POST /nginx', how: 'hang', times: 9 });
    const calls = [own.get('a.test', open()), own.list({ storeId: 'x' }, open())];
    const proof = own.prove(await routeTo('shop'), GET, { ...open(), timeoutMs: 60_000 });
    await pause(100);
    const begun = performance.now();
    await unwrap((own.close as NonNullable<ProxyManager['close']>)());
    for (const call of [...calls, proof]) expect((await call)._unsafeUnwrapErr().kind).toBe('closed');
    expect(performance.now() - begun).toBeLessThan(1_000);
  });
});

describe('certificates and access lists', () => {
  it('proves a route that is sent to HTTPS there, by the name that visitors ask for', async () => {
    const domain = world.domain('shop');
    const certificate = await server.addCertificate(domain);
    const route = await routeTo('shop', 'shop', { certificate, forceHttps: true });
    await served(route);
    expect(await world.request(domain)).toEqual({ status: 301, instance: null });
    expect(row(route)).toMatchObject({ certificate_id: certificate, ssl_forced: true });
    const next = await routeTo('shop', 'two', { certificate, forceHttps: true });
    await served(next);
    expect(await unwrap(proxy.remove(next, open()))).toBe('removed');
    const plain = await routeTo('shop', 'three');
    await served(plain);
  });

  it('proves a route behind an access list by its instance: the app does not answer strangers', async () => {
    const accessList = await server.addAccessList({ users: [{ name: 'ann', password: 'x' }] });
    const route = await routeTo('shop', 'shop', { accessList });
    await served(route);
    expect((await world.request(route.domain)).status).toBe(401);
    // The app's own 401 proves nothing.
    const { host, port } = await world.serve('strict', { status: 401 });
    const strict = { ...(await routeTo('strict')), targets: [{ instance: 'strict', host, port }] };
    await unwrap(proxy.put(strict, open()));
    const error = (await proxy.prove(strict, GET, { ...open(), timeoutMs: 800 }))._unsafeUnwrapErr();
    expect(error.message).toContain('401');
  });

  it('does not tell strangers where the instance is', async () => {
    const route = await routeTo('shop');
    await served(route);
    const { body: text } = await ask(world.npm.frontDoor, route.domain, '/.well-known/quayside-instance');
    expect(text).toBe('quayside shop');
    expect(text).not.toContain(String(route.targets[0]?.port));
  });
});

/** Runs something just before the next request of that method is looked at by the API. */
function spoilBefore(method: string, spoil: () => void): () => void {
  const push = server.calls.push.bind(server.calls);
  let isDone = false;
  server.calls.push = (...calls) => {
    if (!isDone && calls.some((call) => call.method === method && call.path.startsWith('/nginx'))) {
      isDone = true;
      spoil();
    }
    return push(...calls);
  };
  return () => {
    server.calls.push = push;
    expect(isDone, `a ${method} was sent`).toBe(true);
  };
}
