/** Changes of routes: a free slot is filled, the map turned to it, the old slot left. */
import type { ProxyError, Route, Target } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { domainTaken } from './errors.js';
import { cannotHold } from './holding.js';
import type { RouteMemory } from './memory.js';
import {
  type Entry,
  type Everything,
  entryValue,
  hasHolding,
  readEntry,
  readEverything,
  targetsIn,
} from './runtime-state.js';
import type { Slots } from './slots.js';
import { said, stateCommand, weightsOf } from './slots.js';
import type { RuntimeApi } from './socket.js';

export interface Editor {
  put(route: Route, signal: AbortSignal): Promise<Result<void, ProxyError>>;
  remove(
    domain: string,
    mark: string,
    signal: AbortSignal,
  ): Promise<Result<'removed' | 'absent' | 'foreign', ProxyError>>;
  /** Puts what the store has and HAProxy has not. Answers the domains. */
  restore(signal: AbortSignal): Promise<Result<readonly string[], ProxyError>>;
}

export function openEditor(parts: {
  readonly api: RuntimeApi;
  /** Of the frontend, and before those of its backends. */
  readonly name: string;
  readonly map: string;
  readonly slots: Slots;
  readonly memory: RouteMemory;
}): Editor {
  const { api, name, map, slots, memory } = parts;

  const turn = async (
    route: Route,
    slot: string,
    isNew: boolean,
    signal: AbortSignal,
  ): Promise<Result<void, ProxyError>> => {
    const answers = await api.run(
      [`${isNew ? 'add' : 'set'} map ${map} ${route.domain} ${entryValue(slot, route)}`],
      signal,
    );
    if (answers.isErr()) return err(answers.error);
    const [answer = ''] = answers.value;
    return answer === '' ? ok() : err(said(answer));
  };

  /** Serves the route, and says nothing of it to the store. */
  const serve = async (route: Route, now: Everything, signal: AbortSignal): Promise<Result<void, ProxyError>> => {
    const held = now.entries.find(({ domain }) => domain === route.domain);
    if (held && held.mark !== route.mark) return err(domainTaken(route.domain));
    const before = held ? targetsIn(now.servers, held.backend) : [];
    const inPlace = async (at: Entry): Promise<Result<void, ProxyError>> => {
      const weighed = await weigh(api, at.backend, before, route.targets, signal);
      if (weighed.isErr() || isSaid(at, route)) return weighed;
      return turn(route, at.backend, false, signal);
    };
    const isThere = held !== undefined && isSame(before, route.targets);
    if (isThere && hasWeights(before, route.targets)) return inPlace(held);
    // Other shares begin in a slot of their own: HAProxy ends a round by the old ones first, which may be hundreds of requests to one target.
    const slot = await slots.fill(route.targets, now, signal);
    if (slot.isErr()) return isThere && slot.error.code === 'full' ? inPlace(held) : err(slot.error);
    const turned = await turn(route, slot.value, held === undefined, signal);
    // Whatever became of it: the one that no entry leads to is emptied.
    slots.leave(slot.value);
    if (held) slots.leave(held.backend);
    return turned;
  };

  return {
    async put(route, signal) {
      const now = await readEverything(api, map, signal);
      if (now.isErr()) return err(now.error);
      if (route.holding && !hasHolding(now.value, name)) return err(cannotHold(name));
      const served = await serve(route, now.value, signal);
      return served.isErr() ? err(served.error) : memory.keep(route, signal);
    },

    async remove(domain, mark, signal) {
      const held = await readEntry(api, map, domain, signal);
      if (held.isErr()) return err(held.error);
      if (held.value && held.value.mark !== mark) return ok('foreign');
      // First of all: whoever restores now must not bring it back.
      const forgotten = await memory.forget(domain, mark, signal);
      if (forgotten.isErr()) return err(forgotten.error);
      if (!held.value) return ok('absent');
      const answers = await api.run([`del map ${map} ${domain}`], signal);
      if (answers.isErr()) return err(answers.error);
      slots.leave(held.value.backend);
      const [answer = ''] = answers.value;
      return answer === '' || answer.startsWith('Key not found') ? ok('removed') : err(said(answer));
    },

    async restore(signal) {
      const kept = await memory.all(signal);
      if (kept.isErr()) return err(kept.error);
      const restored: string[] = [];
      if (kept.value.length === 0) return ok(restored);
      const seen = await readEverything(api, map, signal);
      if (seen.isErr()) return err(seen.error);
      const isMissing = ({ domain, mark }: Route, { entries, servers }: Everything) => {
        const entry = entries.find((each) => each.domain === domain);
        // The map's file may have outlived the servers.
        return !entry || (entry.mark === mark && targetsIn(servers, entry.backend).length === 0);
      };
      for (const { domain } of kept.value.filter((route) => isMissing(route, seen.value))) {
        // Both once more: somebody else may be at it, or have removed it.
        const now = await readEverything(api, map, signal);
        if (now.isErr()) return err(now.error);
        const route = await memory.get(domain, signal);
        if (route.isErr()) return err(route.error);
        if (!route.value || !isMissing(route.value, now.value)) continue;
        const served = await serve(route.value, now.value, signal);
        if (served.isErr() && served.error.kind !== 'domain-taken') return err(served.error);
        const still = await memory.get(domain, signal);
        if (still.isOk() && !still.value) await api.run([`del map ${map} ${domain}`], signal);
        else restored.push(domain);
      }
      return ok(restored);
    },
  };
}

/** What the entry says beside the backend. */
const isSaid = (at: Entry, { sticky = false, holding }: Route): boolean =>
  at.isSticky === sticky &&
  at.holding?.message === holding?.message &&
  at.holding?.retryAfterMs === holding?.retryAfterMs;

const keyOf = ({ instance, host, port }: Target): string => `${instance} ${host} ${port}`;

const isSame = (a: readonly Target[], b: readonly Target[]): boolean =>
  a.length === b.length && b.every((target) => a.some((other) => keyOf(other) === keyOf(target)));

const hasWeights = (before: readonly Target[], targets: readonly Target[]): boolean => {
  const weights = weightsOf(targets);
  return targets.every((target, index) =>
    before.some((held) => keyOf(held) === keyOf(target) && held.weight === weights[index]),
  );
};

/** The same servers, perhaps with other shares: nothing that runs is touched. */
async function weigh(
  api: RuntimeApi,
  slot: string,
  before: readonly Target[],
  targets: readonly Target[],
  signal: AbortSignal,
): Promise<Result<void, ProxyError>> {
  const weights = weightsOf(targets);
  const commands = targets.flatMap((target, index) => {
    const held = before.find((each) => keyOf(each) === keyOf(target));
    const weight = weights[index] ?? 0;
    const isAsItWas = held?.weight === weight;
    const server = `${slot}/${target.instance}`;
    return [...(isAsItWas ? [] : [`set server ${server} weight ${weight}`]), stateCommand(server, weight)];
  });
  const answers = await api.run(commands, signal);
  if (answers.isErr()) return err(answers.error);
  const wrong = answers.value.find((answer) => answer !== '');
  return wrong === undefined ? ok() : err(said(wrong));
}
