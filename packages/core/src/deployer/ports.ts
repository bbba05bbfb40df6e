/** The ports that a host has given: each itself, or the answer of a factory, whose error is one of the configuration's. */
import type { Issue } from '../domain/errors.js';
import { checkPlugin, ordered, type Placed } from '../plugins/order.js';
import type { Plugin } from '../plugins/types.js';
import type { ContainerRuntime } from '../ports/container-runtime.js';
import type { HealthProbe } from '../ports/health-probe.js';
import type { Notifier } from '../ports/notifier.js';
import type { ProxyManager } from '../ports/proxy-manager.js';
import type { Registry } from '../ports/registry.js';
import type { Store } from '../ports/store.js';
import type { DeployerOptions } from './types.js';

export interface GivenPorts {
  readonly runtime: ContainerRuntime | undefined;
  readonly proxy: ProxyManager | null;
  readonly store: Store | undefined;
  readonly probe: HealthProbe | undefined;
  readonly registry: Registry | null;
  readonly notifiers: readonly Notifier[];
}

/** What each is called, and by which of its methods it is known. */
const PORTS = {
  runtime: ['a ContainerRuntime, such as dockerRuntime()', 'create', 'inspect', 'describe'],
  proxy: ['a ProxyManager, such as embeddedProxy()', 'put', 'prove', 'describe'],
  store: ['a Store, such as sqliteStore()', 'commit', 'list', 'storeId'],
  probe: ['a HealthProbe, such as httpProbe()', 'check'],
  registry: ['a Registry', 'resolve', 'tags'],
  notifiers: ['a Notifier', 'notify'],
  plugins: ['a plugin, as definePlugin() makes it'],
} as const;
const NEEDED = ['runtime', 'store', 'probe'];

/** Unwraps them all, and reports everything that is wrong. */
export function takePorts(options: Partial<DeployerOptions>, issues: Issue[]): GivenPorts {
  const take = <Port>(key: keyof typeof PORTS): Port | undefined =>
    options[key] == null && !NEEDED.includes(key) ? undefined : takePort<Port>(options[key], key, key, issues);
  const given: unknown = options.notifiers ?? [];
  if (!Array.isArray(given))
    issues.push({ path: 'notifiers', expected: 'an array of Notifiers', received: typeof given });
  const notifiers = (Array.isArray(given) ? given : []).flatMap(
    (each, index) => takePort<Notifier>(each, 'notifiers', `notifiers[${index}]`, issues) ?? [],
  );
  notifiers.forEach(({ name }, index) => {
    if (notifiers.findIndex((other) => other.name === name) !== index)
      issues.push({ path: `notifiers[${index}].name`, expected: 'a name of its own', received: JSON.stringify(name) });
  });
  return {
    runtime: take('runtime'),
    proxy: take<ProxyManager>('proxy') ?? null,
    store: take('store'),
    probe: take('probe'),
    registry: take<Registry>('registry') ?? null,
    notifiers,
  };
}

/** In the order of what they depend on. */
export function takePlugins(given: unknown, issues: Issue[]): readonly Placed[] {
  if (given === undefined) return [];
  if (!Array.isArray(given)) {
    issues.push({ path: 'plugins', expected: 'an array of plugins', received: given === null ? 'null' : typeof given });
    return [];
  }
  const before = issues.length;
  const placed = given.flatMap((each: unknown, index): readonly Placed[] => {
    const path = `plugins[${index}]`;
    const plugin = takePort<Plugin>(each, 'plugins', path, issues);
    if (plugin === undefined) return [];
    if (typeof plugin === 'object') return [{ plugin, path }];
    const received = typeof plugin === 'function' ? 'a function: call it with its options' : `a ${typeof plugin}`;
    issues.push({ path, expected: PORTS.plugins[0], received });
    return [];
  });
  for (const each of placed) checkPlugin(each, issues);
  return issues.length === before ? ordered(placed, issues) : [];
}

interface ResultLike {
  isOk(): boolean;
  readonly value?: unknown;
  readonly error?: { readonly message?: string; readonly issues?: readonly Issue[] };
}

function takePort<Port>(given: unknown, key: keyof typeof PORTS, path: string, issues: Issue[]): Port | undefined {
  const [expected, ...methods] = PORTS[key];
  const wrong = (received: string): undefined => {
    issues.push({ path, expected, received });
  };
  if (given === undefined || given === null) return wrong(String(given ?? 'nothing'));
  if (isResult(given)) {
    if (given.isOk()) return takePort<Port>(given.value, key, path, issues);
    const { error } = given;
    if (!error?.issues) return wrong(`an error: ${error?.message ?? 'unknown'}`);
    issues.push(...error.issues);
    return undefined;
  }
  const missing = methods.filter((name) => typeof (given as Record<string, unknown>)[name] !== 'function');
  if (missing.length === 0) return given as Port;
  return wrong(`${typeof given === 'object' ? 'an object' : typeof given} without ${missing.join(', ')}`);
}

const isResult = (value: unknown): value is ResultLike =>
  typeof value === 'object' && value !== null && 'isOk' in value && typeof value.isOk === 'function';
