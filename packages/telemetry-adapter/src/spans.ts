/**
 * A span per deployment, with a child for its wait in line and one per step. They are made at its end, from what its record says: so a
 * deployment whose host died has all of them as well, from whoever ended it, and nothing has to be kept open meanwhile.
 *
 * Where it was asked for in this process amid another span, it is that one's child.
 */
import {
  type Attributes,
  type Context,
  context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { type Deployment, type Instance, TERMINAL_EVENTS } from '@quayside/core/ports';
import { ATTRIBUTES, OWN } from './attributes.js';
import { type Observable, outcomeOf } from './observe.js';

/** Requests whose deployments have not ended here: of more than these the oldest lose their parent. */
const PARENTS_MAX = 1_000;
const MESSAGE_MAX = 1_000;

/** @returns stops it, where the source can be left again */
export function traceFrom(source: Observable, tracer: Tracer): () => void {
  const parents = new Map<string, Context>();
  const remember = ({ id }: Deployment) => {
    const active = context.active();
    if (parents.has(id) || trace.getSpan(active) === undefined) return;
    parents.set(id, active);
    for (const oldest of parents.keys()) {
      if (parents.size <= PARENTS_MAX) break;
      parents.delete(oldest);
    }
  };
  const offs = [
    source.on('deployment.queued', ({ deployment }) => remember(deployment)),
    ...TERMINAL_EVENTS.map((name) =>
      source.on(name, (payload) => {
        const { deployment } = payload;
        const parent = parents.get(deployment.id) ?? ROOT_CONTEXT;
        parents.delete(deployment.id);
        record(tracer, parent, deployment, 'instance' in payload ? payload.instance : null);
      }),
    ),
  ];
  return () => {
    parents.clear();
    for (const off of offs) off?.();
  };
}

function record(tracer: Tracer, parent: Context, deployment: Deployment, instance: Instance | null): void {
  const { queuedAt, startedAt, endedAt, error, steps, kind, project } = deployment;
  const endMs = endedAt ?? Math.max(queuedAt, ...steps.map((step) => step.startedAt + (step.durationMs ?? 0)));
  const options = {
    kind: SpanKind.INTERNAL,
    startTime: new Date(queuedAt),
    attributes: attributesOf(deployment, instance),
  };
  const span = tracer.startSpan(`${kind} ${project}`, options, parent);
  const within = trace.setSpan(parent, span);
  if (startedAt !== null) child(tracer, within, 'queue', [queuedAt, startedAt], {}, undefined);
  for (const step of steps) {
    const outcome = outcomeOf(step, deployment);
    // One whose host died in it has no end of its own: it ended with the deployment, as far as anybody knows.
    const stepEndMs = step.durationMs === null ? endMs : step.startedAt + step.durationMs;
    const attributes = { [OWN.step]: step.name, [OWN.stepStatus]: step.status };
    const cause = outcome === 'failed' && error ? error : undefined;
    child(tracer, within, step.name, [step.startedAt, stepEndMs], attributes, cause);
  }
  if (deployment.status === 'failed' || deployment.status === 'abandoned')
    span.setStatus({ code: SpanStatusCode.ERROR, ...(error ? { message: messageOf(error) } : {}) });
  span.end(new Date(Math.max(endMs, queuedAt)));
}

function child(
  tracer: Tracer,
  within: Context,
  name: string,
  [startMs, endMs]: readonly [number, number],
  attributes: Attributes,
  error: Deployment['error'] | undefined,
): void {
  const span = tracer.startSpan(name, { startTime: new Date(startMs), attributes }, within);
  if (error) {
    span.setAttribute(ATTRIBUTES.error, error.kind);
    span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
  }
  // A wall clock may have been set back meanwhile.
  span.end(new Date(Math.max(startMs, endMs)));
}

function attributesOf({ id, project, stage, tag, kind, status, digest, error }: Deployment, instance: Instance | null) {
  return {
    [ATTRIBUTES.deploymentId]: id,
    [ATTRIBUTES.deploymentName]: `${project}/${stage}`,
    ...(status === 'succeeded' || status === 'failed' ? { [ATTRIBUTES.deploymentStatus]: status } : {}),
    [ATTRIBUTES.environment]: stage,
    [ATTRIBUTES.imageTags]: [tag],
    ...(digest === null ? {} : { [ATTRIBUTES.digest]: digest }),
    ...(instance === null ? {} : { [ATTRIBUTES.container]: instance.container }),
    ...(error === null ? {} : { [ATTRIBUTES.error]: error.kind }),
    [OWN.project]: project,
    [OWN.stage]: stage,
    [OWN.kind]: kind,
    [OWN.status]: status,
  } satisfies Attributes;
}

/** As the store has it: without secrets. */
const messageOf = ({ step, message }: NonNullable<Deployment['error']>): string =>
  `${step === undefined ? '' : `${step}: `}${message}`.slice(0, MESSAGE_MAX);
