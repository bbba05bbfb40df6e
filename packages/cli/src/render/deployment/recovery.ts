/** What a recovery at the start has found, in one line. */
import type { RecoveryReport } from '@quayside/core';

/** Undefined where there is nothing to tell. */
export function recoveryText({
  settled,
  finished,
  unfinished,
  needsHost,
  healed,
  lost,
}: RecoveryReport): string | undefined {
  const parts = [
    counted(settled.length, 'interrupted deployment undone', 'interrupted deployments undone'),
    counted(finished.length, 'leftover cleared away', 'leftovers cleared away'),
    counted(healed.length, 'route led to its instance again', 'routes led to their instances again'),
    counted(lost.length, 'instance is lost: its container is gone', 'instances are lost: their containers are gone'),
    counted(unfinished.length, 'cannot be undone yet', 'cannot be undone yet'),
    counted(needsHost.length, 'needs another host', 'need another host'),
  ];
  const said = parts.filter((part) => part !== undefined);
  return said.length > 0 ? `recovered: ${said.join(', ')}` : undefined;
}

const counted = (count: number, one: string, many: string): string | undefined =>
  count === 0 ? undefined : `${count} ${count === 1 ? one : many}`;
