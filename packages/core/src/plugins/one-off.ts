/**
 * A container that runs one command of the deployment's image and is removed. Its name is in the journal before it exists, so that whoever
 * undoes the step removes what a death has left of it.
 */
import { err, errAsync, ok, type ResultAsync } from 'neverthrow';
import { type AnyError, QuaysideError } from '../domain/errors.js';
import type { Json } from '../domain/json.js';
import { dashed, LABEL_LENGTH_MAX } from '../domain/names.js';
import { type Environment, plainOf, reviveEnv } from '../flow/environment.js';
import { type Flow, missingPort } from '../flow/flow.js';
import { openly } from '../flow/known-secrets.js';
import { envOfToday, secretsOf } from '../flow/resolve.js';
import { makeNetwork, removeNetworks, removeOurs } from '../flow/steps/create.js';
import { routine } from '../kernel/routine.js';
import type { ContainerRef, ContainerSpec } from '../ports/container-runtime.js';
import type { OneOff, OneOffOptions } from './types.js';

/** What the journal keeps of a plugin's step. */
export interface StepIntent {
  /** The plugin's own. */
  readonly own: Json;
  /** The container that it was about to make; null: none yet. */
  readonly container: string | null;
  /** Networks that may have been made for it. */
  readonly networks: readonly string[];
}

type Ended = Awaited<ReturnType<OneOff['runToEnd']>>;

/** @param step as the journal calls it */
export const oneOff = (flow: Flow, step: string, ms: number, signal: AbortSignal): OneOff => ({
  async runToEnd(command, options = {}) {
    const ended = await runToEnd(flow, step, command, options, ms, signal);
    if (ended.isErr()) throw new QuaysideError(ended.error);
    return ended.value;
  },
});

function runToEnd(
  flow: Flow,
  step: string,
  command: readonly string[],
  options: OneOffOptions,
  ms: number,
  signal: AbortSignal,
): ResultAsync<Ended, AnyError> {
  const { runtime } = flow.host;
  const run = runtime.runToEnd?.bind(runtime);
  if (!run) return missingPort('runtime that can run a container to its end (`runToEnd`)');
  return routine(async function* () {
    const env = yield* environment(flow, signal);
    const spec = containerOf(flow, step, env, command, options);
    yield* announce(flow, step, spec);
    const once = () =>
      flow.effect(`Running ${command[0] ?? 'a command'} in ${spec.name}`, signal, (call) => run(spec, call), {
        ms,
        setting: 'timeout',
      });
    let ended = await once();
    if (ended.isErr() && ended.error.kind === 'network-missing') {
      for (const { name } of spec.networks) yield* makeNetwork(flow, name, signal);
      ended = await once();
    }
    if (ended.isErr()) return err(ended.error);
    const { exitCode, output } = ended.value;
    return ok<Ended, AnyError>({ exitCode, output: flow.ledger.redactor.text(output) });
  });
}

/** Ends otherwise than any deployment's own container, which ends in its id. */
function nameOf(step: string, deployment: string): string {
  const end = `-${deployment}-run`;
  return `${dashed(step).slice(0, LABEL_LENGTH_MAX - end.length)}${end}`;
}

function containerOf(
  { host, ledger, spec }: Flow,
  step: string,
  env: Environment,
  command: readonly string[],
  { entrypoint, env: more }: OneOffOptions,
): ContainerSpec {
  const { container } = spec;
  const [network] = container.networks;
  return {
    ...container,
    name: nameOf(step, ledger.record.id),
    owner: { storeId: host.storeId, deployment: ledger.record.id },
    project: spec.project,
    stage: spec.stage,
    tag: spec.tag,
    image: spec.image.reference,
    command: [...command],
    entrypoint: entrypoint ? [...entrypoint] : container.entrypoint,
    env: { ...env, ...more },
    // Nobody is led to it: neither by a port nor by a name that the app has.
    port: null,
    ports: [],
    expose: [],
    networks: network ? [{ name: network.name, aliases: [] }] : [],
    restart: 'no',
    options: spec.options.runtime,
  };
}

/** Into the journal first. */
function announce(flow: Flow, step: string, { name, networks }: ContainerSpec): ResultAsync<void, AnyError> {
  const { ledger } = flow;
  const { journal } = ledger;
  const entry = journal?.entries.find((each) => each.step === step);
  // Without its entry nobody would ever remove it.
  if (!journal || !entry) return errAsync(notBegun(step));
  const intent = entry.intent as unknown as StepIntent;
  const told = { ...intent, container: name, networks: networks.map((each) => each.name) } satisfies StepIntent;
  return ledger.commit({
    journal: {
      ...journal,
      entries: journal.entries.map((each) => (each === entry ? { ...each, intent: told as unknown as Json } : each)),
    },
  });
}

const notBegun = (step: string): AnyError => ({
  kind: 'plugin-failed',
  message: `Step ${step} is over: nothing is run for it any more.`,
  hint: 'Wait for `runToEnd` within `run` or `undo`.',
  retryable: false,
});

/** That of the run where it has one; after a death, or where nothing was to be created, as it was kept. */
function environment(flow: Flow, signal: AbortSignal): ResultAsync<Environment, AnyError> {
  const { env, host, ledger, spec } = flow;
  const { record } = ledger;
  return routine(async function* () {
    if (spec.env.every(({ name }) => Object.hasOwn(env, name))) return ok<Environment, AnyError>(env);
    const revived = yield* reviveEnv(host, spec.env, () => envOfToday(host, record, spec, { signal }));
    ledger.redactor = host.secrets.redactor(secretsOf(revived.env, plainOf(spec.env), spec.health), openly(record));
    return ok<Environment, AnyError>(revived.env);
  });
}

/** Removes what may be left of it. */
export function removeOneOff(
  flow: Flow,
  { container, networks }: StepIntent,
  signal: AbortSignal,
  wasOpen: boolean,
): ResultAsync<void, AnyError> {
  const { host, ledger } = flow;
  return routine(async function* () {
    if (container === null) return ok(undefined);
    const ref: ContainerRef = { name: container, owner: { storeId: host.storeId, deployment: ledger.record.id } };
    yield* removeOurs(flow, ref, signal, wasOpen);
    yield* removeNetworks(flow, networks, signal);
    return ok<void, AnyError>(undefined);
  });
}
