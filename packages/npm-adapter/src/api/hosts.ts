/** Proxy hosts as the API has them, and what can be done with them. */
import type { Result } from 'neverthrow';
import { z } from 'zod';
import type { ApiClient, ApiFault, Limits } from './client.js';
import { shaped } from './shaped.js';

/** Older versions answer numbers where newer ones answer booleans. */
const flag = z.union([z.boolean(), z.number(), z.null()]).transform(Boolean);
const number = z.union([z.number(), z.null()]).transform((value) => value ?? 0);

const HostBody = z.object({
  id: z.number(),
  domain_names: z.array(z.string()),
  forward_scheme: z.string(),
  forward_host: z.string(),
  forward_port: z.number(),
  certificate_id: number.default(0),
  access_list_id: number.default(0),
  ssl_forced: flag.default(false),
  http2_support: flag.default(false),
  hsts_enabled: flag.default(false),
  hsts_subdomains: flag.default(false),
  trust_forwarded_proto: flag.default(false),
  allow_websocket_upgrade: flag.default(false),
  block_exploits: flag.default(false),
  caching_enabled: flag.default(false),
  advanced_config: z
    .string()
    .nullish()
    .transform((text) => text ?? ''),
  meta: z
    .record(z.string(), z.unknown())
    .nullish()
    .transform((meta) => meta ?? {}),
  enabled: flag.default(true),
});

export type Host = z.output<typeof HostBody>;

/** What a create or an update sends. */
export type HostFields = Partial<Omit<Host, 'id' | 'enabled'>>;

/** `what` is for errors: `Putting shop.example.com`. */
export interface About {
  readonly what: string;
  readonly domain: string;
}

export interface Hosts {
  /** The host that has this domain, of those that our user sees. */
  find(domain: string, about: About, limits: Limits): Promise<Result<Host | undefined, ApiFault>>;
  get(id: number, about: About, limits: Limits): Promise<Result<Host, ApiFault>>;
  list(about: About, limits: Limits): Promise<Result<readonly Host[], ApiFault>>;
  create(fields: HostFields, about: About, limits: Limits): Promise<Result<Host, ApiFault>>;
  update(id: number, fields: HostFields, about: About, limits: Limits): Promise<Result<Host, ApiFault>>;
  enable(id: number, about: About, limits: Limits): Promise<Result<void, ApiFault>>;
  remove(id: number, about: About, limits: Limits): Promise<Result<void, ApiFault>>;
}

const PATH = 'nginx/proxy-hosts';

export function hostsOf(client: ApiClient, url: string): Hosts {
  const of = { what: 'a proxy host', url };
  const Hosts = z.array(HostBody);
  return {
    async find(domain, about, limits) {
      // In quotes, as it stands in the stored list: then it matches whole names only.
      const query = new URLSearchParams({ query: `"${domain}"` });
      const answer = await client.request({ method: 'GET', path: `${PATH}?${query}`, ...about }, limits);
      return shaped(Hosts, answer, of).map((hosts) =>
        hosts.find((host) => host.domain_names.some((name) => name.toLowerCase() === domain)),
      );
    },
    get: async (id, about, limits) =>
      shaped(HostBody, await client.request({ method: 'GET', path: `${PATH}/${id}`, ...about }, limits), of),
    list: async (about, limits) =>
      shaped(Hosts, await client.request({ method: 'GET', path: PATH, ...about }, limits), of),
    create: async (body, about, limits) =>
      shaped(HostBody, await client.request({ method: 'POST', path: PATH, body, ...about }, limits), of),
    update: async (id, body, about, limits) =>
      shaped(HostBody, await client.request({ method: 'PUT', path: `${PATH}/${id}`, body, ...about }, limits), of),
    enable: async (id, about, limits) =>
      (await client.request({ method: 'POST', path: `${PATH}/${id}/enable`, ...about }, limits)).map(() => undefined),
    remove: async (id, about, limits) =>
      (await client.request({ method: 'DELETE', path: `${PATH}/${id}`, ...about }, limits)).map(() => undefined),
  };
}
