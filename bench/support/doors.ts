/** The proxies that a deployer drives in the benches, each with a front door on loopback. */
import { haproxy } from '../../packages/haproxy-adapter/src/index.js';
import { PROOF_KEY, startHaproxy } from '../../packages/haproxy-adapter/test/support/world.js';
import type { Field, FieldOptions } from '../../test/support/field.js';

export interface Door extends AsyncDisposable {
  readonly name: 'embedded' | 'haproxy';
  /** What a deployer needs to drive it. */
  readonly options: FieldOptions;
  /** Where visitors come in: known once there is a deployer. */
  frontDoor(): { readonly host: string; readonly port: number };
}

export function embeddedDoor(field: Field): Promise<Door> {
  return Promise.resolve({
    name: 'embedded',
    options: {},
    frontDoor: () => field.frontDoor,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

export async function haproxyDoor(): Promise<Door> {
  const running = await startHaproxy();
  const proxy = haproxy({
    socket: running.socket,
    map: running.map,
    frontDoor: `http://127.0.0.1:${running.port}`,
    proofKey: PROOF_KEY,
  });
  return {
    name: 'haproxy',
    options: { options: { proxy } },
    frontDoor: () => ({ host: '127.0.0.1', port: running.port }),
    [Symbol.asyncDispose]: () => running.stop(),
  };
}
