/** `certificate: 'request'`: what is there is used, what is not is requested, and a request that fails leaves everything as it was. */
import { type ProxyManager, type Route, unwrap } from '@quayside/core/ports';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type NginxProxyManagerOptions, nginxProxyManager } from '../src/index.js';
import { type ContractServer, type ContractServerOptions, startContractServer } from './support/contract-server.js';
import { fromContract, openWorld } from './support/world.js';

const GET = { method: 'GET', path: '/', headers: {}, expectStatus: [[200, 299]] } as const;
const open = () => ({ signal: new AbortController().signal });

let server: ContractServer;
let world: Awaited<ReturnType<typeof openWorld>>;

async function start(options: ContractServerOptions = {}, more: Partial<NginxProxyManagerOptions> = {}) {
  server = await startContractServer(options);
  world = await openWorld(fromContract(server), more);
  return world.proxy;
}
let proxy: ProxyManager;
beforeEach(async () => {
  proxy = await start();
});
afterEach(async () => {
  await world.close();
  await server.close();
  expect(server.violations).toEqual([]);
});

async function routeTo(name: string, instance = name, options: Route['options'] = {}): Promise<Route> {
  const { host, port } = await world.serve(instance);
  return { domain: world.domain(name), mark: `${world.storeId}-${name}`, targets: [{ instance, host, port }], options };
}
const REQUEST = { certificate: 'request', forceHttps: true };
const row = ({ domain }: Route) =>
  [...server.records.hosts.values()].find((host) => host.domain_names.includes(domain));
const certificates = () => [...server.records.certificates.values()];
const requests = () =>
  server.calls.filter(({ method, path }) => method === 'POST' && path.startsWith('/nginx/certificates'));

describe('a route that asks for a certificate', () => {
  it('gets one before there is a host, is proved over it, and keeps it through every later put', async () => {
    const route = await routeTo('shop', 'one', REQUEST);
    await unwrap(proxy.put(route, open()));
    await unwrap(proxy.prove(route, GET, open()));
    const [issued] = certificates();
    expect(issued).toMatchObject({ provider: 'letsencrypt', domain_names: [route.domain] });
    expect(row(route)).toMatchObject({ certificate_id: issued?.id, ssl_forced: true });
    const order = server.calls.filter(({ method }) => method === 'POST').map(({ path }) => path);
    expect(order.indexOf('/nginx/certificates')).toBeLessThan(order.indexOf('/nginx/proxy-hosts'));
    const next = await routeTo('shop', 'two', REQUEST);
    await unwrap(proxy.put(next, open()));
    await unwrap(proxy.put(next, open()));
    await unwrap(proxy.prove(next, GET, open()));
    expect(requests()).toHaveLength(1);
    expect(row(route)).toMatchObject({ certificate_id: issued?.id });
  });

  it('uses one that is there, a wildcard or somebody’s own too, and the host’s own first', async () => {
    const route = await routeTo('shop', 'one', REQUEST);
    const wildcard = await server.addCertificate(route.domain.replace(/^[^.]+/, '*'));
    await unwrap(proxy.put(route, open()));
    expect(row(route)).toMatchObject({ certificate_id: wildcard });
    const own = await server.addCertificate(route.domain);
    const host = row(route);
    await server.asPerson('PUT', `/nginx/proxy-hosts/${host?.id}`, { certificate_id: own });
    await unwrap(proxy.put(await routeTo('shop', 'two', REQUEST), open()));
    expect(row(route)).toMatchObject({ certificate_id: own });
    expect(requests()).toHaveLength(0);
  });

  it('requests a new one where what is there has ended, is for others, or was never issued', async () => {
    const route = await routeTo('shop', 'one', REQUEST);
    const ended = await server.addCertificate(route.domain);
    const old = server.records.certificates.get(ended);
    if (old) old.expires_on = new Date(Date.now() - 1000).toISOString();
    await server.addCertificate(`not-${route.domain}`);
    server.records.insertCertificate(server.admin.id, 'letsencrypt', [route.domain]);
    await unwrap(proxy.put(route, open()));
    expect(requests()).toHaveLength(1);
    expect(row(route)?.certificate_id).toBe(certificates().at(-1)?.id);
    // A number that is written as the product's older versions do.
    const used = certificates().at(-1);
    if (used) used.expires_on = used.expires_on.replace('T', ' ').replace(/\..*/, '');
    await unwrap(proxy.put(await routeTo('shop', 'two', REQUEST), open()));
    expect(requests()).toHaveLength(1);
  });
});

