/**
 * Slots: the empty backends of the configuration. A route's new value is put into a free one, and only then the map's entry is turned to
 * it: one command, which every request after it obeys. What runs in the old one finishes there, and it is emptied later.
 *
 * Several processes share HAProxy. A slot belongs to the one whose server named `claim` HAProxy took: a second one of that name is refused.
 *
 *   free ──add claim──▶ claimed ──add servers──▶ filled ──set map──▶ serving ──set map away──▶ left ──emptied──▶ free
 */
import type { Clock, ProxyError, Target } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { refused } from './errors.js';
import { CLAIM, type Everything, readEverything, type Server, slotsOf } from './runtime-state.js';
import type { RuntimeApi } from './socket.js';
import { deleteServers, serversIn, showServers } from './statistics.js';

/**
 * How long a slot that no entry leads to stays as it is. A request that had looked the map up before and not yet chosen a server is served
 * within that time; and whoever has just filled a slot has turned the map to it by then.
 */
const LEFT_MS = 2_000;
/** HAProxy's weights go from 0 to 256. */
const WEIGHT_MAX = 256;

export interface Slots {
  /** Fills a free slot with these targets; answers its name. */
  fill(targets: readonly Target[], now: Everything, signal: AbortSignal): Promise<Result<string, ProxyError>>;
  /** Nothing leads to it any more: it is emptied when nothing runs in it, now or later. */
  leave(slot: string): void;
  /** Empties what has been left for long enough. Answers how many became free. */
  sweep(signal: AbortSignal): Promise<number>;
  end(): void;
}

export function openSlots(parts: {
  readonly api: RuntimeApi;
  readonly map: string;
  readonly name: string;
  readonly clock: Clock;
}): Slots {
  const { api, map, name, clock } = parts;
  const isSlot = slotsOf(name);
  /** Since when a slot has been seen without an entry, by our own clock. */
  const leftSinceMs = new Map<string, number>();
  const ended = new AbortController();
  /** One that was used before ends its earlier round first: the others have their turn before it. */
  let last: string | undefined;
  let cancel: (() => void) | undefined;

  /** Empties a slot as far as it can be: a server goes only when nothing runs on it. */
  const empty = async (slot: string, servers: readonly Server[], signal: AbortSignal): Promise<boolean> => {
    const names = servers.filter(({ backend }) => backend === slot).map((server) => server.name);
    const others = names.filter((each) => each !== CLAIM);
    if (others.length > 0) {
      const stopped = await api.run(
        [...others.map((each) => `set server ${slot}/${each} state maint`), showServers(slot)],
        signal,
      );
      if (stopped.isErr()) return false;
      const idle = serversIn(stopped.value.at(-1) ?? '').filter(
        ({ server, inFlight }) => inFlight === 0 && others.includes(server),
      );
      const deleted = await deleteServers(api, name, idle, signal);
      if (deleted < others.length) return false;
    }
    // The claim last: until then nobody else fills it.
    const freed = await api.run([`del server ${slot}/${CLAIM}`], signal);
    return freed.isOk();
  };

  const sweepAt = async (now: Everything, signal: AbortSignal): Promise<number> => {
    const used = new Set(now.entries.map(({ backend }) => backend));
    const taken = new Set(now.servers.map(({ backend }) => backend).filter(isSlot));
    const nowMs = clock.monotonicMs();
    for (const slot of leftSinceMs.keys()) if (used.has(slot) || !taken.has(slot)) leftSinceMs.delete(slot);
    let freed = 0;
    for (const slot of taken) {
      if (used.has(slot)) continue;
      const sinceMs = leftSinceMs.get(slot) ?? nowMs;
      leftSinceMs.set(slot, sinceMs);
      if (nowMs - sinceMs < LEFT_MS) continue;
      if (await empty(slot, now.servers, signal)) {
        leftSinceMs.delete(slot);
        freed += 1;
      }
    }
    return freed;
  };

  const sweep = async (signal: AbortSignal): Promise<number> => {
    const now = await readEverything(api, map, signal);
    return now.isOk() ? sweepAt(now.value, signal) : 0;
  };

  const later = () => {
    if (cancel || ended.signal.aborted) return;
    cancel = clock.after(LEFT_MS + 100, () => {
      cancel = undefined;
      void sweep(ended.signal).then(() => {
        if (leftSinceMs.size > 0) later();
      });
    });
  };

  /** Takes the first slot that it is given: of two who want the same one HAProxy refuses the second. */
  const claim = async (
    free: readonly string[],
    signal: AbortSignal,
  ): Promise<Result<string | undefined, ProxyError>> => {
    for (const slot of free) {
      const answer = await api.run([`add server ${slot}/${CLAIM} 127.0.0.1:1`], signal);
      if (answer.isErr()) return err(answer.error);
      if (isAdded(answer.value[0] ?? '')) return ok(slot);
    }
    return ok(undefined);
  };

  return {
    async fill(targets, now, signal) {
      const freeIn = ({ backends, servers }: Everything) => {
        const taken = new Set(servers.map(({ backend }) => backend));
        const all = backends.filter(isSlot);
        const start = last === undefined ? 0 : all.indexOf(last) + 1;
        return [...all.slice(start), ...all.slice(0, start)].filter((backend) => !taken.has(backend));
      };
      let slot = await claim(freeIn(now), signal);
      if (slot.isOk() && slot.value === undefined) {
        await sweepAt(now, signal);
        const again = await readEverything(api, map, signal);
        if (again.isErr()) return err(again.error);
        slot = await claim(freeIn(again.value), signal);
      }
      if (slot.isErr()) return err(slot.error);
      if (slot.value === undefined) return err(full(name, now.backends.filter(isSlot).length));
      const filled = slot.value;
      last = filled;
      const commands = serverCommands(filled, targets);
      const answers = await api.run(commands, signal);
      const wrong = answers.isOk() ? answers.value.find((answer) => answer !== '' && !isAdded(answer)) : undefined;
      if (answers.isOk() && wrong === undefined) return ok(filled);
      leftSinceMs.set(filled, clock.monotonicMs());
      later();
      return err(answers.isErr() ? answers.error : said(wrong ?? ''));
    },
    leave(slot) {
      if (!isSlot(slot)) return;
      leftSinceMs.set(slot, clock.monotonicMs());
      later();
    },
    sweep,
    end() {
      ended.abort(new Error('closed'));
      cancel?.();
    },
  };
}

