import { statfs } from 'node:fs/promises';
import { bytesText } from '../terminal/quantities.js';
import type { Check } from './checks.js';
import { type Finding, failed, good, skipped, warning } from './finding.js';

/** Where engines of this machine keep images, unless they were told otherwise. */
const ENGINE_FOLDERS = ['/var/lib/docker', '/var/lib/containers'];
const HINT = 'Make room: `quayside prune` removes what is too old, `docker system df` says what else there is.';

/** What is free where the store most likely is, and where a local engine keeps its images. */
export const checkDisk: Check = async ({ folder }) => {
  const places = [['beside the configuration', folder], ...ENGINE_FOLDERS.map((each) => [`in ${each}`, each])] as const;
  const found: Finding[] = [];
  const seen = new Set<string>();
  for (const [where, path] of places) {
    const space = await statfs(path).catch(() => undefined);
    if (!space) continue;
    const totalBytes = space.blocks * space.bsize;
    const freeBytes = space.bavail * space.bsize;
    // Folders of one file system are one disk.
    const disk = `${space.type} ${totalBytes} ${space.files} ${freeBytes}`;
    if (seen.has(disk) || totalBytes === 0) continue;
    seen.add(disk);
    found.push(judged(where ?? '', freeBytes, totalBytes));
  }
  return found.length > 0 ? found : [skipped('disk', 'it could not be asked')];
};

export function judged(where: string, freeBytes: number, totalBytes: number): Finding {
  const percent = Math.round((100 * freeBytes) / totalBytes);
  const text = `${bytesText(freeBytes)} of ${bytesText(totalBytes)} are free ${where} (${percent} %)`;
  if (freeBytes < 200e6) return failed('disk', text, HINT);
  return freeBytes < 2e9 || percent < 5 ? warning('disk', text, HINT) : good('disk', text);
}
