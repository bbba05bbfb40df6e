/** Certificates as the API has them. */
import type { Result } from 'neverthrow';
import { z } from 'zod';
import type { ApiClient, ApiFault, Limits } from './client.js';
import type { About } from './hosts.js';
import { shaped } from './shaped.js';

const CertificateBody = z.object({
  id: z.number(),
  /** `letsencrypt`, or `other` for one that somebody has uploaded. */
  provider: z.string(),
  domain_names: z
    .array(z.string())
    .nullish()
    .transform((names) => names ?? []),
  /** UTC: `2025-01-07T04:34:18.000Z`, or `2025-01-07 04:34:18`. One that was never issued ends when it was recorded. */
  expires_on: z.string().transform((text) => Date.parse(/Z$/.test(text) ? text : `${text.replace(' ', 'T')}Z`)),
});

export type Certificate = z.output<typeof CertificateBody>;

export interface Certificates {
  /** Those that our user sees. */
  list(about: About, limits: Limits): Promise<Result<readonly Certificate[], ApiFault>>;
  /** Answers when it was issued; it may take as long as `limitMs`. */
  request(domain: string, limitMs: number, about: About, limits: Limits): Promise<Result<Certificate, ApiFault>>;
  remove(id: number, about: About, limits: Limits): Promise<Result<void, ApiFault>>;
}

const PATH = 'nginx/certificates';

export function certificatesOf(client: ApiClient, url: string): Certificates {
  const of = { what: 'a certificate', url };
  return {
    list: async (about, limits) =>
      shaped(z.array(CertificateBody), await client.request({ method: 'GET', path: PATH, ...about }, limits), of),
    async request(domain, limitMs, about, limits) {
      const body = { provider: 'letsencrypt', domain_names: [domain], meta: { dns_challenge: false } };
      return shaped(
        CertificateBody,
        await client.request({ method: 'POST', path: PATH, body, limitMs, ...about }, limits),
        of,
      );
    },
    remove: async (id, about, limits) =>
      (await client.request({ method: 'DELETE', path: `${PATH}/${id}`, ...about }, limits)).map(() => undefined),
  };
}
