/** The ports that a host has given: each itself, or the answer of a factory, whose error is one of the configuration's. */
import type { Issue } from '../domain/errors.js';
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

/** Unwraps them all, and reports everything that is wrong. */
export function takePorts(options: Partial<DeployerOptions>, issues: Issue[]): GivenPorts {
  const take = <Port>(path: string, given: unknown, what: string, methods: readonly string[], isNeeded: boolean) =>
    takePort<Port>(given, { path, what, methods, isNeeded }, issues);
  const given = options.notifiers ?? [];
  if (!Array.isArray(given))
    issues.push({ path: 'notifiers', expected: 'an array of Notifiers', received: typeof given });
  const notifiers = (Array.isArray(given) ? (given as readonly unknown[]) : []).flatMap((each, index) => {
    const path = `notifiers[${index}]`;
    return takePort<Notifier>(each, { path, what: 'a Notifier', methods: ['notify'], isNeeded: true }, issues) ?? [];
  });
  notifiers.forEach(({ name }, index) => {
    if (notifiers.findIndex((other) => other.name === name) !== index)
      issues.push({ path: `notifiers[${index}].name`, expected: 'a name of its own', received: JSON.stringify(name) });
  });
  return {
    runtime: take<ContainerRuntime>(
      'runtime',
      options.runtime,
      'a ContainerRuntime, such as dockerRuntime()',
      ['create', 'inspect', 'describe'],
      true,
    ),
    proxy:
      take<ProxyManager>(
        'proxy',
        options.proxy,
        'a ProxyManager, such as embeddedProxy()',
        ['put', 'prove', 'describe'],
        false,
      ) ?? null,
    store: take<Store>('store', options.store, 'a Store, such as sqliteStore()', ['commit', 'list', 'storeId'], true),
    probe: take<HealthProbe>('probe', options.probe, 'a HealthProbe, such as httpProbe()', ['check'], true),
    registry: take<Registry>('registry', options.registry, 'a Registry', ['resolve', 'tags'], false) ?? null,
    notifiers,
  };
}

interface Expected {
  readonly path: string;
  readonly what: string;
  readonly methods: readonly string[];
  readonly isNeeded: boolean;
}

interface ResultLike {
  isOk(): boolean;
  readonly value?: unknown;
  readonly error?: { readonly message?: string; readonly issues?: readonly Issue[] };
}

function takePort<Port>(given: unknown, expected: Expected, issues: Issue[]): Port | undefined {
  const { path, what, methods } = expected;
  if (given === undefined || given === null) {
    if (expected.isNeeded) issues.push({ path, expected: what, received: String(given ?? 'nothing') });
    return undefined;
  }
  if (isResult(given)) {
    if (given.isOk()) return takePort<Port>(given.value, expected, issues);
    const { error } = given;
    issues.push(...(error?.issues ?? [{ path, expected: what, received: `an error: ${error?.message ?? 'unknown'}` }]));
    return undefined;
  }
  const missing = methods.filter((name) => typeof (given as Record<string, unknown>)[name] !== 'function');
  if (missing.length === 0) return given as Port;
  issues.push({
    path,
    expected: what,
    received: `${typeof given === 'object' ? 'an object' : typeof given} without ${missing.join(', ')}`,
  });
  return undefined;
}

const isResult = (value: unknown): value is ResultLike =>
  typeof value === 'object' && value !== null && 'isOk' in value && typeof value.isOk === 'function';
