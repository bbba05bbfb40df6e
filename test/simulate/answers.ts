/** What callers were told, held against what the store says in the end. */
import type { Asked } from './asked.js';
import type { SimulatedWorld } from './world.js';

export function brokenAnswers(world: SimulatedWorld, asked: readonly Asked[]): string[] {
  const broken: string[] = [];
  const keyed = new Map<string, string>();
  for (const { id, answer, life, request } of asked) {
    const told = toldOf(answer);
    if (!told) continue;
    const record = world.overhearing.mirrors[life.plan.store]?.deployments.get(told.id);
    if (!record) broken.push(`${id} was answered with deployment ${told.id}, which nobody has recorded`);
    else if (told.state === 'cancelling' && record.status === 'succeeded')
      broken.push(`${id} was told that ${told.id} is being cancelled, and it has succeeded`);
    else if (told.state === undefined && told.status !== record.status)
      broken.push(`${id} was answered ${told.status}, and ${told.id} is ${record.status}`);
    if (request.kind !== 'deploy' || request.key === null) continue;
    const key = JSON.stringify([request.stage, request.key, request.tag, request.force]);
    const first = keyed.get(key) ?? told.id;
    keyed.set(key, first);
    if (first !== told.id) broken.push(`${id} has the key ${request.key} of ${first}, and made ${told.id}`);
  }
  return broken;
}

interface Told {
  readonly id: string;
  readonly status: string;
  /** Of a cancel. */
  readonly state: string | undefined;
}

/** Which deployment a caller was told of, and what of it. */
function toldOf(answer: Asked['answer']): Told | undefined {
  const value = (answer?.isOk() ? answer.value : answer?.error) as Record<string, unknown> | undefined;
  if (!value) return undefined;
  const of = (value['deployment'] ?? value) as Record<string, unknown>;
  const { id, status } = of;
  if (typeof id !== 'string' || typeof status !== 'string') return undefined;
  return { id, status, state: typeof value['state'] === 'string' ? value['state'] : undefined };
}
