/**
 * The secrets of a deployment that is not under way here any more: what its container prints, and what its tasks fail of, is redacted by
 * them. They are remembered by the process that ran it; anywhere else they are opened from its spec, and what was not kept for want of a
 * key is taken from today's configuration, as far as that has it without asking anybody.
 */
import { ok } from 'neverthrow';
import { matchStage } from '../config/stage-pattern.js';
import { type DeploymentRecord, stageOf, type TaskRecord } from '../domain/records.js';
import type { Spec } from '../domain/spec.js';
import type { Redactor } from '../kernel/redactor.js';
import { guard } from '../kernel/routine.js';
import { scope } from '../kernel/scope.js';
import type { Sealer } from '../ports/sealer.js';
import { envContext, openOverrides } from './environment.js';
import { headerContext, isSecretHeader, withAndWithoutScheme } from './health-secrets.js';
import type { Host } from './host.js';

type Named = Pick<DeploymentRecord, 'id' | 'project' | 'stage' | 'tag'>;

/** What is public about a deployment anyway: a secret of the same text is none. */
export const openly = ({ project, stage, tag }: Pick<DeploymentRecord, 'project' | 'stage' | 'tag'>): string[] => [
  project,
  stage,
  tag,
];

/** Never fails: what cannot be found out leaves what this process knows anyway. */
export async function redactorOf(host: Host, of: Named, signal: AbortSignal): Promise<Redactor> {
  const known = host.secrets.of(of.id) ?? (await recorded(host, of, signal));
  return host.secrets.redactor(known, openly(of));
}

export async function redactorOfTask(host: Host, task: TaskRecord, signal: AbortSignal): Promise<Redactor> {
  if (task.kind === 'notify') return host.secrets.redactor();
  const id = task.kind === 'retire' ? task.subject : (task.deployment ?? task.subject);
  return redactorOf(host, { id, ...stageOf(task.stageKey), tag: '' }, signal);
}

async function recorded(host: Host, of: Named, signal: AbortSignal): Promise<readonly string[]> {
  const stored = await host.store.get('specs', of.id, { signal });
  const spec = stored.isOk() ? stored.value?.value.spec : undefined;
  if (!spec) return [];
  const values = [...(await opened(host, spec)), ...(await ofToday(host, spec, signal))];
  host.secrets.remember(of.id, values, openly(of));
  return values;
}

async function opened({ sealer }: Host, spec: Spec): Promise<string[]> {
  const values: string[] = [];
  const { health } = spec;
  const headers = health.kind === 'http' ? Object.entries(health.sealedHeaders ?? {}) : [];
  const sealed = [
    ...spec.env.flatMap((each) => (each.kept === 'sealed' ? [[each.sealed, envContext(each.name)] as const] : [])),
    ...headers.flatMap(([name, text]) => (text === null ? [] : [[text, headerContext(name)] as const])),
  ];
  for (const [text, context] of sealer ? sealed : []) {
    const value = await (sealer as Sealer).open(text, context);
    // A key that is gone, or a service that is away, would be asked in vain for each of them.
    if (value.isErr()) break;
    // With its scheme, where it is a header, and without.
    values.push(...withAndWithoutScheme(value.value));
  }
  return values;
}

async function ofToday(host: Host, spec: Spec, signal: AbortSignal): Promise<string[]> {
  const missing = new Set(spec.env.flatMap(({ kept, name }) => (kept === 'no' ? [name] : [])));
  return missing.size === 0 ? [] : writtenToday(host, spec, (name) => missing.has(name), signal);
}

/** What the configuration of today says in so many words: nobody is asked for a value. */
async function writtenToday(
  host: Host,
  { project: name, stage }: Pick<Spec, 'project' | 'stage'>,
  isWanted: (name: string) => boolean,
  signal: AbortSignal,
): Promise<string[]> {
  const project = await host.projects(name, { signal });
  if (project.isErr()) return [];
  const layers = [host.settings, project.value, matchStage(project.value.stages, stage)?.stage];
  return layers.flatMap((layer) => {
    const headers = Object.entries(layer?.healthcheck?.headers ?? {}).flatMap(([header, value]) =>
      isSecretHeader(header) ? withAndWithoutScheme(value) : [],
    );
    if (layer?.env === undefined || typeof layer.env === 'function') return headers;
    const values = Object.entries(layer.env).flatMap(([variable, value]) => {
      if (!isWanted(variable) || typeof value === 'function') return [];
      return typeof value === 'string' ? [value] : 'secret' in value ? [value.secret] : [];
    });
    return [...headers, ...values];
  });
}

/** How long a failed deployment is kept from its end by a host's own look-up of projects. */
const LOOKUP_MS = 1_000;

/** Of a deployment that never came to have an environment: what it brought along, and what is written down for its stage. */
export async function redactorOfRequest(host: Host, record: DeploymentRecord): Promise<Redactor> {
  const bound = scope(host.clock, [host.ended], LOOKUP_MS);
  const { signal } = bound;
  const overrides = await openOverrides(host, record.request.env);
  const isPlain = (name: string) => host.settings.plainEnv?.includes(name) ?? false;
  const looked = guard(async () => ok(await writtenToday(host, record, (name) => !isPlain(name), signal)));
  const written = (await looked).unwrapOr([]);
  bound.end();
  return host.secrets.redactor([...Object.values(overrides.unwrapOr({})), ...written], openly(record));
}
