import type { ProxyManager } from '@quayside/core';
import type { Session } from '../session.js';

/** The proxy as it was configured: the port itself, or what its factory answered. */
export function proxyOf({ options }: Pick<Session, 'options'>): ProxyManager | undefined {
  const { proxy } = options;
  if (proxy === undefined) return undefined;
  if (!('isOk' in proxy)) return proxy;
  return proxy.isOk() ? proxy.value : undefined;
}
