/**
 * What is nobody's business: containers and routes of others, and some that carry this store's mark and belong to no record, as after a
 * restored backup. All of it is to be there in the end, as it was.
 */
import type { MemoryContainer } from './core.js';
import type { SimulatedEngine } from './world.js';

export interface Stranger {
  readonly what: string;
  /** As text: what has changed is seen by it. */
  readonly was: string;
  now(): string;
}

const DEPLOYMENTS = { others: '01aaaaaaaaaaaaaaaa', unowned: '01bbbbbbbbbbbbbbbb' } as const;

/** Brings them into an engine and its proxy, before anybody else is there. */
export function moveIn({ engine, proxy }: SimulatedEngine, storeId: string): Stranger[] {
  const strangers: Stranger[] = [];
  const settles = (what: string, now: () => string) => strangers.push({ what, was: now(), now });
  const containers: readonly [name: string, storeId: string, deployment: string][] = [
    ['shop-dev-v1-of-somebody', '', ''],
    [`shop-dev-v1-${DEPLOYMENTS.others}`, 'another00000', DEPLOYMENTS.others],
    [`shop-dev-v1-${DEPLOYMENTS.unowned}`, storeId, DEPLOYMENTS.unowned],
  ];
  for (const [name, of, deployment] of containers) {
    const container = stranger(name, { storeId: of, deployment });
    engine.containers.set(name, container);
    settles(name, () => `${engine.containers.get(name) === container} ${container.state}`);
  }
  const routes: readonly [domain: string, mark: string | null][] = [
    ['www.somebody.test', null],
    ['stage-dev-else.apps.test', 'another00000-0123456789abcdef'],
    ['stage-old-shop.apps.test', `${storeId}-0123456789abcdef`],
  ];
  for (const [domain, mark] of routes) {
    proxy.disturb(domain, { domain, mark, targets: [{ instance: DEPLOYMENTS.unowned, host: '192.0.2.9', port: 80 }] });
    settles(domain, () => JSON.stringify(proxy.routes.get(domain) ?? null));
  }
  return strangers;
}

function stranger(name: string, owner: { storeId: string; deployment: string }): MemoryContainer {
  const spec = { name, owner, project: 'shop', stage: 'dev', tag: 'v1', image: 'stranger', port: null, expose: [] };
  return {
    spec: { ...spec, restart: 'no', ports: [], networks: [], env: {} } as unknown as MemoryContainer['spec'],
    networks: new Set(),
    state: 'exited',
    address: '',
    hostPort: 0,
    startedMs: 0,
    exitCode: 0,
    oomKilled: false,
    restarts: 0,
    lines: [],
    cancelExit: undefined,
  };
}
