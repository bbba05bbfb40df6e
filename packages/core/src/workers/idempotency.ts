/** Idempotency keys: the same request, sent again under its key within a day, means the deployment that the first one made. */
import { err, ok, type ResultAsync } from 'neverthrow';
import { type AnyError, failure, type TaggedError } from '../domain/errors.js';
import { hashText } from '../domain/hash.js';
import { canonicalJson, type Json } from '../domain/json.js';
import type { IdempotencyRecord } from '../domain/records.js';
import type { Host } from '../flow/host.js';
import { routine } from '../kernel/routine.js';
import type { Change } from '../ports/store.js';

/** By the wall clock: an age. */
const KEPT_MS = 86_400_000;

/** A request's key, and what it stands for. */
export interface Keyed {
  readonly stageKey: string;
  readonly key: string;
  /** A hash of all that was asked for. */
  readonly payload: string;
}

/** @param env goes in by the host's own fingerprint alone: a hash of a secret could be tried against guesses */
export function keyedRequest(
  host: Pick<Host, 'sealer'>,
  { stageKey, key }: Pick<Keyed, 'stageKey' | 'key'>,
  asked: { readonly [field: string]: Json | undefined },
  env: { readonly [name: string]: string },
): ResultAsync<Keyed, AnyError> {
  return routine(async function* () {
    const { sealer } = host;
    const hasEnv = sealer !== null && Object.keys(env).length > 0;
    const sealed = hasEnv ? yield* sealer.fingerprint(canonicalJson(env)) : null;
    return ok<Keyed, AnyError>({ stageKey, key, payload: hashText(canonicalJson({ ...asked, env: sealed })) });
  });
}

export interface KeyLookUp {
  /** The deployment that the key stands for; null: it is free. */
  readonly known: string | null;
  /** Takes the key: refused where somebody was quicker. */
  take(deployment: string): readonly Change[];
}

export function lookUpKey(host: Host, keyed: Keyed, signal: AbortSignal): ResultAsync<KeyLookUp, AnyError> {
  const { stageKey, key, payload } = keyed;
  const id = JSON.stringify([stageKey, key]);
  const now = host.clock.now();
  return routine(async function* () {
    const stored = yield* host.store.get('idempotency', id, { signal });
    const isKept = stored !== undefined && now - stored.value.at < KEPT_MS;
    if (isKept && stored.value.payload !== payload) return err(conflict(key, stored.value.deployment));
    return ok<KeyLookUp, AnyError>({
      known: isKept ? stored.value.deployment : null,
      take(deployment) {
        const record: IdempotencyRecord = { id, deployment, payload, at: now };
        return [
          stored
            ? { op: 'put', collection: 'idempotency', record, version: stored.version }
            : { op: 'insert', collection: 'idempotency', record },
        ];
      },
    });
  });
}

const conflict = (key: string, deployment: string): TaggedError<'idempotency-conflict'> =>
  failure(
    'idempotency-conflict',
    `The idempotency key "${key}" was given to another request of this stage: deployment ${deployment}.`,
    'Give each request a key of its own.',
    { details: { deployment } },
  );
