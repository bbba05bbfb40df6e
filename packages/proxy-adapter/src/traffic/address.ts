/** Which domain a request is for, and which path of it: from its target and its Host header (RFC 9112, section 3.2). */
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

export interface Destination {
  /** Lower case, without port and trailing dot: what routes are looked up by. */
  readonly domain: string;
  /** As the visitor wrote it: what the instance gets as its Host. */
  readonly host: string;
  /** Begins with a slash. */
  readonly path: string;
}

/** Undefined where the request does not say it, or says it twice. */
export function destinationOf(request: IncomingMessage): Destination | undefined {
  const target = request.url ?? '';
  const host = soleHost(request);
  if (host === undefined) return undefined;
  if (target.startsWith('/')) return { domain: domainOf(host), host, path: target };
  // The absolute form: its own host counts, and the Host header does not.
  const absolute = /^(https?):\/\/([^/?#@\\]+)([/?].*)?$/i.exec(target);
  if (!absolute) return undefined;
  const [, scheme = '', authority = '', rest = '/'] = absolute;
  if (isSecure(request) !== (scheme.toLowerCase() === 'https')) return undefined;
  return { domain: domainOf(authority), host: authority, path: rest.startsWith('/') ? rest : `/${rest}` };
}

/** Whether it came over TLS, to this proxy. */
export const isSecure = ({ socket }: IncomingMessage): boolean => (socket as Partial<TLSSocket>)?.encrypted === true;

/** A second Host header could name one domain to us and another to the app: RFC 9112 answers 400. */
function soleHost({ rawHeaders, headers }: IncomingMessage): string | undefined {
  let seen = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') seen += 1;
  }
  if (seen > 1) return undefined;
  const host = headers.host ?? '';
  // What goes on as a header must be a host and nothing else.
  return /^[\w.:[\]-]*$/.test(host) ? host : undefined;
}

export function domainOf(host: string): string {
  const name = host.startsWith('[') ? host.slice(0, host.indexOf(']') + 1) : host.replace(/:\d*$/, '');
  return (name.endsWith('.') ? name.slice(0, -1) : name).toLowerCase();
}
