/** Images: looked up, resolved at their registry, pulled, removed. */
import {
  aborted,
  type CallOptions,
  type LocalImage,
  type PullProgress,
  parseReference,
  type RuntimeError,
  timedOut,
} from '@quayside/core/ports';
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import { authFor, type CredentialSource } from './credentials.js';
import { attempt, type Engine } from './engine.js';
import { imageInUse, referenceInvalid, refused, registryRefusal, unreachable } from './faults.js';
import { jsonLines, Stalled } from './streams.js';

export interface Images {
  resolve(reference: string, options: CallOptions): ResultAsync<{ readonly digest: string }, RuntimeError>;
  image(reference: string, options: CallOptions): ResultAsync<LocalImage | undefined, RuntimeError>;
  pull(
    reference: string,
    options: CallOptions & { readonly onProgress?: (progress: PullProgress) => void },
  ): ResultAsync<LocalImage, RuntimeError>;
  remove(reference: string, options: CallOptions): ResultAsync<void, RuntimeError>;
}

/** The part of `GET /images/{name}/json` that is read here. */
interface ImageInspection {
  readonly Id: string;
  readonly RepoDigests: readonly string[] | null;
  readonly Config?: {
    readonly Healthcheck?: { readonly Test?: readonly string[] | null } | null;
    readonly ExposedPorts?: { readonly [port: string]: unknown } | null;
  } | null;
}

/** One event of a pull's stream. */
interface PullEvent {
  readonly id?: string;
  readonly status?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string };
}

export function imagesOf(
  engine: Engine,
  { credentials, pullStallMs }: { readonly credentials: CredentialSource; readonly pullStallMs: number },
): Images {
  const look = async (
    reference: string,
    options: CallOptions,
  ): Promise<Result<LocalImage | undefined, RuntimeError>> => {
    if (!isLookedUp(reference)) return err(referenceInvalid(reference));
    const call = {
      what: `Looking for ${reference}`,
      method: 'GET',
      path: `/images/${encoded(reference)}/json`,
    } as const;
    const answer = await engine.send<ImageInspection>(call, options);
    if (answer.isErr()) return err(answer.error);
    if (answer.value.ok) return ok(localImage(answer.value.body));
    return answer.value.status === 404 ? ok(undefined) : err(refused(answer.value));
  };

  const fetchAll = async (
    reference: string,
    options: CallOptions & { readonly onProgress?: (progress: PullProgress) => void },
  ): Promise<Result<void, RuntimeError>> => {
    const { signal, onProgress } = options;
    const parts = parseReference(reference);
    if (!parts) return err(referenceInvalid(reference));
    const { registry } = parts;
    const auth = await authFor(credentials, registry, { signal });
    if (auth.isErr()) return err(signal.aborted ? aborted(`Pulling ${reference}`, signal.reason) : auth.error);
    const what = `Pulling ${reference}`;
    // Beside a digest the engine takes no tag.
    const query = { fromImage: repositoryOf(reference), tag: parts.digest ?? parts.tag ?? 'latest' };
    const call = {
      what,
      method: 'POST',
      path: '/images/create',
      query,
      auth: auth.value,
      extraMs: pullStallMs,
    } as const;
    const answer = await engine.open(call, { signal });
    if (answer.isErr()) return err(answer.error);
    if (!answer.value.ok) return err(registryRefusal(answer.value, reference, registry));
    try {
      for await (const event of jsonLines<PullEvent>(answer.value.body, pullStallMs)) {
        const message = event.errorDetail?.message ?? event.error;
        if (message !== undefined) return err(registryRefusal({ status: null, message }, reference, registry));
        tell(onProgress, event);
      }
      return ok(undefined);
    } catch (cause) {
      if (signal.aborted) return err(aborted(what, signal.reason));
      if (cause instanceof Stalled) return err({ ...timedOut(what, pullStallMs), code: 'stalled' });
      return err(unreachable(engine.place(), cause));
    }
  };

  return {
    resolve: (reference, { signal }) =>
      attempt(async () => {
        const parts = parseReference(reference);
        if (!parts) return err(referenceInvalid(reference));
        const auth = await authFor(credentials, parts.registry, { signal });
        if (auth.isErr()) return err(signal.aborted ? aborted(`Resolving ${reference}`, signal.reason) : auth.error);
        const path = `/distribution/${encoded(reference)}/json`;
        const answer = await engine.send<{ readonly Descriptor: { readonly digest: string } }>(
          { what: `Resolving ${reference}`, method: 'GET', path, auth: auth.value },
          { signal },
        );
        if (answer.isErr()) return err(answer.error);
        if (!answer.value.ok) return err(registryRefusal(answer.value, reference, parts.registry));
        return ok({ digest: answer.value.body.Descriptor.digest });
      }),
    image: (reference, options) => attempt(() => look(reference, options)),
    pull: (reference, options) =>
      attempt(async () => {
        const fetched = await fetchAll(reference, options);
        if (fetched.isErr()) return err(fetched.error);
        const image = await look(reference, options);
        if (image.isErr()) return err(image.error);
        if (image.value) return ok(image.value);
        const message = `${reference} was pulled, and is gone again`;
        return err(registryRefusal({ status: 404, message }, reference, 'The engine'));
      }),
    remove: (reference, options) =>
      attempt(async () => {
        if (!isLookedUp(reference)) return err(referenceInvalid(reference));
        const call = {
          what: `Removing ${reference}`,
          method: 'DELETE',
          path: `/images/${encoded(reference)}`,
        } as const;
        const answer = await engine.send(call, options);
        if (answer.isErr()) return err(answer.error);
        if (answer.value.ok || answer.value.status === 404) return ok(undefined);
        return err(answer.value.status === 409 ? imageInUse(reference, answer.value.message) : refused(answer.value));
      }),
  };
}

const IMAGE_ID = /^(sha256:)?[0-9a-f]{12,64}$/;

/** What the engine may be asked for: nothing that would lead to another path. */
const isLookedUp = (reference: string): boolean => IMAGE_ID.test(reference) || parseReference(reference) !== undefined;

const encoded = (reference: string): string => reference.split('/').map(encodeURIComponent).join('/');

const repositoryOf = (reference: string): string => {
  const name = reference.split('@', 1)[0] ?? reference;
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
};

function localImage({ Id, RepoDigests, Config }: ImageInspection): LocalImage {
  const test = Config?.Healthcheck?.Test ?? [];
  return {
    id: Id,
    digests: RepoDigests ?? [],
    // `HEALTHCHECK NONE` takes an inherited one away.
    hasHealthcheck: test.length > 0 && test[0] !== 'NONE',
    ports: Object.keys(Config?.ExposedPorts ?? {}).flatMap((key) => {
      const [, port] = /^(\d+)(?:\/tcp)?$/.exec(key) ?? [];
      return port ? [Number(port)] : [];
    }),
  };
}

/** `Status: …` and `Digest: …` at the end, and `Pulling from …` with the tag as its id, are about the whole. */
function tell(onProgress: ((progress: PullProgress) => void) | undefined, event: PullEvent): void {
  if (!onProgress || event.status === undefined) return;
  const { current, total } = event.progressDetail ?? {};
  const layer = event.id !== undefined && /^[0-9a-f]{12,64}$/.test(event.id) ? event.id : null;
  try {
    onProgress({ layer, status: event.status, currentBytes: current ?? null, totalBytes: total ?? null });
  } catch {
    // A progress bar that fails is no reason to stop the pull, and has nobody here to be told to.
  }
}
