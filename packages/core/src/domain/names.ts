/**
 * Names: what a project, a stage and a tag become in DNS and in the container engine.
 *
 * A label is only ever a *candidate*. Cleaning loses information (`v1.2` and `v1-2` meet, and so do stage `a-b` of project
 * `c` and stage `a` of project `b-c`), so whether an owner gets its candidate is decided by the claim in the store: the
 * second one tries again with a hash of its owner, and with a longer one if even that is taken.
 */

import { hashText } from './hash.js';
import { canonicalJson } from './json.js';

/** RFC 1035, section 2.3.4: octets in a label, and in a whole name as it is written. */
export const LABEL_LENGTH_MAX = 63;
export const DOMAIN_LENGTH_MAX = 253;

/** A candidate that clashes is tried again with this many characters of hash, then with more. */
const HASH_LENGTHS = [6, 10, 16, 26, 52] as const;

/** Who a generated domain belongs to. Two owners are the same when these are. */
export interface DomainOwner {
  readonly kind: 'default' | 'tagged' | 'custom';
  readonly project: string;
  readonly stage: string;
  /** Only of a tagged route. */
  readonly tag?: string;
}

/** One text per owner: the key of its claim, and what its hash is made of. */
export const ownerKey = (owner: DomainOwner): string =>
  canonicalJson([owner.kind, owner.project, owner.stage, owner.tag ?? null]);

/** Lower case; every run of foreign characters is one dash; no dash at either end. May be empty, may be too long. */
export function dashed(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}

/** Cut to a length and freed of the dash that the cut may have left. */
const cut = (text: string, lengthMax: number): string => text.slice(0, lengthMax).replace(/-$/, '');

/**
 * The domain that an owner tries for at its n-th attempt (from 0).
 *
 * @param pattern e.g. `stage-{stage}-{project}-{tag}`; a dot in it begins a new label
 * @param base what the labels stand in front of, e.g. `apps.example.com`
 * @returns the candidate; from `attempt` 0 on its first label has a hash where something had to be cut, and from 1 on always
 */
export function domainCandidate(pattern: string, owner: DomainOwner, base: string, attempt: number): string {
  const [first = '', ...rest] = pattern.split('.').map((part) => dashed(expand(part, owner)));
  const behind = rest.filter((label) => label.length > 0);
  const room = DOMAIN_LENGTH_MAX - base.length - 1;
  const fits =
    behind.length === rest.length &&
    [first, ...rest].every((label) => label.length > 0 && label.length <= LABEL_LENGTH_MAX) &&
    [first, ...rest].join('.').length <= room;
  if (fits && attempt === 0) return [first, ...rest, base].join('.');
  // The first label has the hash and comes first when room is short; the others share what is left, a character each at least.
  const firstMax = Math.min(LABEL_LENGTH_MAX, room - 2 * behind.length);
  const head = withHash(first, owner, fits ? attempt - 1 : attempt, firstMax);
  const share = Math.floor((room - head.length) / Math.max(1, behind.length)) - 1;
  const tail = behind.map((label) => cut(label, Math.min(LABEL_LENGTH_MAX, share)));
  return [head, ...tail, base].join('.');
}

/** The label with a hash of its owner behind it; beyond the longest hash a counter goes into what is hashed. */
function withHash(label: string, owner: DomainOwner, round: number, lengthMax: number): string {
  const length = HASH_LENGTHS[Math.min(round, HASH_LENGTHS.length - 1)] ?? 52;
  const salt = Math.max(0, round - HASH_LENGTHS.length + 1);
  const hash = hashText(ownerKey(owner) + (salt > 0 ? `#${salt}` : '')).slice(0, length);
  const head = cut(label, lengthMax - length - 1);
  return head.length > 0 ? `${head}-${hash}` : hash;
}

export function expand(
  pattern: string,
  values: { readonly project: string; readonly stage: string; readonly tag?: string },
) {
  return pattern.replace(/\{(project|stage|tag)\}/g, (_, key: 'project' | 'stage' | 'tag') => values[key] ?? '');
}

/** Whether a text is a name that DNS can hold: RFC 1123 host names, lower case, at least two labels. */
export function isDomain(text: string): boolean {
  return (
    text.length <= DOMAIN_LENGTH_MAX &&
    /^(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))+$/.test(text) &&
    !/\.[0-9]+$/.test(text)
  );
}

/** Whether a text can stand behind a dot: like a domain, but `localhost` and other single labels are good too. */
export const isDomainSuffix = (text: string): boolean => isDomain(`x.${text}`);

/**
 * A container's name: its own per deployment, at most 63 of `[a-z0-9-]`, beginning with a letter or digit, ending in the
 * deployment's id, so that it is unique and known before the container exists.
 */
export function containerName(project: string, stage: string, tag: string, deploymentId: string): string {
  const head = cut(dashed(`${project}-${stage}-${tag}`), LABEL_LENGTH_MAX - deploymentId.length - 1);
  return head.length > 0 ? `${head}-${deploymentId}` : deploymentId;
}

/** A proxy's mark on a route of ours: the store's id, then a hash of the domain. At most 63 characters. */
export const routeMark = (storeId: string, domain: string): string => `${storeId}-${hashText(domain).slice(0, 16)}`;
