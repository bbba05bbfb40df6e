/** Opens what the plan says, in the order that the proxy needs: where deploying processes ask comes first. */
import type { AnyError, ProxyError } from '@quayside/core';
import type { EmbeddedProxy, ListenOptions } from '@quayside/proxy-adapter';
import { err, ok, type Result } from 'neverthrow';
import type { ServePlan } from './plan.js';

export type Server = Pick<EmbeddedProxy, 'hasCertificates' | 'listen'>;

/** @param worker its number among several that share the addresses, from 0 on; undefined: there is this process alone */
export async function listen(
  proxy: Server,
  plan: ServePlan,
  worker: number | undefined,
  signal: AbortSignal,
): Promise<Result<readonly string[], AnyError>> {
  const urls: string[] = [];
  for (const { isShown, ...address } of addresses(proxy, plan, worker)) {
    const opened: Result<{ readonly url: string }, ProxyError> = await proxy.listen({ ...address, signal });
    if (opened.isErr()) return err(opened.error);
    if (isShown) urls.push(opened.value.url);
  }
  return ok(urls);
}

type Address = ListenOptions & { readonly isShown: boolean };

function addresses(proxy: Server, plan: ServePlan, worker: number | undefined): Address[] {
  const { host, port, tlsPort, certificate, redirects, frontDoor } = plan;
  const hasTls = plan.hasTls && (certificate !== undefined || proxy.hasCertificates);
  const all: Address[] = [];
  // An address that workers share leads to any of them; each needs one where it alone answers.
  if (worker !== undefined) all.push({ ...ownDoor(plan, worker), exclusive: true, isShown: false });
  all.push({
    host,
    port,
    isShown: true,
    ...(hasTls && redirects ? { redirectTo: tlsPort } : {}),
    ...(frontDoor !== undefined && worker === undefined ? { frontDoor } : {}),
  });
  if (hasTls) all.push({ host, port: tlsPort, tls: certificate ?? true, isShown: true });
  return all;
}

function ownDoor({ host, frontDoor }: ServePlan, worker: number): ListenOptions {
  if (frontDoor === undefined) return { host: '127.0.0.1', port: 0 };
  const url = new URL(frontDoor);
  const port = Number(url.port) + worker;
  return { host, port, frontDoor: `${url.protocol}//${url.hostname}:${port}` };
}
