/** What a route asks for, as the fields of a proxy host. Pure: from the route and what is held, to what has to be sent. */
import { randomBytes } from 'node:crypto';
import { holdingRefusal, type ProxyError, type Route } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import type { Host, HostFields } from '../api/hosts.js';
import { tooManyTargets, unusable } from '../errors.js';
import { type StageOptions, stageOptionsOf } from '../stage-options.js';
import { type Hold, passIn } from './hold.js';
import { bracketed, keptMeta, labelMeta, labelOf, lastingMeta, nginxState } from './ours.js';
import { type ProofTarget, withProof } from './proof-location.js';

export interface Wish {
  readonly domain: string;
  readonly mark: string;
  readonly target: ProofTarget;
  /** With a word to pass by; where a held host has one already, that one stays. */
  readonly hold?: Hold | undefined;
  readonly options: Omit<StageOptions, 'certificate'> & {
    /** `request` until it is known which one that is. */
    readonly certificate?: number | 'request' | undefined;
  };
}

/** The product checks next to nothing of this, and nginx takes whatever stands in a configuration file. */
export function wishOf(route: Route): Result<Wish, ProxyError> {
  const [target] = route.targets;
  if (route.targets.length > 1) return err(tooManyTargets(route.domain, route.targets.length));
  if (!target) return err(unusable(`${route.domain} has no target.`, 'Give the route one target.'));
  if (!isDomain(route.domain)) {
    return err(unusable(`"${route.domain}" is no domain name.`, 'Use lower case letters, digits, dashes and dots.'));
  }
  const host = bracketed(target.host);
  const { port, instance } = target;
  if (
    !/^([A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])$/.test(host) ||
    !(Number.isInteger(port) && port > 0 && port < 65_536)
  ) {
    return err(unusable(`"${target.host}:${port}" is nothing to send requests to.`, 'Give a host and a port.'));
  }
  if (!/^[A-Za-z0-9._-]{1,128}$/.test(instance)) {
    return err(unusable(`"${instance}" is no name of an instance.`, 'Use letters, digits, dots and dashes.'));
  }
  const { domain, mark, options, holding } = route;
  const held = holdingRefusal(route);
  if (held) return err(unusable(held.message, held.hint));
  const hold = holding && { holding, pass: randomBytes(24).toString('base64url') };
  return ok({ domain, mark, target: { instance, host, port }, hold, options: stageOptionsOf(options) });
}

export const isDomain = (domain: string): boolean =>
  domain.length <= 253 && domain.split('.').every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?$/.test(label));

type OptionName = Exclude<keyof StageOptions, 'advancedConfig'>;

/** Our words and the product's, with the product's defaults. */
const FIELDS = {
  certificate: { field: 'certificate_id', none: 0 },
  forceHttps: { field: 'ssl_forced', none: false },
  http2: { field: 'http2_support', none: false },
  hsts: { field: 'hsts_enabled', none: false },
  hstsSubdomains: { field: 'hsts_subdomains', none: false },
  trustForwardedProto: { field: 'trust_forwarded_proto', none: false },
  accessList: { field: 'access_list_id', none: 0 },
  websockets: { field: 'allow_websocket_upgrade', none: true },
  blockExploits: { field: 'block_exploits', none: false },
  caching: { field: 'caching_enabled', none: false },
} as const satisfies { readonly [N in OptionName]: { readonly field: keyof Host; readonly none: number | boolean } };

/** Everything that a create or an update has to send. */
export function fieldsOf(wish: Wish, held: Host | undefined): HostFields {
  const { domain, mark, target, options } = wish;
  const configuration = held?.advanced_config ?? '';
  const hold = wish.hold && { ...wish.hold, pass: passIn(configuration) ?? wish.hold.pass };
  const said: { [field: string]: number | boolean } = {};
  for (const [name, { field }] of Object.entries(FIELDS)) {
    const value = options[name as OptionName];
    if (value !== undefined && value !== 'request') said[field] = value;
  }
  const before = held ? (labelOf(held)?.fields ?? []) : [];
  const silent: { [field: string]: number | boolean } = {};
  for (const { field, none } of Object.values(FIELDS)) {
    if (before.includes(field) || (!held && field === 'allow_websocket_upgrade')) silent[field] = none;
  }
  const label = {
    mark,
    domain,
    instance: target.instance,
    target: `${target.host}:${target.port}`,
    fields: Object.keys(said),
    holding: hold?.holding,
  };
  return {
    ...(held ? {} : { domain_names: [domain] }),
    ...silent,
    ...said,
    forward_scheme: 'http',
    forward_host: target.host,
    forward_port: target.port,
    advanced_config: withProof(configuration, target, options.advancedConfig ?? '', hold),
    meta: { ...(held ? lastingMeta(held) : {}), ...labelMeta(label) },
  };
}

/** The same fields as they are held: what puts a refused update back. */
export function fieldsBefore(held: Host, sent: HostFields): HostFields {
  const before: { [field: string]: unknown } = {};
  for (const field of Object.keys(sent)) before[field] = held[field as keyof Host];
  return { ...(before as HostFields), meta: keptMeta(held) };
}

/** Whether the record says so already. What nginx does with it is another question. */
export function holdsAlready(held: Host, fields: HostFields): boolean {
  if (!held.enabled || nginxState(held) === 'refused') return false;
  return Object.entries(fields).every(([field, value]) =>
    field === 'meta' ? sameMeta(keptMeta(held), fields.meta) : isSame(held[field as keyof Host], value),
  );
}

/** Domain names are only sent with a create. */
const isSame = (held: unknown, wished: unknown): boolean =>
  Array.isArray(wished) ? JSON.stringify(held) === JSON.stringify(wished) : held === wished;

type Meta = { readonly [key: string]: unknown };

const sameMeta = (a: Meta, b: Meta | undefined): boolean => {
  const text = (meta: Meta = {}) =>
    JSON.stringify(
      Object.keys(meta)
        .sort()
        .map((key) => [key, meta[key]]),
    );
  return text(a) === text(b);
};
