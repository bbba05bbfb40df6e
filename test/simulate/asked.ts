/** What hosts are asked for, and what they answer. */
import { type AnyError, type Deployer, isTerminal, stageKey } from './core.js';
import type { Host } from './host.js';
import type { Life } from './life.js';
import type { Item, Request } from './script.js';
import { SECRET, type SimulatedWorld } from './world.js';

export type Answer = { isOk(): boolean; isErr(): boolean; value?: unknown; error?: AnyError };

/** Of what was asked where nobody was. */
const NOBODY: Answer = { isOk: () => false, isErr: () => true };

export interface Asked {
  readonly id: string;
  readonly request: Request;
  readonly life: Life;
  readonly hangUp: AbortController;
  answer: Answer | undefined;
  /** The deployment that it follows to its end. */
  follows?: string;
}

export const isOpen = ({ answer, life }: Asked): boolean => !answer && !life.isDead;

/** Asks a host. What it answers is in the `Asked`, as far as it lives to say it. */
export async function ask(
  world: SimulatedWorld,
  host: Host,
  { id, request }: Extract<Item, { kind: 'request' }>,
  all: Asked[],
): Promise<void> {
  if (host.plan.kind === 'command' && (host.life.isDead || host.isClosed)) host.again();
  const { life } = host;
  const asked: Asked = { id, request, life, hangUp: new AbortController(), answer: undefined };
  all.push(asked);
  const deployer = await host.ready;
  if (!deployer || life.isDead || host.isClosed) {
    asked.answer = NOBODY;
    return;
  }
  const hangUp = world.items.find((item) => item.kind === 'hang-up' && item.of === id);
  if (hangUp?.kind === 'hang-up') world.clock.after(hangUp.afterMs, () => hangsUp(world, asked));
  world.trace.say(life.name, () => `is asked: ${JSON.stringify(request)} (${id})`);
  if (request.kind === 'close') {
    await host.close(request.running);
    asked.answer = NOBODY;
    return;
  }
  const answer = await act(world, deployer, asked);
  if (life.isDead) return;
  asked.answer = answer;
  world.trace.say(life.name, () => `answers ${id}: ${said(answer)}`);
  listen(world, answer, `the answer of ${id}`);
  if (host.plan.kind === 'command') await host.close('finish');
}

function hangsUp(world: SimulatedWorld, asked: Asked): void {
  if (!isOpen(asked)) return;
  world.count.faults += 1;
  world.trace.say(asked.life.name, () => `hangs up on ${asked.id}`);
  asked.hangUp.abort(new Error('hung up'));
}

async function act(world: SimulatedWorld, deployer: Deployer, asked: Asked): Promise<Answer> {
  const { request } = asked;
  const { signal } = asked.hangUp;
  if (request.kind === 'recover') return deployer.recover({ signal });
  const plan = 'stage' in request ? world.script.stages[request.stage] : undefined;
  if (!plan || request.kind === 'close') throw new TypeError(`no such stage: ${JSON.stringify(request)}`);
  const where = { project: plan.project, stage: plan.stage };
  const key = stageKey(plan.project, plan.stage);
  const mirror = world.overhearing.mirrors[plan.store];
  const own = <T extends { readonly stageKey: string }>(records: ReadonlyMap<string, T> | undefined): T[] =>
    [...(records?.values() ?? [])].filter((record) => record.stageKey === key);
  switch (request.kind) {
    case 'deploy': {
      const wanted = {
        ...where,
        tag: request.tag,
        force: request.force,
        ...(request.policy ? { policy: request.policy, running: request.running } : {}),
        ...(request.key === null ? {} : { idempotencyKey: request.key }),
      };
      if (request.waits) return deployer.deploy(wanted, { signal });
      const handle = await deployer.submit(wanted, { signal });
      return handle.isOk() ? handle.value.result : handle;
    }
    case 'rollBack':
      return deployer.rollBack({ ...where, ...(request.to === null ? {} : { to: request.to }) }, { signal });
    case 'cancel': {
      const newest = own(mirror?.deployments).findLast(({ status }) => !isTerminal(status));
      return newest ? deployer.cancel(newest.id, { signal }) : NOBODY;
    }
    case 'removeStage':
      world.overhearing.removing.add(key);
      return deployer.remove(where, { signal });
    case 'removeInstance': {
      const instances = own(mirror?.instances);
      const chosen = instances[request.which % Math.max(1, instances.length)];
      return chosen ? deployer.remove({ instance: chosen.id }, { signal }) : NOBODY;
    }
    case 'maintenance': {
      const { message } = request;
      return deployer.maintenance(message === null ? { ...where, on: false } : { ...where, on: true, message }, {
        signal,
      });
    }
    case 'plan':
      return deployer.plan({ ...where, tag: request.tag }, { signal });
    case 'follow': {
      const newest = own(mirror?.deployments).at(-1);
      if (!newest) return NOBODY;
      asked.follows = newest.id;
      return follow(world, deployer, newest.id, signal);
    }
    default:
      return request satisfies never;
  }
}

/** A follower gets every entry once, in order, whoever runs the deployment. */
async function follow(world: SimulatedWorld, deployer: Deployer, id: string, signal: AbortSignal): Promise<Answer> {
  let last = 0;
  try {
    for await (const entry of deployer.logs(id, { follow: true, signal })) {
      if (entry.seq !== last + 1) world.report(`a follower of ${id} got entry ${entry.seq} after ${last}`);
      last = entry.seq;
      listen(world, entry, `a log entry of ${id}`);
    }
  } catch {
    // The store was away, or the host was closed: whoever wants to goes on behind the last entry.
  }
  return NOBODY;
}

export function listen(world: SimulatedWorld, heard: unknown, where: string): void {
  const text = JSON.stringify(heard, (_, value) => (value instanceof Error ? value.message : value)) ?? '';
  if (text.includes(SECRET)) world.report(`a secret is in ${where}: ${text.slice(0, 300)}`);
}

function said(answer: Answer): string {
  if (answer.isErr()) return answer.error ? `${answer.error.kind}: ${answer.error.message}` : 'nothing';
  const { status, id } = (answer.value ?? {}) as { status?: string; id?: string };
  return status ? `${id} ${status}` : JSON.stringify(answer.value ?? 'ok').slice(0, 200);
}
