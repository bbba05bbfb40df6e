/**
 * The secrets of a deployment that is not under way here any more: what its container prints, and what its tasks fail of, is redacted by
 * them. They are remembered by the process that ran it; anywhere else they are opened from its spec, and what was not kept for want of a
 * key is taken from today's configuration, as far as that has it without asking anybody.
 */
import { matchStage } from '../config/stage-pattern.js';
import { type DeploymentRecord, stageOf, type TaskRecord } from '../domain/records.js';
import type { Spec } from '../domain/spec.js';
import type { Redactor } from '../kernel/redactor.js';
import type { Sealer } from '../ports/sealer.js';
import { envContext } from './environment.js';
import { headerContext } from './health-secrets.js';
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
    values.push(value.value, value.value.replace(/^(?:Basic|Bearer|Token) +/, ''));
  }
  return values;
}

async function ofToday(host: Host, spec: Spec, signal: AbortSignal): Promise<string[]> {
  const missing = new Set(spec.env.flatMap(({ kept, name }) => (kept === 'no' ? [name] : [])));
  if (missing.size === 0) return [];
  const project = await host.projects(spec.project, { signal });
  if (project.isErr()) return [];
  const layers = [host.settings.env, project.value.env, matchStage(project.value.stages, spec.stage)?.stage.env];
  return layers.flatMap((layer) => {
    if (layer === undefined || typeof layer === 'function') return [];
    return Object.entries(layer).flatMap(([name, value]) => {
      if (!missing.has(name) || typeof value === 'function') return [];
      return typeof value === 'string' ? [value] : 'secret' in value ? [value.secret] : [];
    });
  });
}
