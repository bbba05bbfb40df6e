/** What SQLite and the file system say, as errors that say what to do. */
import { bug, type StoreError } from '@quayside/core/ports';

/** When it happened: only of a commit that was under way is it unknown whether it arrived. */
export type Phase = 'open' | 'read' | 'change' | 'commit';

type Fault = Pick<StoreError, 'message' | 'hint'> & { readonly kind: 'store-refused' | 'store-unavailable' };

/** libsql's name of SQLite's result code, or Node's of a system error; undefined for what is neither. */
export function codeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const { code } = thrown as { code?: unknown };
  if (typeof code === 'string' && code !== '') return code;
  // libsql tells of a failed opening only so: `ConnectionFailed("Unable to open connection to local database /x: 14")`
  return /^ConnectionFailed\(.*: 14"\)$/.test(thrown.message) ? 'SQLITE_CANTOPEN' : undefined;
}

/** Somebody else has the lock: to be tried again. */
export const isBusy = (thrown: unknown): boolean => /^SQLITE_(BUSY|LOCKED)/.test(codeOf(thrown) ?? '');

export function describeFault(thrown: unknown, path: string, phase: Phase): StoreError {
  const code = codeOf(thrown);
  const fault = code === undefined ? undefined : faultOf(code, path);
  if (!code || !fault) return bug(thrown);
  // A flush that failed may have reached the disk all the same, and come to light after a crash.
  const outcome = phase === 'commit' && fault.kind === 'store-unavailable' ? 'unknown' : 'refused';
  return { ...fault, code, retryable: fault.kind === 'store-unavailable', outcome, cause: thrown };
}

export const lockedOut = (path: string, waitedMs: number): StoreError => ({
  kind: 'store-unavailable',
  code: 'SQLITE_BUSY',
  message: `Another process held the lock on ${path} for more than ${Math.round(waitedMs)} ms.`,
  hint: `Find who holds it (fuser ${path}): a stopped process, a backup or an open sqlite3 shell; or raise \`busyTimeout\`.`,
  retryable: true,
  outcome: 'refused',
});

export const noSharedMemory = (path: string, mode: string): StoreError => ({
  kind: 'store-refused',
  code: 'no-wal',
  message: `${path} is on a file system where SQLite cannot keep a write-ahead log (it stays in mode "${mode}").`,
  hint: 'Put the store on a local disk: network file systems have neither the locks nor the shared memory.',
  retryable: false,
});

function faultOf(code: string, path: string): Fault | undefined {
  const refused = (message: string, hint: string): Fault => ({ kind: 'store-refused', message, hint });
  const unavailable = (message: string, hint: string): Fault => ({ kind: 'store-unavailable', message, hint });
  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT')
    return refused(`The disk of ${path} is full; nothing was written.`, 'Free some space there, then call again.');
  if (code.startsWith('SQLITE_READONLY') || code === 'EROFS')
    return refused(
      `${path} can be read, but not written.`,
      `Give this user the right to write the file and its folder.`,
    );
  if (code === 'EACCES' || code === 'EPERM' || code === 'SQLITE_PERM')
    return refused(`This user may not open ${path}.`, 'Give it the right to read and write the file and its folder.');
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return refused(`There is no folder for ${path}.`, `Create the folder (mkdir -p), or correct the path.`);
  if (code === 'EISDIR') return refused(`${path} is a folder.`, 'Name a file in it.');
  if (code === 'EMFILE' || code === 'ENFILE')
    return unavailable(`Too many files are open to open ${path}.`, 'Raise the limit (ulimit -n), or find the leak.');
  if (code.startsWith('SQLITE_CANTOPEN'))
    return refused(`${path} or a file beside it cannot be opened.`, 'Look at the rights of the folder and its files.');
  if (code.startsWith('SQLITE_NOTADB'))
    return refused(`${path} is no SQLite database.`, 'Name another path, or restore the file from a backup.');
  if (code.startsWith('SQLITE_CORRUPT'))
    return refused(
      `${path} is damaged.`,
      'Stop every process that uses it and restore a backup, or save what is readable with `sqlite3 … .recover`.',
    );
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED'))
    return unavailable(`Another process has locked ${path}.`, `Find who holds it: fuser ${path}.`);
  if (code.startsWith('SQLITE_IOERR') || code === 'EIO')
    return unavailable(`The disk of ${path} failed (${code}).`, 'Look at the disk and the kernel log (dmesg).');
  if (code.startsWith('SQLITE_NOMEM')) return unavailable('SQLite is out of memory.', 'Give the process more memory.');
  if (code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND' || code === 'ERR_DLOPEN_FAILED')
    return refused(
      'The SQLite driver (libsql) cannot be loaded on this machine.',
      'Install with optional dependencies on the same platform that runs it (no --omit=optional).',
    );
  return undefined;
}
