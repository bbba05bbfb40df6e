/** Sealed values under the key that seals now: opened by whichever key fits, and sealed anew where that is another one. */
import { ok, okAsync, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { DeploymentRequest } from '../domain/records.js';
import type { Spec, SpecVariable } from '../domain/spec.js';
import { routine } from '../kernel/routine.js';
import { envContext } from './environment.js';
import { headerContext, reviveHealth } from './health-secrets.js';
import type { Host } from './host.js';
import { fingerprintOf } from './resolve.js';

export interface Resealed<T> {
  readonly value: T;
  /** Values, and a fingerprint, that are others now. */
  readonly resealed: number;
  /** Values that are under that key already. */
  readonly current: number;
  /** Names of values that no key opens. */
  readonly unreadable: readonly string[];
}

type Sealing = Pick<Host, 'sealer' | 'storeId'>;

class Count {
  resealed = 0;
  current = 0;
  readonly unreadable: string[] = [];

  /** The text as it is to be kept. A sealer that cannot tell which key it was seals everything anew. */
  reseal({ sealer }: Sealing, sealed: string, context: string, name: string): ResultAsync<string, AnyError> {
    const count = this;
    return routine(async function* () {
      if (!sealer) return ok<string, AnyError>(sealed);
      if (sealer.isCurrent?.(sealed)) {
        count.current += 1;
        return ok<string, AnyError>(sealed);
      }
      const opened = await sealer.open(sealed, context);
      // One that may be tried again is no verdict about the key.
      if (opened.isErr() && opened.error.retryable) yield* opened;
      if (opened.isErr()) {
        count.unreadable.push(name);
        return ok<string, AnyError>(sealed);
      }
      const anew = yield* sealer.seal(opened.value, context);
      count.resealed += 1;
      return ok<string, AnyError>(anew);
    });
  }

  of<T>(value: T): Resealed<T> {
    return { value, resealed: this.resealed, current: this.current, unreadable: this.unreadable };
  }
}

export function resealOverrides(
  host: Sealing,
  env: DeploymentRequest['env'],
): ResultAsync<Resealed<DeploymentRequest['env']>, AnyError> {
  const count = new Count();
  return routine(async function* () {
    const kept: { name: string; sealed: string }[] = [];
    for (const { name, sealed } of env)
      kept.push({ name, sealed: yield* count.reseal(host, sealed, envContext(name), name) });
    return ok<Resealed<DeploymentRequest['env']>, AnyError>(count.of(kept));
  });
}

/** @param running the fingerprint of what runs by it: made anew with it; null: nothing does */
export function resealSpec(host: Sealing, spec: Spec, running: string | null): ResultAsync<Resealed<Spec>, AnyError> {
  const count = new Count();
  return routine(async function* () {
    const env: SpecVariable[] = [];
    for (const each of spec.env)
      env.push(
        each.kept === 'sealed'
          ? { ...each, sealed: yield* count.reseal(host, each.sealed, envContext(each.name), each.name) }
          : each,
      );
    const { health } = spec;
    const sealedHeaders: Record<string, string | null> = {};
    if (health.kind === 'http')
      for (const [name, sealed] of Object.entries(health.sealedHeaders ?? {}))
        sealedHeaders[name] = sealed && (yield* count.reseal(host, sealed, headerContext(name), name));
    const isSealed = Object.keys(sealedHeaders).length > 0;
    const anew: Spec = { ...spec, env, health: isSealed ? ({ ...health, sealedHeaders } as Spec['health']) : health };
    if (running === null || count.unreadable.length > 0) return ok<Resealed<Spec>, AnyError>(count.of(anew));
    const fingerprint = yield* fingerprintAnew(host, anew);
    if (fingerprint === null || fingerprint === running) return ok<Resealed<Spec>, AnyError>(count.of(anew));
    count.resealed += 1;
    return ok<Resealed<Spec>, AnyError>(count.of({ ...anew, fingerprint }));
  });
}

/** Null where a value was not kept: nobody can make it then. */
function fingerprintAnew(host: Sealing, spec: Spec): ResultAsync<string | null, AnyError> {
  return routine(async function* () {
    const env: Record<string, string> = {};
    for (const variable of spec.env) {
      if (variable.kept === 'no' || !host.sealer) return ok<string | null, AnyError>(null);
      env[variable.name] =
        variable.kept === 'plain'
          ? variable.value
          : yield* host.sealer.open(variable.sealed, envContext(variable.name));
    }
    const { health } = spec;
    if (health.kind === 'http' && Object.values(health.sealedHeaders ?? {}).includes(null))
      return ok<string | null, AnyError>(null);
    const revived = yield* reviveHealth(host, health, () => okAsync(health));
    return fingerprintOf(host, { ...spec, health: revived }, env);
  });
}
