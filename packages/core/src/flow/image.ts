/** Which image a tag means now, and whether the engine has it already. Nothing is pulled here. */
import { err, ok, type ResultAsync } from 'neverthrow';
import { type AnyError, failure } from '../domain/errors.js';
import { pinned, tagged } from '../domain/reference.js';
import type { PullPolicy, SpecImage } from '../domain/spec.js';
import { routine } from '../kernel/routine.js';
import type { CallOptions } from '../ports/call.js';
import type { LocalImage } from '../ports/container-runtime.js';
import type { Host } from './host.js';

export interface ResolvedImage {
  readonly image: SpecImage;
  /** As the engine has it; undefined: it has to be pulled. */
  readonly local: LocalImage | undefined;
}

interface Wanted {
  readonly repository: string;
  readonly tag: string;
  /** Exactly this one, whatever the tag points to. */
  readonly digest: string | undefined;
  readonly pull: PullPolicy;
}

type ImageHost = Pick<Host, 'call' | 'registry' | 'runtime'>;

export function resolveImage(
  host: ImageHost,
  wanted: Wanted,
  { signal }: CallOptions,
): ResultAsync<ResolvedImage, AnyError> {
  const { repository, tag, pull } = wanted;
  const reference = tagged(repository, tag);
  const look = (name: string) =>
    host.call(`Looking for ${name}`, signal, (options) => host.runtime.image(name, options));
  const found = (digest: string, from: string, local: LocalImage | undefined): ResolvedImage => ({
    image: { repository, tag, digest, reference: from, pull },
    local,
  });
  const asLocal = (local: LocalImage): ResolvedImage => {
    const known = local.digests.find((each) => each.startsWith(`${repository}@`)) ?? local.digests[0];
    const digest = known?.split('@')[1];
    // One that was only built here has no digest of a registry: its own id stands for it.
    return known && digest ? found(digest, known, local) : found(local.id, local.id, local);
  };
  return routine(async function* () {
    if (wanted.digest !== undefined) {
      const exact = pinned(repository, wanted.digest);
      const local = yield* look(exact);
      if (!local && pull === 'never') return err(absent(exact));
      return ok(found(wanted.digest, exact, local));
    }
    if (pull !== 'always') {
      const local = yield* look(reference);
      if (local) return ok(asLocal(local));
      if (pull === 'never') return err(absent(reference));
    }
    const resolver = host.registry ?? host.runtime;
    // At once: most often the engine's is the one that the tag still means.
    const [resolved, known] = await Promise.all([
      host.call(`Resolving ${reference}`, signal, (options) => resolver.resolve(reference, options)),
      look(reference),
    ]);
    if (resolved.isOk()) {
      const exact = pinned(repository, resolved.value.digest);
      const isKnown = known.isOk() && known.value?.digests.includes(exact);
      return ok(found(resolved.value.digest, exact, isKnown ? known.value : yield* look(exact)));
    }
    // No registry knows what was only built here.
    const local = resolved.error.kind === 'aborted' ? undefined : yield* known;
    return local && local.digests.length === 0 ? ok(asLocal(local)) : err(resolved.error);
  });
}

/** The policy forbids to fetch it. */
export const absent = (reference: string): AnyError =>
  failure(
    'image-not-found',
    `The engine has no image ${reference}, and the stage's pull policy is 'never'.`,
    `Bring it there, or choose the policy 'missing' or 'always'.`,
  );