describe('a request for a certificate that fails', () => {
  it('is told, and leaves neither a host nor a record where there was none', async () => {
    server.setAuthority(false);
    const route = await routeTo('shop', 'one', REQUEST);
    const error = (await proxy.put(route, open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ code: 'certificate', outcome: 'refused', retryable: true });
    expect(error.message).toContain(`no certificate for ${route.domain}`);
    expect(error.message).toContain('as it was');
    expect(row(route)).toBeUndefined();
    expect(certificates()).toEqual([]);
    server.setAuthority(true);
    await unwrap(proxy.put(route, open()));
    expect(row(route)).toMatchObject({ ssl_forced: true });
  });

  it('leaves a host that serves as it was, and somebody’s certificates alone', async () => {
    const before = await routeTo('shop', 'one');
    await unwrap(proxy.put(before, open()));
    await unwrap(proxy.prove(before, GET, open()));
    const held = structuredClone(row(before));
    const others = await server.addCertificate('other.test');
    server.setAuthority(false);
    const error = (await proxy.put(await routeTo('shop', 'two', REQUEST), open()))._unsafeUnwrapErr();
    expect(error.code).toBe('certificate');
    const { modified_on: _, ...now } = row(before) ?? { modified_on: '' };
    const { modified_on: __, ...then } = held ?? { modified_on: '' };
    expect(now).toEqual(then);
    await unwrap(proxy.prove(before, GET, open()));
    expect(await world.request(before.domain)).toEqual({ status: 200, instance: 'one' });
    expect(certificates().map(({ id }) => id)).toEqual([others]);
  });

  it('says so where the user may not manage certificates', async () => {
    const user = server.addUser({ certificates: 'hidden' });
    const limited = await unwrap(
      nginxProxyManager({ ...fromContract(server).options, identity: user.email, secret: user.secret }),
    );
    const route = await routeTo('shop', 'one', REQUEST);
    const error = (await limited.put(route, open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'proxy-denied', code: 'permission' });
    expect(error.hint).toContain('manage certificates');
    expect(row(route)).toBeUndefined();
    await unwrap(limited.put(await routeTo('shop', 'one'), open()));
    await limited.close?.();
  });
});

describe('a request for a certificate that takes its time', () => {
  beforeEach(async () => {
    await world.close();
    await server.close();
    proxy = await start({ issueMs: 1_200 }, { answerTimeout: 500, writeTimeout: 3_000, certificateTimeout: 3_000 });
  });

  it('has a limit of its own', async () => {
    const route = await routeTo('shop', 'one', REQUEST);
    await unwrap(proxy.put(route, open()));
    expect(row(route)).toMatchObject({ certificate_id: certificates()[0]?.id });
  });

  it('is not made twice where its answer is lost: the certificate that comes is used', async () => {
    server.fail({ on: 'POST /nginx/certificates', when: 'after', how: 'reset' });
    const route = await routeTo('shop', 'one', REQUEST);
    await unwrap(proxy.put(route, open()));
    expect(requests()).toHaveLength(1);
    expect(row(route)).toMatchObject({ certificate_id: certificates()[0]?.id });
  });

  it('goes on although its caller has gone, and the next put finds what has come of it', async () => {
    const route = await routeTo('shop', 'one', REQUEST);
    const caller = new AbortController();
    const putting = proxy.put(route, { signal: caller.signal });
    setTimeout(() => caller.abort(), 600);
    expect((await putting)._unsafeUnwrapErr().kind).toBe('aborted');
    await unwrap(proxy.put(route, open()));
    expect(requests()).toHaveLength(1);
    expect(row(route)).toMatchObject({ certificate_id: certificates()[0]?.id });
  });

  it('that never ends is given up at its limit, with the route as it was', async () => {
    server.fail({ on: 'POST /nginx/certificates', how: 'hang' });
    const route = await routeTo('shop', 'one', REQUEST);
    const startedAt = performance.now();
    const error = (await proxy.put(route, open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'timeout', code: 'certificate' });
    expect(performance.now() - startedAt).toBeLessThan(6_500);
    expect(row(route)).toBeUndefined();
  });
});
