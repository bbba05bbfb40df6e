/** The proxies that a deployer drives in the benches, each with a front door on loopback. */
import { hostname } from 'node:os';
import { haproxy } from '../../packages/haproxy-adapter/src/index.js';
import { PROOF_KEY, startHaproxy } from '../../packages/haproxy-adapter/test/support/world.js';
import { nginxProxyManager } from '../../packages/npm-adapter/src/index.js';
import type { Field, FieldOptions } from '../../test/support/field.js';
import { startContractServerProcess } from './contract-server.js';

export interface Door extends AsyncDisposable {
  /** What a deployer needs to drive it. */
  readonly options: FieldOptions;
  /** What the app behind it is told. */
  readonly appEnv?: readonly string[];
  /** Where visitors come in: known once there is a deployer. */
  frontDoor(): { readonly host: string; readonly port: number };
}

function embeddedDoor(field: Field): Promise<Door> {
  return Promise.resolve({
    options: {},
    frontDoor: () => field.frontDoor,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

async function haproxyDoor(): Promise<Door> {
  // As many as the configuration has by default: left ones are emptied only after a while, and here stages move many times a second.
  const running = await startHaproxy({ slots: 512 });
  const proxy = haproxy({
    socket: running.socket,
    map: running.map,
    frontDoor: `http://127.0.0.1:${running.port}`,
    proofKey: PROOF_KEY,
  });
  return {
    options: { options: { proxy } },
    frontDoor: () => ({ host: '127.0.0.1', port: running.port }),
    [Symbol.asyncDispose]: () => running.stop(),
  };
}

/** The contract server and its real nginx. */
async function npmDoor(): Promise<Door> {
  const server = await startContractServerProcess();
  const { http } = server.frontDoor;
  const proxy = nginxProxyManager({
    url: server.url,
    identity: server.admin.email,
    secret: server.admin.secret,
    frontDoor: server.frontDoor,
    // It stands on the engine's machine, and not in a container.
    reaches: [{ kind: 'address', node: hostname() }],
  });
  return {
    options: { options: { proxy } },
    // Its nginx opens a connection for each request and closes it, whoever asks: a machine has only so many ports for those that wait out their end.
    appEnv: ['APP_CLOSES=yes'],
    frontDoor: () => ({ host: '127.0.0.1', port: Number(new URL(http).port) }),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/** What opens them, by the proxies' names. */
export const DOORS = {
  embedded: embeddedDoor,
  haproxy: haproxyDoor,
  'nginx proxy manager': npmDoor,
} as const satisfies { readonly [name: string]: (field: Field) => Promise<Door> };
