/** Where a registry answers, and what a reference asks it for. */
import { parseReference, type RegistryError } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';

export interface Repository {
  /** As it is written in references, and as credentials are asked for: `docker.io`, `127.0.0.1:5000`. */
  readonly registry: string;
  readonly path: string;
  /** `https://registry-1.docker.io`, without a path. */
  readonly origin: string;
}

export interface ManifestReference extends Repository {
  /** A tag or a digest. */
  readonly reference: string;
  readonly isDigest: boolean;
}

/** `docker.io` is a name: the API answers elsewhere. Source: distribution's `reference/normalize.go`, `registry/config.go`. */
const API_HOSTS: { readonly [registry: string]: string } = { 'docker.io': 'registry-1.docker.io' };
const ALIASES: { readonly [registry: string]: string } = {
  'index.docker.io': 'docker.io',
  'registry-1.docker.io': 'docker.io',
  'registry.hub.docker.com': 'docker.io',
};

/** Hosts of this machine, which engines speak plain HTTP to as well. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/;

export type IsInsecure = (registry: string) => boolean;

/** @param hosts `registry.lan` (every port of it) or `registry.lan:5000` */
export const insecureBy =
  (hosts: readonly string[]): IsInsecure =>
  (registry) =>
    LOOPBACK.test(registry) || hosts.includes(registry) || hosts.includes(registry.replace(/:\d+$/, ''));

export function parseManifest(text: string, isInsecure: IsInsecure): Result<ManifestReference, RegistryError> {
  const parsed = parseReference(text);
  if (!parsed) return err(noReference(text));
  const { tag = 'latest', digest } = parsed;
  return ok({
    ...repositoryOf(parsed.registry, parsed.path, isInsecure),
    reference: digest ?? tag,
    isDigest: digest !== undefined,
  });
}

export function parseRepository(text: string, isInsecure: IsInsecure): Result<Repository, RegistryError> {
  const parsed = parseReference(text);
  if (!parsed || parsed.tag !== undefined || parsed.digest !== undefined) return err(noReference(text));
  return ok(repositoryOf(parsed.registry, parsed.path, isInsecure));
}

function repositoryOf(written: string, path: string, isInsecure: IsInsecure): Repository {
  const registry = ALIASES[written] ?? written;
  const full = registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path;
  const scheme = isInsecure(registry) ? 'http' : 'https';
  return { registry, path: full, origin: `${scheme}://${API_HOSTS[registry] ?? registry}` };
}

const noReference = (text: string): RegistryError => ({
  kind: 'image-not-found',
  code: 'bad-reference',
  message: `${JSON.stringify(text.slice(0, 200))} is no image reference.`,
  hint: 'Write it as registry.example.com/repository:tag, the repository in lower case.',
  retryable: false,
});
