/**
 * The last gate: whatever a call of a deployer answers with an error, or an iteration throws, shows no secret that this host knows. The
 * parts before it redact what they store; this is for what goes to the caller alone.
 */
import { ok, type ResultAsync } from 'neverthrow';
import { type AnyError, QuaysideError } from '../domain/errors.js';
import type { EventName, Listener } from '../events/hub.js';
import type { Secrets } from '../kernel/secrets.js';
import { redactedError } from '../kernel/stored-error.js';
import type { Deployer, Handle } from './types.js';

export function discreet(deployer: Deployer, secrets: Secrets): Deployer {
  const shown = <E extends AnyError>(error: E): E => redactedError(error, secrets.wideRedactor());
  const result = <A extends unknown[], T, E extends AnyError>(call: (...args: A) => ResultAsync<T, E>) => {
    return (...args: A): ResultAsync<T, E> => call(...args).mapErr(shown);
  };
  const handle = <A extends unknown[], E extends AnyError>(call: (...args: A) => ResultAsync<Handle, E>) => {
    return (...args: A): ResultAsync<Handle, E> =>
      call(...args)
        .mapErr(shown)
        .andThen(({ id, result: ended }) => ok({ id, result: ended.mapErr(shown) }));
  };
  const stream = <A extends unknown[], T>(call: (...args: A) => AsyncIterable<T>) =>
    async function* (...args: A): AsyncGenerator<T> {
      try {
        yield* call(...args);
      } catch (thrown) {
        throw thrown instanceof QuaysideError ? new QuaysideError(shown(thrown.error)) : thrown;
      }
    };
  /** Of what is told to this process alone the error is as it was caught. */
  const listener =
    <Name extends EventName>(call: Listener<Name>): Listener<Name> =>
    (payload) =>
      call(
        'error' in payload && 'message' in payload.error && 'cause' in payload.error
          ? ({ ...payload, error: shown(payload.error as AnyError) } as typeof payload)
          : payload,
      );
  const { deployments, instances, stages, routes, audit } = deployer;
  // Each by its name, and none by a spread: what is added to a Deployer does not compile until it is here, too.
  return {
    id: deployer.id,
    storeId: deployer.storeId,
    submit: handle(deployer.submit),
    submitRollBack: handle(deployer.submitRollBack),
    deploy: result(deployer.deploy),
    plan: result(deployer.plan),
    rollBack: result(deployer.rollBack),
    remove: result(deployer.remove),
    cancel: result(deployer.cancel),
    recover: result(deployer.recover),
    pin: result(deployer.pin),
    unpin: result(deployer.unpin),
    maintenance: result(deployer.maintenance),
    prune: result(deployer.prune),
    resealSecrets: result(deployer.resealSecrets),
    result: result(deployer.result),
    watch: result(deployer.watch),
    on: (name, call) => deployer.on(name, listener(call)),
    once: (name, call) => deployer.once(name, listener(call)),
    logs: stream(deployer.logs),
    events: stream(deployer.events),
    instanceLogs: stream(deployer.instanceLogs),
    deployments: { list: result(deployments.list), get: result(deployments.get) },
    instances: { list: result(instances.list), get: result(instances.get) },
    stages: { list: result(stages.list) },
    routes: { list: result(routes.list) },
    audit: { list: result(audit.list) },
    // What is wrong with a request is said of the request alone.
    parseRequest: deployer.parseRequest,
    close: deployer.close,
    [Symbol.asyncDispose]: deployer[Symbol.asyncDispose],
  };
}
