/** Makes a failing run shorter: leaves out requests, deaths and faults, one part after the other, while it still fails. */
import { type Played, play } from './play.js';
import type { Script } from './script.js';

/** So many runs at most: a person is waiting. */
const RUNS_MAX = 600;

/** @returns what can be left out, and the run without it */
export async function shrink(script: Script, first: Played): Promise<{ without: ReadonlySet<string>; played: Played }> {
  let without = new Set<string>();
  let played = first;
  let runs = 0;
  const attempt = async (parts: readonly string[]): Promise<boolean> => {
    runs += 1;
    const next = new Set([...without, ...parts]);
    const tried = await play(script, { without: next });
    if (tried.broken.length === 0) return false;
    without = next;
    played = tried;
    return true;
  };
  const left = () => played.parts.filter((part) => !without.has(part));
  // Halves first, then smaller and smaller shares; a share that could be left out brings the larger ones back into play.
  for (let size = Math.ceil(left().length / 2); size >= 1 && runs < RUNS_MAX; ) {
    let hasShrunk = false;
    for (let at = 0; at < left().length && runs < RUNS_MAX; ) {
      if (await attempt(left().slice(at, at + size))) hasShrunk = true;
      else at += size;
    }
    if (size === 1 && !hasShrunk) break;
    size = Math.max(1, Math.floor(size / 2));
  }
  return { without, played: await play(script, { without, isRead: true }) };
}
