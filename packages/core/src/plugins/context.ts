/** What a plugin is told of a deployment, and what it may say of it. Made anew for each call, and of no use after that. */
import { ok, type ResultAsync } from 'neverthrow';
import { type AnyError, QuaysideError } from '../domain/errors.js';
import type { Json } from '../domain/json.js';
import type { LogEntry } from '../domain/records.js';
import type { Spec } from '../domain/spec.js';
import type { Mode } from '../flow/extensions.js';
import type { Flow } from '../flow/flow.js';
import { isSecretHeader } from '../flow/health-secrets.js';
import { REDACTED } from '../kernel/redactor.js';
import { routine } from '../kernel/routine.js';
import { sleep } from '../kernel/scope.js';
import { plainJson } from './call.js';
import type { DeploymentContext, HookContext, PluginLog, PublicSpec, StepQuestion } from './types.js';

/** Where what it says goes. */
export interface Sink {
  log(level: LogEntry['level'], message: string, data: Json): void;
  event(name: string, data: Json): void;
}

/** Into the deployment's own log and events, with its next commit or one of their own soon. */
export const ledgerSink = ({ ledger }: Flow, plugin: string, prefix = `${plugin}: `): Sink => ({
  log: (level, message, data) => ledger.log(level, `${prefix}${message}`, data),
  event: (name, data) =>
    ledger.noteSoon({
      events: (deployment) => [{ type: 'plugin.event', payload: { plugin, name, deployment, data } }],
    }),
});

const MESSAGE_MAX = 16_384;
const EVENT_NAME = /^[\w.:-]{1,100}$/;

/** Runs `work` with a context; what is said with it after `work` has ended is thrown away. */
export async function withContext<T>(
  flow: Flow,
  signal: AbortSignal,
  sink: Sink,
  work: (context: DeploymentContext) => T,
): Promise<Awaited<T>> {
  let isOver = false;
  const say =
    (level: LogEntry['level']) =>
    (message: unknown, data?: unknown): void => {
      if (isOver) return;
      const plain = plainJson(data);
      const shown = plain.isOk() ? plain.value : `(${plain.error})`;
      sink.log(level, String(message).slice(0, MESSAGE_MAX), shown);
    };
  const log: PluginLog = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
  try {
    return await work({
      ...aboutOf(flow),
      deploymentId: flow.ledger.record.id,
      by: flow.ledger.record.request.by ?? null,
      log,
      signal,
      async sleep(ms) {
        const slept = await sleep(flow.host.clock, Math.max(0, Number(ms) || 0), signal);
        if (slept.isErr()) throw new QuaysideError(slept.error);
      },
      emit(name, data) {
        if (isOver) return;
        const plain = plainJson(data);
        if (!EVENT_NAME.test(String(name)))
          throw new TypeError('emit: expected a name of 1 to 100 letters, digits, dots, colons and dashes.');
        if (plain.isErr()) throw new TypeError(`emit: expected plain JSON, got ${plain.error}.`);
        sink.event(String(name), plain.value);
      },
    });
  } finally {
    isOver = true;
  }
}

type About = Omit<StepQuestion, 'mode'>;

const aboutOf = ({ ledger: { record, redactor }, spec }: Flow): About => ({
  kind: record.kind,
  project: record.project,
  stage: record.stage,
  tag: record.tag,
  digest: spec.image.digest,
  spec: redactor.json(publicSpec(spec) as unknown as Json) as unknown as PublicSpec,
});

/** A copy, without what the store keeps sealed. */
function publicSpec({ env, fingerprint: _keyed, ...rest }: Spec): PublicSpec {
  const copy = JSON.parse(JSON.stringify(rest)) as typeof rest;
  const { health } = copy;
  return {
    ...copy,
    env: env.map((each) => (each.kept === 'plain' ? { name: each.name, value: each.value } : { name: each.name })),
    health: health.kind === 'http' ? { ...health, headers: hidden(health.headers) } : health,
  };
}

const hidden = (headers: { readonly [name: string]: string }): { readonly [name: string]: string } =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, isSecretHeader(name) ? REDACTED : value]));

/** Its routes move to another deployment's instance, or to its own. */
export const modeOf = ({ target, ledger }: Flow): Mode =>
  target.owner.deployment === ledger.record.id ? 'create' : 'cutover';

export const questionOf = (flow: Flow): StepQuestion => ({ ...aboutOf(flow), mode: modeOf(flow) });

/** Of a hook or a step beside what it shares with an undo: where the instances are. */
export type Surrounding = Pick<HookContext, 'mode' | 'instance' | 'previous'>;

/** @param isStarted whether the new instance runs by then */
export function surroundingOf(flow: Flow, isStarted: boolean, signal: AbortSignal): ResultAsync<Surrounding, AnyError> {
  const { host, previous, spec, target } = flow;
  const mode = modeOf(flow);
  return routine(async function* () {
    const runs = isStarted || mode === 'cutover';
    const container = runs
      ? yield* flow.call(`Inspecting ${target.name}`, signal, (options) =>
          host.runtime.inspect(target.name, { ...options, port: spec.port }),
        )
      : undefined;
    return ok<Surrounding, AnyError>({
      mode,
      instance: runs
        ? { id: target.owner.deployment, container: target.name, endpoints: container?.endpoints ?? [] }
        : null,
      previous: previous && {
        id: previous.id,
        container: previous.container,
        tag: previous.spec.tag,
        digest: previous.spec.image.digest,
      },
    });
  });
}
