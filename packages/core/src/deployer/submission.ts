/** From a request, checked field by field, to what is stored of it. */
import { ok, okAsync, type ResultAsync } from 'neverthrow';
import type { AnyError } from '../domain/errors.js';
import type { Json } from '../domain/json.js';
import { stageKey } from '../domain/records.js';
import { sealOverrides } from '../flow/environment.js';
import type { Host } from '../flow/host.js';
import { findStage } from '../flow/resolve.js';
import { routine } from '../kernel/routine.js';
import type { Known, Submission } from '../workers/accept.js';
import type { Keyed } from '../workers/idempotency.js';
import { late } from './late.js';
import { rollBackTarget } from './roll-back.js';
import type { AnyStage, DeployRequest, RollBackOptions } from './types.js';

export function deploySubmission(
  host: Host,
  asked: DeployRequest,
  signal: AbortSignal,
): ResultAsync<Submission | Known, AnyError> {
  const { env = {}, by, policy, running, idempotencyKey, force = false, ...rest } = asked;
  return routine(async function* () {
    const sealed = yield* sealOverrides(host, env);
    const meant = { kind: 'deploy', ...rest, force, policy, running };
    const { keyed, known } = yield* askedBefore(host, asked, meant, env, signal);
    if (known) return ok<Submission | Known, AnyError>({ known });
    // Refused before anything is stored; what the configuration says when it runs is what counts.
    const stage = yield* findStage(host, asked, { signal });
    return ok<Submission | Known, AnyError>({
      kind: 'deploy',
      keyed,
      request: {
        ...rest,
        force,
        env: sealed,
        policy: policy ?? stage.policy,
        running: running ?? stage.running,
        ...said({ by, idempotencyKey }),
      },
    });
  });
}

export function rollBackSubmission(
  host: Host,
  asked: AnyStage & RollBackOptions,
  signal: AbortSignal,
): ResultAsync<Submission | Known, AnyError> {
  const { project, stage, to, by, policy, running, idempotencyKey, force = false } = asked;
  return routine(async function* () {
    const { keyed, known } = yield* askedBefore(
      host,
      asked,
      { kind: 'rollback', to, force, policy, running },
      {},
      signal,
    );
    if (known) return ok<Submission | Known, AnyError>({ known });
    const target = yield* rollBackTarget(host, asked, signal);
    // A stage that left the configuration can be rolled back all the same.
    const configured = policy && running ? undefined : (await findStage(host, asked, { signal })).unwrapOr(undefined);
    return ok<Submission | Known, AnyError>({
      kind: 'rollback',
      keyed,
      request: {
        project,
        stage,
        tag: target.tag,
        force,
        rollBackTo: target.id,
        env: [],
        policy: policy ?? configured?.policy ?? 'queue',
        running: running ?? configured?.running ?? 'finish',
        ...said({ by, idempotencyKey }),
      },
    });
  });
}

/** What its key means, and what it stands for already. Who asks is not part of what is asked for. */
function askedBefore(
  host: Host,
  { project, stage, idempotencyKey: key }: AnyStage & { readonly idempotencyKey?: string },
  meant: { readonly [field: string]: Json | undefined },
  env: { readonly [name: string]: string },
  signal: AbortSignal,
): ResultAsync<{ readonly keyed: Keyed | null; readonly known: string | null }, AnyError> {
  if (key === undefined) return okAsync({ keyed: null, known: null });
  return routine(async function* () {
    const { keyedRequest, lookUpKey } = await late.idempotency();
    const keyed = yield* keyedRequest(host, { stageKey: stageKey(project, stage), key }, meant, env);
    const { known } = yield* lookUpKey(host, keyed, signal);
    return ok({ keyed, known });
  });
}

/** Without what was not said: a stored request has no field that is `undefined`. */
const said = <T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
