import { describeEndpoint, matchEndpoint, type ProxyDescription } from '@quayside/core/ports';
import type { Check } from './checks.js';
import { failed, failure, good, skipped } from './finding.js';
import { portOf } from './ports.js';

export const checkEngine: Check = async ({ deployer, options }, signal) => {
  const runtime = portOf(options.runtime);
  if (!runtime) return [skipped('engine', 'none is configured')];
  const described = await runtime.describe({ signal });
  if (described.isErr()) return [failure('engine', described.error)];
  const listed = await runtime.list({ storeId: deployer.storeId }, { signal });
  if (listed.isErr()) return [failure('engine', listed.error)];
  const count = listed.value.length === 1 ? '1 container' : `${listed.value.length} containers`;
  return [good('engine', `${described.value.identity} answers, and has ${count} of ours`)];
};

/** Whether the proxy and the probe can reach what the engine offers: without that, every deployment is refused. */
export const checkNetwork: Check = async ({ options }, signal) => {
  const runtime = portOf(options.runtime);
  const described = runtime && (await runtime.describe({ signal }));
  if (!described?.isOk()) return [skipped('network', 'the engine does not answer')];
  const { offers } = described.value;
  const probe = portOf(options.probe);
  const proxy = portOf(options.proxy);
  const proxied = proxy && (await proxy.describe({ signal }));
  const reaching: readonly (readonly [string, ProxyDescription['reaches']])[] = [
    ...(proxied?.isOk() ? [['the proxy', proxied.value.reaches] as const] : []),
    ...(probe ? [['the health check', probe.reaches] as const] : []),
  ];
  return reaching.map(([who, reaches]) => {
    const found = matchEndpoint(reaches, offers);
    if (found) return good('network', `${who} reaches instances by ${describeEndpoint(found)}`);
    const [wanted, offered] = [reaches, offers].map((all) => all.map(describeEndpoint).join(', ') || 'nothing');
    const hint = 'Put them on one network or node: `network` and `node` of the runtime, `reaches` of the other.';
    return failed('network', `${who} reaches ${wanted}, and the engine offers ${offered}`, hint);
  });
};
