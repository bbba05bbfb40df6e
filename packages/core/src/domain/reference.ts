/** Image references, by the grammar of the distribution project (`reference/regexp.go`). */

const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const HOST =
  '(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\\[[a-fA-F0-9:]+\\])(?::[0-9]{1,5})?';
const REPOSITORY = new RegExp(`^(?:${HOST}/)?${COMPONENT}(?:/${COMPONENT})*$`);

export const isRepository = (text: string): boolean => text.length <= 255 && REPOSITORY.test(text);

export const isTag = (text: string): boolean => /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(text);

export const isDigest = (text: string): boolean => /^sha256:[a-f0-9]{64}$/.test(text);

/** `registry.example.com/shop` and `v1` to `registry.example.com/shop:v1`. */
export const tagged = (repository: string, tag: string): string => `${repository}:${tag}`;

/** `registry.example.com/shop` and a digest to `registry.example.com/shop@sha256:…`. */
export const pinned = (repository: string, digest: string): string => `${repository}@${digest}`;

/** The parts of a reference. `registry` is `docker.io` where none is written, as the engine reads it. */
export interface Reference {
  readonly registry: string;
  /** Without the registry; `library/` is put in front of a one-part name of docker.io. */
  readonly path: string;
  readonly tag?: string;
  readonly digest?: string;
}

/** Takes a reference apart; undefined where it is none. */
export function parseReference(text: string): Reference | undefined {
  const [name = '', digest] = text.split('@', 2);
  if (digest !== undefined && !isDigest(digest)) return undefined;
  const colon = name.lastIndexOf(':');
  const tag = colon > name.lastIndexOf('/') ? name.slice(colon + 1) : undefined;
  const repository = tag === undefined ? name : name.slice(0, colon);
  if (!isRepository(repository) || (tag !== undefined && !isTag(tag))) return undefined;
  const slash = repository.indexOf('/');
  const first = slash < 0 ? '' : repository.slice(0, slash);
  // The engine's own rule: the first part is a registry if it has a dot or a port, or is localhost.
  const isRegistry = first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase();
  const registry = isRegistry ? first : 'docker.io';
  const rest = isRegistry ? repository.slice(slash + 1) : repository;
  const path = registry === 'docker.io' && !rest.includes('/') ? `library/${rest}` : rest;
  // What is put in front counts, too: the engine would refuse it.
  if (path.length > 255) return undefined;
  return { registry, path, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}
