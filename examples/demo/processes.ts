/** The process table, for what the demo has started: its children, and whatever carries its mark in its environment. */
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessLeft {
  readonly pid: number;
  readonly command: string;
}

/**
 * Descendants of this process, and everything with `mark` (`NAME=value`) in its environment: so a container's process is found too,
 * whose parent is the engine's.
 */
export function processesLeft(mark: string): readonly ProcessLeft[] {
  const table = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => describe(Number(name)))
    .filter((each) => each !== undefined);
  const mine = new Set([process.pid]);
  // A child may stand before its parent in the table: again, until nobody comes in any more.
  for (let before = 0; before < mine.size; ) {
    before = mine.size;
    for (const { pid, parent } of table) if (mine.has(parent)) mine.add(pid);
  }
  return table.filter(
    ({ pid, environment }) => pid !== process.pid && (mine.has(pid) || environment.split('\0').includes(mark)),
  );
}

function describe(pid: number) {
  const read = (file: string): string => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8');
    } catch {
      // It has ended meanwhile, or belongs to somebody else.
      return '';
    }
  };
  const stat = read('stat');
  // The name stands in parentheses and may have some of its own; then come the state and the parent.
  const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (stat === '' || state === 'Z') return undefined;
  const command = read('cmdline').split('\0').join(' ').trim();
  return { pid, parent: Number(parent), command, environment: read('environ') };
}
