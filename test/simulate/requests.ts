/**
 * What the hosts of a script are asked for, and what befalls just that: whoever asks hangs up, the cutover's proof is refused, a change of
 * maintenance is broken off.
 */
import type { Dice } from './dice.js';
import { GOOD_TAG, type HostPlan, type Item, type Request, type StagePlan } from './script.js';

export const TAGS = ['v1', 'v2', 'v3', 'v4'] as const;

/** What the first requests are, where they are no matter of chance: a cutover from something that serves takes a deployment before it that works. */
type Opening = readonly ('first' | 'maintenance' | 'deploy')[];

const OPENINGS: readonly Opening[] = [[], [], [], ['first'], ['first', 'maintenance', 'deploy']];

export function writeRequests(
  chance: Dice,
  { hosts, stages, latencyMs }: { hosts: readonly HostPlan[]; stages: readonly StagePlan[]; latencyMs: number },
): Item[] {
  const items: Item[] = [];
  let atMs = 0;
  const opening = chance.pick('opening', OPENINGS);
  // Most defects take one or two requests, and a short run costs a third of a long one.
  const count = Math.max(chance.pick('requests', [1, 1, 2, 2, 3, 4]), opening.length);
  for (let number = 0; number < count; number += 1) {
    const id = `r${number + 1}`;
    const of = (what: string) => `${id} ${what}`;
    const begins = opening[number];
    const stage = begins ? 0 : chance.whole(of('stage'), 0, stages.length - 1);
    const plan = stages[stage] as StagePlan;
    const able = hosts.filter((host) => host.store === plan.store && host.engine === plan.engine);
    const host = chance.pick(of('host'), able);
    const request = writeOpening(chance, of, begins, stage) ?? writeRequest(chance, of, stage, number);
    items.push({ id, kind: 'request', atMs, host: host.name, request });
    // Longer than a proof waits: the cutover is taken back.
    if (begins === 'deploy' && chance.has(of('unproved'), 0.4))
      items.push({ id: `${id}-lie`, kind: 'lie', proxy: plan.engine, atMs, ms: 15_000 });
    // A few calls are all that a change of maintenance takes.
    if (begins === 'maintenance' && chance.has(of('broken off'), 0.3)) {
      const afterMs = chance.whole(of('broken off after'), 0, 12 * latencyMs);
      items.push({ id: `${id}-kill`, kind: 'kill-at', host: host.name, atMs: atMs + afterMs });
    }
    if (chance.has(of('hang-up'), 0.12))
      items.push({ id: `${id}-up`, kind: 'hang-up', of: id, afterMs: chance.whole(of('hang-up after'), 0, 600) });
    const long = () => chance.whole(of('long'), 500, 4_000);
    // At once, a moment later, or when the one before is through.
    atMs += begins ? long() : chance.pick(of('gap'), [0, chance.whole(of('short'), 1, 300), long()]);
  }
  if (chance.has('configure', 0.3))
    items.push({ id: 'c1', kind: 'configure', atMs: chance.whole('configure at', 0, atMs) });
  return items;
}

function writeOpening(
  chance: Dice,
  of: (what: string) => string,
  begins: Opening[number] | undefined,
  stage: number,
): Request | undefined {
  if (!begins) return undefined;
  if (begins === 'maintenance') return { kind: 'maintenance', stage, message: chance.pick(of('message'), MESSAGES) };
  const tag = begins === 'first' ? GOOD_TAG : chance.pick(of('tag'), TAGS);
  return { kind: 'deploy', stage, tag, force: false, waits: true, policy: null, running: 'finish', key: null };
}

const MESSAGES = ['one', 'two'] as const;

function writeRequest(chance: Dice, of: (what: string) => string, stage: number, number: number): Request {
  const kind = chance.roll(of('kind'));
  // Before the first deployment there is nothing to roll back or to remove, and visitors to be held all the same.
  if (number === 0 ? chance.has(of('held'), 0.08) : kind < 0.14) {
    return { kind: 'maintenance', stage, message: chance.pick(of('message'), [...MESSAGES, null]) };
  }
  if (number === 0 || kind < 0.66) {
    const tag = chance.pick(of('tag'), TAGS);
    return {
      kind: 'deploy',
      stage,
      tag,
      force: chance.has(of('force'), 0.15),
      waits: chance.has(of('waits'), 0.7),
      policy: chance.has(of('policy'), 0.3) ? chance.pick(of('which policy'), POLICIES) : null,
      running: chance.has(of('running'), 0.3) ? 'cancel' : 'finish',
      key: chance.has(of('key'), 0.1) ? 'again' : null,
    };
  }
  if (kind < 0.78)
    return { kind: 'rollBack', stage, to: chance.has(of('to'), 0.3) ? chance.pick(of('to tag'), TAGS) : null };
  if (kind < 0.83) return { kind: 'removeInstance', stage, which: chance.whole(of('which'), 0, 3) };
  if (kind < 0.86) return { kind: 'removeStage', stage };
  if (kind < 0.92) return { kind: 'cancel', stage };
  if (kind < 0.93) return { kind: 'recover' };
  if (kind < 0.95) return { kind: 'follow', stage };
  if (kind < 0.98) return { kind: 'plan', stage, tag: chance.pick(of('tag'), TAGS) };
  return { kind: 'close', running: chance.pick(of('running'), ['finish', 'cancel'] as const) };
}

const POLICIES = ['queue', 'supersede', 'reject'] as const;
