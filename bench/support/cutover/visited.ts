/** Visitors while something is done: their process, from its start to what it has seen. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startNode } from '../../../test/support/child.js';
import { eventually } from '../../../test/support/engine.js';
import type { Order, Seen } from './visitors.js';

export const VISITORS = new URL('visitors.ts', import.meta.url);

export interface VisitOptions {
  /** `VISITORS`, bundled. */
  readonly script: string;
  /** For the file of what they have seen. */
  readonly folder: string;
  /** When they are ended, whatever becomes of the work. */
  readonly limitMs: number;
  /** What to start them by, for another network than this one's: `PrivateEngine.within`. */
  readonly within?: readonly string[];
}

/** Lets the visitors come while the work is done, a second ahead of it, and answers what they saw. */
export async function visited(
  { script, folder, limitMs, within = [] }: VisitOptions,
  order: Order,
  work: () => Promise<void>,
): Promise<Seen> {
  const file = join(folder, 'seen.json');
  const child = startNode([script, file, JSON.stringify(order)], limitMs, within);
  try {
    await eventually('the visitors come', () => child.lines.includes('visiting'));
    await until(Date.now() + 1_000);
    await work();
  } finally {
    child.process.stdin.end();
  }
  const how = await child.ended;
  if (how !== 0) throw new Error(`The visitors ended with ${how}: ${child.errors()}`);
  return JSON.parse(await readFile(file, 'utf8')) as Seen;
}

/** @param ms since the epoch */
export function until(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms - Date.now())));
}
