/**
 * How we know a proxy host as ours: flat lower_snake_case keys in its `meta`, which the API keeps as they are. (The product's web
 * page mangles other keys when somebody edits the host there.)
 */
import type { HeldRoute, Holding } from '@quayside/core/ports';
import { z } from 'zod';
import type { Host } from '../api/hosts.js';
import { holdsWith } from './proof-location.js';

export interface Label {
  readonly mark: string;
  /** The one domain that the mark is about: somebody may have given the host more. */
  readonly domain: string;
  readonly instance: string;
  /** `host:port` as we put it: where the host points elsewhere, somebody changed it by hand. */
  readonly target: string;
  /** Names of the fields that the stage's options set: they go back to their defaults once they are not set any more. */
  readonly fields: readonly string[];
  /** What visitors are told, as it was put; absent: they are sent on. */
  readonly holding?: Holding | undefined;
}

export const labelMeta = ({
  mark,
  domain,
  instance,
  target,
  fields,
  holding,
}: Label): { readonly [key: string]: string } => ({
  quayside_mark: mark,
  quayside_domain: domain,
  quayside_instance: instance,
  quayside_target: target,
  quayside_fields: [...fields].sort().join(','),
  ...(holding ? { [HOLDING_KEY]: JSON.stringify([holding.message, holding.retryAfterMs]) } : {}),
});

const HOLDING_KEY = 'quayside_holding';
const HoldingText = z.tuple([z.string(), z.number()]);

function holdingIn(text: string): Holding | undefined {
  try {
    const [message, retryAfterMs] = HoldingText.parse(JSON.parse(text));
    return { message, retryAfterMs };
  } catch {
    return undefined;
  }
}

/** Undefined: the host is somebody else's. */
export function labelOf({ meta }: Pick<Host, 'meta'>): Label | undefined {
  const text = (key: string) => (typeof meta[key] === 'string' ? meta[key] : '');
  const mark = text('quayside_mark');
  if (!mark) return undefined;
  return {
    mark,
    domain: text('quayside_domain'),
    instance: text('quayside_instance'),
    target: text('quayside_target'),
    fields: text('quayside_fields').split(',').filter(Boolean),
    holding: holdingIn(text(HOLDING_KEY)),
  };
}

/** Everything in `meta` that the server does not write itself. */
export const keptMeta = ({ meta }: Pick<Host, 'meta'>): { readonly [key: string]: unknown } => {
  const { nginx_online, nginx_err, ...kept } = meta;
  return kept;
};

/** The same without what a label has only now and then. */
export const lastingMeta = (held: Pick<Host, 'meta'>): { readonly [key: string]: unknown } => {
  const { [HOLDING_KEY]: _, ...lasting } = keptMeta(held);
  return lasting;
};

export type NginxState = 'online' | 'refused' | 'unknown';

/** What the server says of the host's configuration; a create's own reply says nothing. */
export const nginxState = ({ meta }: Pick<Host, 'meta'>): NginxState =>
  meta['nginx_online'] === true ? 'online' : meta['nginx_online'] === false ? 'refused' : 'unknown';

/** nginx's own words, without the file that they are about. */
export const nginxError = ({ meta }: Pick<Host, 'meta'>): string => {
  const lines = String(meta['nginx_err'] ?? '').split('\n');
  const text = lines.filter((line) => /\[(emerg|alert|crit|error)\]/.test(line)).join('; ') || lines.join(' ');
  const plain = text
    .replace(/nginx: /g, '')
    .replace(/ in \/\S+:\d+/g, '')
    .trim();
  return (plain || 'it gives no reason').slice(0, 400);
};

/** What the proxy holds for a domain. A host that is switched off, or whose configuration nginx refused, sends nobody anywhere. */
export function heldRoute(host: Host, domain: string): HeldRoute {
  const label = labelOf(host);
  const isServing = host.enabled && nginxState(host) !== 'refused';
  const { forward_host: at, forward_port: port } = host;
  const isAsPut = label?.target === `${at}:${port}`;
  const target = { instance: isAsPut ? label.instance : null, host: unbracketed(at), port };
  const holding = label?.holding;
  return {
    domain,
    mark: label?.mark ?? null,
    targets: isServing ? [target] : [],
    // Who took our lines out at the web page has let visitors in.
    ...(holding && holdsWith(host.advanced_config, holding) ? { holding } : {}),
  };
}

/** `::1` has brackets in an nginx configuration, and nowhere else. */
export const bracketed = (host: string): string => (host.includes(':') && !host.startsWith('[') ? `[${host}]` : host);
const unbracketed = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');