/** The commands that put these targets into an empty slot. */
const serverCommands = (slot: string, targets: readonly Target[]): string[] => {
  const weights = weightsOf(targets);
  return targets.flatMap(({ instance, host, port }, index) => [
    `add server ${slot}/${instance} ${authority(host)}:${port} weight ${weights[index]}`,
    stateCommand(`${slot}/${instance}`, weights[index] ?? 0),
  ]);
};

/**
 * One of weight 0 would be sent nobody either, except those who stay with it by their cookie. What runs on it goes on in maintenance.
 * @param server `backend/server`
 */
export const stateCommand = (server: string, weight: number): string =>
  `set server ${server} state ${weight > 0 ? 'ready' : 'maint'}`;

/**
 * Shares as HAProxy's whole weights, in least terms: the smaller they are the shorter is a round, and what is changed has effect with the
 * next one. The greatest is 256 where they are not whole. A share that is not 0 stays one.
 */
export function weightsOf(targets: readonly Target[]): number[] {
  const shares = targets.map(({ weight = 1 }) => weight);
  const greatest = Math.max(...shares);
  if (greatest <= 0) return shares.map(() => 0);
  const isFine = shares.every((share) => Number.isInteger(share) && share <= WEIGHT_MAX);
  const scale = isFine ? 1 : WEIGHT_MAX / greatest;
  const whole = shares.map((share) => (share <= 0 ? 0 : Math.max(1, Math.round(share * scale))));
  const divisor = whole.reduce(greatestDivisor);
  return whole.map((weight) => weight / divisor);
}

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b));

const authority = (host: string): string => (host.includes(':') ? `[${host}]` : host);
const isAdded = (answer: string): boolean => answer.startsWith('New server registered');

export const said = (answer: string): ProxyError =>
  refused('said', `HAProxy says: ${answer.split('\n')[0] ?? ''}`, 'Read its management guide; 2.6 or newer is needed.');

const full = (name: string, count: number): ProxyError =>
  refused(
    'full',
    count === 0
      ? `HAProxy has no backend ${name}-0, ${name}-1, ….`
      : `All ${count} backends ${name}-… of HAProxy are taken.`,
    count === 0
      ? 'Use the configuration that haproxyConfiguration() makes, with the same `name`.'
      : 'Raise `slots` in its configuration: every domain needs one, and another while it is replaced.',
  );
