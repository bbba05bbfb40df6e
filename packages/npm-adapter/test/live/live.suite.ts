/**
 * The laws and the behaviour, against a live Nginx Proxy Manager: `npm run test:npm-live`. It makes only domains under
 * `.quayside.test`, removes them, and looks at the end whether everything else is as it was.
 */
import { connect } from 'node:net';
import { type Harness, type Law, proxyManagerLaws } from '@quayside/core/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { behaviourLaws } from '../suite/behaviour.js';
import { hostsOf, type Npm, openWorld, type PersonsHost, SUFFIX, type World } from '../support/world.js';

const env = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run this by \`npm run test:npm-live\`.`);
  return value;
};
const isForeign = (host: PersonsHost) => !host.domain_names.every((name) => name.toLowerCase().endsWith(SUFFIX));

let npm: Npm;
let foreign: PersonsHost[];

beforeAll(async () => {
  npm = await live();
  const hosts = await hostsOf(npm);
  foreign = hosts.filter(isForeign);
  // What a run that was killed has left.
  for (const { id } of hosts.filter((host) => !isForeign(host))) await npm.person('DELETE', `/nginx/proxy-hosts/${id}`);
});

describe('a live Nginx Proxy Manager', () => {
  const keeps = (laws: readonly Law<World>[]) => {
    for (const law of laws) {
      it(law.name, async (context) => {
        const world: Harness<World> = await openWorld(npm);
        try {
          const why = law.exempt?.(world);
          if (why !== undefined) context.skip(why);
          await law.holds(world);
        } finally {
          await world.close();
        }
      });
    }
  };
  describe('keeps the laws of ProxyManager', () => keeps(proxyManagerLaws));
  describe('behaves', () => keeps(behaviourLaws));

  it('is left as it was: nothing of ours is there, and everybody else’s hosts are untouched', async () => {
    const hosts = await hostsOf(npm);
    expect(hosts.filter((host) => !isForeign(host)).map(({ domain_names }) => domain_names)).toEqual([]);
    expect(hosts).toEqual(foreign);
  });
});

async function live(): Promise<Npm> {
  const [url, identity, secret] = [env('NPM_URL'), env('NPM_IDENTITY'), env('NPM_SECRET')];
  const base = new URL(`${url.replace(/\/+$/, '').replace(/\/api$/, '')}/api`);
  const frontDoor = new URL(process.env['NPM_FRONT_DOOR'] || `http://${base.hostname}`);
  const appHost = process.env['NPM_APP_HOST'] || (await localAddressTo(base));

  const call = async (method: string, path: string, token: string | null, body: unknown): Promise<unknown> => {
    const response = await fetch(`${base.href}${path}`, {
      method,
      headers: {
        'Content-Type': 'application/json',
        Connection: 'close',
        ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    const reply: unknown = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(reply)}`);
    return reply;
  };
  const { token } = (await call('POST', '/tokens', null, { identity, secret })) as { token?: string };
  if (!token) throw new Error('The user has two-factor login: these tests need one without it.');
  return {
    options: { url, identity, secret, frontDoor: frontDoor.href },
    frontDoor,
    appHost,
    person: (method, path, body) => call(method, path, token, body),
  };
}

/** The address of this machine that faces the proxy: where it reaches the tests' apps, as long as no container is between. */
function localAddressTo(url: URL): Promise<string> {
  return new Promise((resolve, reject) => {
    const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
    const socket = connect(port, url.hostname, () => {
      resolve(socket.localAddress ?? '127.0.0.1');
      socket.destroy();
    });
    socket.on('error', reject);
  });
}
