/** Repositories, written one way: what is watched and what is told of are the same where these texts are. */
import { parseReference } from '@quayside/core/ports';

/** Names that Docker Hub goes by. */
const ALIASES: { readonly [registry: string]: string } = {
  'index.docker.io': 'docker.io',
  'registry-1.docker.io': 'docker.io',
  'registry.hub.docker.com': 'docker.io',
};

export interface Image {
  /** `docker.io/library/nginx`. */
  readonly text: string;
  readonly registry: string;
}

/** Undefined where it is no repository, or has a tag or a digest. */
export function imageOf(text: string): Image | undefined {
  const parsed = text.length <= 512 ? parseReference(text) : undefined;
  if (!parsed || parsed.tag !== undefined || parsed.digest !== undefined) return undefined;
  // Hosts are written in any case, and mean the same.
  const host = parsed.registry.toLowerCase();
  const registry = ALIASES[host] ?? host;
  const path = registry === 'docker.io' && !parsed.path.includes('/') ? `library/${parsed.path}` : parsed.path;
  return { text: `${registry}/${path}`, registry };
}

/** A host of a registry, with a port if it has one; undefined where it is none. */
export const registryOf = (text: string): string | undefined => imageOf(`${text}/a/b`)?.registry;

export const isTag = (text: string): boolean => /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(text);
export const isDigest = (text: string): boolean => /^sha256:[a-f0-9]{64}$/.test(text);
