/** A stage in maintenance behind a real nginx: what its visitors get beyond what the laws look at. */
import { connect } from 'node:net';
import { unwrap } from '@quayside/core/ports';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { browse } from '../../../test/support/visitor.js';
import { type ContractServer, startContractServer } from './support/contract-server.js';
import { fromContract, openWorld } from './support/world.js';

const GET = { method: 'GET', path: '/deep?x=1', headers: { 'x-check': 'yes' }, expectStatus: [[200, 299]] as const };
const HOLDING = { message: 'Back at ten.', retryAfterMs: 90_000 };
const open = () => ({ signal: new AbortController().signal });

let server: ContractServer;
beforeAll(async () => {
  server = await startContractServer();
});
afterAll(() => server.close());

async function held() {
  const world = await openWorld(fromContract(server));
  onTestFinished(() => world.close());
  const seen: { readonly url: string; readonly headers: NodeJS.Dict<string | string[]> }[] = [];
  const app = await world.serve('one', {
    onRequest: ({ url = '', headers }) => void seen.push({ url, headers }),
  });
  const domain = world.domain('shop');
  const targets = [{ instance: 'one', host: app.host, port: app.port }];
  const lifted = { domain, mark: `${world.storeId}-shop`, targets, options: {} };
  const put = { ...lifted, holding: HOLDING };
  const at = { host: '127.0.0.1', port: server.nginx.ports.http };
  await unwrap(world.proxy.put(lifted, open()));
  const { id } = (await world.hostOf(domain)) ?? { id: 0 };
  const person = (advanced_config: string) => world.npm.person('PUT', `/nginx/proxy-hosts/${id}`, { advanced_config });
  const configuration = async () => (await world.hostOf(domain))?.advanced_config ?? '';
  return { world, seen, domain, lifted, put, at, person, configuration };
}

it('what a person has written is held as well, survives, and is all that is left afterwards', async () => {
  const { world, seen, domain, lifted, put, at, person, configuration } = await held();
  const own = 'location /mine { return 200 "mine"; }\nlocation ~ \\.php$ { return 200 "php"; }';
  await person(`${own}\n${await configuration()}`);
  await unwrap(world.proxy.put(put, open()));
  await unwrap(world.proxy.prove(put, GET, open()));
  const before = seen.length;
  for (const path of ['/', '/mine', '/a.php', '/.well-known/acme-challenge/x', '/.well-known/acme-challenge/../x']) {
    const { status, headers, body } = await browse(at, domain, { path });
    expect([path, status, headers['retry-after'], headers['cache-control']]).toEqual([path, 503, '90', 'no-store']);
    expect(body).toContain('<p>Back at ten.</p>');
  }
  expect(seen).toHaveLength(before);
  expect(await configuration()).toContain(own);
  await unwrap(world.proxy.put(lifted, open()));
  await unwrap(world.proxy.prove(lifted, GET, open()));
  expect(await configuration()).toContain(own);
  expect(await configuration()).not.toMatch(/503|quayside-(held|pass)/);
  expect((await browse(at, domain, { path: '/mine' })).body).toBe('mine');
});

it('a proof asks the app just what it is asked for, and no visitor passes by its way', async () => {
  const { world, seen, domain, put, at, configuration } = await held();
  await unwrap(world.proxy.put(put, open()));
  seen.splice(0);
  await unwrap(world.proxy.prove(put, GET, open()));
  expect(seen.map(({ url }) => url)).toEqual(['/deep?x=1']);
  expect(seen[0]?.headers).toMatchObject({ host: domain, 'x-check': 'yes', 'x-forwarded-proto': 'http' });
  expect(Object.keys(seen[0]?.headers ?? {}).filter((name) => name.includes('quayside'))).toEqual([]);
  const word = /pass != "([\w-]+)"/.exec(await configuration())?.[1];
  expect(word).toMatch(/^[\w-]{32}$/);
  seen.splice(0);
  expect((await browse(at, domain, { path: '/.well-known/quayside-pass' })).status).toBe(404);
  expect(seen).toEqual([]);
  await unwrap(world.proxy.put({ ...put, holding: { ...HOLDING, message: 'Back at noon.' } }, open()));
  expect(await configuration()).toContain(`"${word}"`);
});

it('a WebSocket is refused like a page', async () => {
  const { world, seen, domain, put, at } = await held();
  await unwrap(world.proxy.put(put, open()));
  await unwrap(world.proxy.prove(put, null, open()));
  const said = await new Promise<string>((resolve, reject) => {
    const socket = connect(at.port, at.host);
    socket.once('error', reject);
    socket.once('data', (chunk) => {
      socket.destroy();
      resolve(String(chunk));
    });
    socket.write(`GET /ws HTTP/1.1\r\nHost: ${domain}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
  });
  expect(said).toMatch(/^HTTP\/1\.1 503 [\s\S]*retry-after: 90/i);
  expect(seen).toEqual([]);
});

it('who takes the lines out at the web page has let visitors in: get says so, and nothing is proved', async () => {
  const { world, domain, put, person, configuration } = await held();
  await unwrap(world.proxy.put(put, open()));
  await unwrap(world.proxy.prove(put, null, open()));
  await person((await configuration()).replace(/^if [\s\S]*?^}$/m, '').replace(/ holding \S+?"/, '"'));
  expect((await unwrap(world.proxy.get(domain, open())))?.holding).toBeUndefined();
  const proof = await world.proxy.prove(put, null, { ...open(), timeoutMs: 500 });
  expect(proof._unsafeUnwrapErr()).toMatchObject({ kind: 'route-unproved' });
  await unwrap(world.proxy.put(put, open()));
  await unwrap(world.proxy.prove(put, null, open()));
});
