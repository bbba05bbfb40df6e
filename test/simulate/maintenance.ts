/** Maintenance as the rules have it: what visitors of a route are to get, and what speaks against it. Pure, by what was committed and what is served. */
import type { Change, MemoryProxy, RouteRecord, StageRecord } from './core.js';
import type { Mirror } from './mirror.js';

/** Whether visitors of a route are to be told to come again. */
export const isToHold = (route: RouteRecord | undefined, stage: StageRecord | undefined): boolean =>
  route?.owner.kind !== 'tagged' && stage?.maintenance !== undefined;

/** Nobody's visitors are held, or let in, by the way. */
export function isUntold(before: StageRecord | undefined, now: StageRecord, changes: readonly Change[]): boolean {
  if (before?.maintenance?.message === now.maintenance?.message) return false;
  const isTold = changes.some(
    (change) =>
      change.op === 'append' &&
      change.entries.some((entry) => (entry as { readonly type?: string }).type === 'stage.maintenance'),
  );
  return !isTold;
}

/** What is wrong with a put: amid a change either is right. */
export function putWrongly(
  { routes, stages, tasks }: Mirror,
  { domain, holding }: { readonly domain: string; readonly holding?: object },
): string | undefined {
  const record = routes.get(domain);
  const isHeld = isToHold(record, stages.get(record?.stageKey ?? ''));
  if (isChanging(tasks, record?.stageKey) || isHeld === (holding !== undefined)) return undefined;
  return `${domain} is put to ${isHeld ? 'let visitors in' : 'hold visitors'}, and is not to`;
}

/** What is wrong once a change, or one that was broken off, has come to its end: what visitors get is what the record says. */
export function disagreeing(
  { routes, stages, tasks }: Mirror,
  proxy: Pick<MemoryProxy, 'routes'>,
  stageKey: string,
  isExcused: (route: RouteRecord) => boolean,
): string[] {
  if (isChanging(tasks, stageKey)) return [];
  return [...routes.values()].flatMap((route) => {
    const { id, instance, mark, owner, state } = route;
    if (route.stageKey !== stageKey || owner.kind === 'tagged' || state !== 'live' || instance === null) return [];
    const held = proxy.routes.get(id);
    const isHeld = isToHold(route, stages.get(stageKey));
    if (held?.mark !== mark || isExcused(route) || isHeld === (held.holding !== undefined)) return [];
    return [`${id} ${isHeld ? 'lets visitors in' : 'holds visitors'}, and nothing is left to change that`];
  });
}

const isChanging = (tasks: Mirror['tasks'], stageKey: string | undefined): boolean =>
  [...tasks.values()].some((task) => task.kind === 'hold' && task.stageKey === stageKey);
