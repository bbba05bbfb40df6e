import {
  aborted,
  bug,
  check,
  duration,
  type InvalidError,
  type Registry,
  type RegistryError,
} from '@quayside/core/ports';
import { errAsync, type Result, ResultAsync } from 'neverthrow';
import { z } from 'zod';
import { withoutValues } from '../hide-values.js';
import { insecureBy, parseManifest, parseRepository } from './address.js';
import { registryClient } from './client.js';
import { type Credentials, type CredentialsFor, CredentialsSchema } from './credentials.js';
import { resolveManifest, type Seen } from './manifests.js';
import { Recent } from './recent.js';
import { listTags } from './tags.js';

const bounded = (defaultMs: number) => duration().pipe(z.int().min(1).max(600_000)).default(defaultMs);

const Options = z.strictObject({
  /** For errors and logs; default `distribution`. */
  name: z.string().min(1).max(64).default('distribution'),
  /**
   * Logins: a function that is asked whenever a registry wants one, or an object by registry (`docker.io`, `ghcr.io`,
   * `127.0.0.1:5000`). Default: nobody's.
   */
  credentials: z
    .union([z.custom<CredentialsFor>((value) => typeof value === 'function'), z.record(z.string(), CredentialsSchema)])
    .default({}),
  /** Registries that speak plain HTTP: `registry.lan:5000`, or `registry.lan` for all its ports. Loopback always does. */
  insecure: z.array(z.string().min(1)).default([]),
  /** The bound on one attempt; default 10 s. */
  timeout: bounded(10_000),
  /** The bound on a request with all its attempts and pauses; a list of tags is one request per page. Default 30 s. */
  totalTimeout: bounded(30_000),
  /** Attempts of one request; default 3. */
  attempts: z.int().min(1).max(10).default(3),
  /** Tags that are asked for per page; a registry may give fewer. Default 1 000. */
  pageSize: z.int().min(1).max(10_000).default(1_000),
});

export type DistributionRegistryOptions = z.input<typeof Options>;

/** References whose last answer is kept, so that the next request can be conditional. */
const SEEN_MAX = 2_000;

/**
 * A `Registry` over the distribution API v2 (Docker Hub, GHCR, Harbor, Quay, GitLab, Gitea, ECR, the registry of the distribution
 * project …).
 *
 * `resolve` is a HEAD, conditional where the reference was seen before; where a registry answers none, or tells no digest, it
 * is a GET whose body is hashed. A login is asked for when the registry wants one, and a token is kept until shortly before it
 * expires. No connection, no answer in time, 408, 425, 429 and 5xx are tried again, `Retry-After` heeded; what is left of that is
 * `registry-unreachable`. Passwords and tokens are never shown.
 */
export function distributionRegistry(
  options: DistributionRegistryOptions = {},
): Result<Registry, InvalidError<'invalid-options'>> {
  return check('invalid-options', Options, options, 'distributionRegistry')
    .mapErr((error) => withoutValues(error, /^distributionRegistry\.credentials/))
    .map((settings) => {
      const { credentials, pageSize } = settings;
      const isInsecure = insecureBy(settings.insecure);
      const seen = new Recent<Seen>(SEEN_MAX);
      const client = registryClient({
        credentialsFor: typeof credentials === 'function' ? credentials : byRegistry(credentials),
        attempts: settings.attempts,
        timeoutMs: settings.timeout,
        totalMs: settings.totalTimeout,
      });
      return {
        name: settings.name,
        resolve: (reference, { signal }) =>
          call(`Resolving ${reference}`, signal, () =>
            parseManifest(reference, isInsecure).asyncAndThen(
              (manifest) => new ResultAsync(resolveManifest(client, manifest, reference, seen, signal)),
            ),
          ),
        tags: (repository, { signal }) =>
          call(`Listing the tags of ${repository}`, signal, () =>
            parseRepository(repository, isInsecure).asyncAndThen(
              (parsed) => new ResultAsync(listTags(client, parsed, { subject: repository, pageSize, signal })),
            ),
          ),
        secrets: client.secrets,
        close: () => {
          client.forget();
          seen.clear();
          return ResultAsync.fromSafePromise(Promise.resolve());
        },
      };
    });
}

const call = <T>(
  what: string,
  signal: AbortSignal,
  work: () => ResultAsync<T, RegistryError>,
): ResultAsync<T, RegistryError> =>
  signal.aborted
    ? errAsync(aborted(what, signal.reason))
    : ResultAsync.fromThrowable(async () => work(), bug)().andThen((result) => result);

/** Keys may be written as Docker's own configuration has them: `https://index.docker.io/v1/`. */
function byRegistry(credentials: { readonly [registry: string]: Credentials }): CredentialsFor {
  const bare = (key: string) => {
    const host = key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
    return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host;
  };
  const known = new Map(Object.entries(credentials).map(([key, value]) => [bare(key), value]));
  return (registry) => known.get(registry);
}
