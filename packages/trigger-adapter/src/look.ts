/** Looks at a stage: which tag it should have by its policy, and what the registry says that this tag is now. */
import type { AnnouncedPush, AnyError, Registry } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import type { Candidate } from './judge.js';
import type { Watch } from './options.js';
import type { Policy } from './policy/policy.js';

/** Tags of which the first may be gone again: the next newest is tried. */
const TRIED_MAX = 5;
/** Of a push that tells a digest and no tag: so many of the tags that are admitted are asked for. */
const SEARCHED_MAX = 30;

export interface Look {
  resolve(reference: string, signal: AbortSignal): Promise<Result<{ readonly digest: string }, AnyError>>;
  tags(repository: string, signal: AbortSignal): Promise<Result<readonly string[], AnyError>>;
}

/** Each tag and each list is asked for once, however many stages want to know. */
export function lookOf(registry: Registry): Look {
  const digests = new Map<string, Promise<Result<{ readonly digest: string }, AnyError>>>();
  const lists = new Map<string, Promise<Result<readonly string[], AnyError>>>();
  const once = <T>(known: Map<string, Promise<T>>, key: string, ask: () => Promise<T>): Promise<T> => {
    const asked = known.get(key) ?? ask();
    known.set(key, asked);
    return asked;
  };
  return {
    resolve: (reference, signal) => once(digests, reference, async () => registry.resolve(reference, { signal })),
    tags: (repository, signal) => once(lists, repository, async () => registry.tags(repository, { signal })),
  };
}

/** Undefined: none of the tags is meant. */
type Found = Result<Candidate | undefined, AnyError>;

/** Of what is in the registry now: what a poll does. */
export async function lookAtAll(look: Look, watch: Watch, signal: AbortSignal): Promise<Found> {
  const { policy, repository } = watch;
  if (policy.only !== undefined) return firstThere(look, watch, [policy.only], new Map(), signal);
  const listed = await look.tags(repository, signal);
  if (listed.isErr()) return err(listed.error);
  return firstThere(look, watch, ranked(policy, listed.value), new Map(), signal);
}

/** Of what was told of: no list is asked for, unless it was not said which tag it was. */
export async function lookAtPushes(
  look: Look,
  watch: Watch,
  pushes: readonly AnnouncedPush[],
  signal: AbortSignal,
): Promise<Found> {
  const { policy, repository } = watch;
  const times = new Map<string, number | null>();
  for (const { tag, pushedAt } of pushes) {
    if (tag !== null && policy.admits(tag)) times.set(tag, later(times.get(tag) ?? null, pushedAt));
  }
  const isTold = pushes.every(({ tag, below }) => tag !== null && !below);
  if (policy.only !== undefined) {
    const isMeant = times.has(policy.only) || !isTold;
    return isMeant ? firstThere(look, watch, [policy.only], times, signal) : ok(undefined);
  }
  if (policy.compare) {
    if (isTold) return firstThere(look, watch, ranked(policy, times.keys()), times, signal);
    const listed = await look.tags(repository, signal);
    if (listed.isErr()) return err(listed.error);
    return firstThere(look, watch, ranked(policy, listed.value), times, signal);
  }
  if (times.size === 0 && !isTold) return searched(look, watch, pushes, signal);
  const latest = [...times]
    .sort(([a, at], [b, other]) => (other ?? 0) - (at ?? 0) || (a < b ? 1 : -1))
    .map(([tag]) => tag);
  return firstThere(look, watch, latest, times, signal);
}

const later = (one: number | null, other: number | null): number | null =>
  one === null || other === null ? (one ?? other) : Math.max(one, other);

/** The newest first. */
function ranked(policy: Policy, tags: Iterable<string>): string[] {
  const admitted = [...tags].filter((tag) => policy.admits(tag));
  return admitted.sort((a, b) => policy.compare?.(b, a) ?? 0);
}

async function firstThere(
  look: Look,
  { repository }: Watch,
  tags: readonly string[],
  times: ReadonlyMap<string, number | null>,
  signal: AbortSignal,
): Promise<Found> {
  let missing: AnyError | undefined;
  for (const tag of tags.slice(0, TRIED_MAX)) {
    const resolved = await look.resolve(`${repository}:${tag}`, signal);
    if (resolved.isOk()) return ok({ tag, digest: resolved.value.digest, pushedAt: times.get(tag) ?? null });
    if (resolved.error.kind !== 'image-not-found') return err(resolved.error);
    missing ??= resolved.error;
  }
  return missing ? err(missing) : ok(undefined);
}

/** By the digest that was told of without a tag, among the tags that are admitted, the last of the list first. */
async function searched(
  look: Look,
  watch: Watch,
  pushes: readonly AnnouncedPush[],
  signal: AbortSignal,
): Promise<Found> {
  const wanted = new Map(
    pushes.flatMap(({ digest, pushedAt }) => (digest === null ? [] : [[digest, pushedAt] as const])),
  );
  if (wanted.size === 0) return ok(undefined);
  const listed = await look.tags(watch.repository, signal);
  if (listed.isErr()) return err(listed.error);
  const admitted = listed.value.filter((tag) => watch.policy.admits(tag)).reverse();
  for (const tag of admitted.slice(0, SEARCHED_MAX)) {
    const resolved = await look.resolve(`${watch.repository}:${tag}`, signal);
    if (resolved.isErr() && resolved.error.kind !== 'image-not-found') return err(resolved.error);
    const pushedAt = resolved.isOk() ? wanted.get(resolved.value.digest) : undefined;
    if (resolved.isOk() && pushedAt !== undefined) return ok({ tag, digest: resolved.value.digest, pushedAt });
  }
  return ok(undefined);
}
