/**
 * A lock file for an empty project that installs the packed packages: theirs are the tarballs, everything else is what this
 * workspace has locked, so that an install gives the same today and tomorrow, and npm's cache is enough for it.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Packed, root } from './pack.js';

interface Entry {
  readonly version?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

type Entries = Readonly<Record<string, Entry>>;

/**
 * @param project the project's own package.json
 * @returns the content of its package-lock.json
 */
export async function consumerLock(
  project: { readonly dependencies: object; readonly devDependencies: object },
  packed: readonly Packed[],
): Promise<object> {
  const locked: Entries = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')).packages;
  const entries: Record<string, object> = { '': project };
  const seen = new Set<string>();

  /** The entry at that path of the workspace, and whatever it leads to. */
  const take = (path: string) => {
    if (seen.has(path)) return;
    seen.add(path);
    const { dependencies, optionalDependencies, peerDependencies, ...rest } = locked[path] as Entry;
    const folder = folderOf(path);
    const one = packed.find((candidate) => candidate.folder === folder);
    // One that only a workspace's folder holds lies below the installed package of that folder.
    const owner = packed.find((candidate) => path.startsWith(`packages/${candidate.folder}/`));
    const target = owner ? path.replace(`packages/${owner.folder}`, `node_modules/${owner.manifest.name}`) : path;
    entries[one ? `node_modules/${one.manifest.name}` : target] = one
      ? {
          version: one.manifest.version,
          resolved: `file:${one.tarball}`,
          integrity: one.integrity,
          ...asked(one.manifest),
        }
      : { ...rest, ...asked({ dependencies, optionalDependencies, peerDependencies }) };
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
      const found = resolve(locked, path, name);
      if (found) take(found);
    }
  };
  for (const { folder } of packed) take(`packages/${folder}`);
  for (const name of Object.keys(project.devDependencies)) take(`node_modules/${name}`);
  return { name: 'consumer', lockfileVersion: 3, requires: true, packages: entries };
}

const folderOf = (path: string) => /^packages\/([^/]+)$/.exec(path)?.[1];

/** Of a manifest or an entry, what it asks for: keys that are absent stay so. */
function asked(source: {
  readonly bin?: object | undefined;
  readonly dependencies?: object | undefined;
  readonly optionalDependencies?: object | undefined;
  readonly peerDependencies?: object | undefined;
}): object {
  const { bin, dependencies, optionalDependencies, peerDependencies } = source;
  const kinds = { bin, dependencies, optionalDependencies, peerDependencies };
  return Object.fromEntries(Object.entries(kinds).filter(([, value]) => value !== undefined));
}

/** As Node looks for it: in the folder's own `node_modules`, then in each above. Links lead to their folder. */
function resolve(locked: Entries, from: string, name: string): string | undefined {
  for (let at = from; ; at = above(at)) {
    const path = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    const entry = locked[path];
    if (entry) return entry.link ? (entry as { resolved: string }).resolved : path;
    if (at === '') return undefined;
  }
}

/** The package that holds this one in its `node_modules`; the root where none does. */
function above(path: string): string {
  const index = path.lastIndexOf('/node_modules/');
  return index < 0 ? '' : path.slice(0, index);
}
