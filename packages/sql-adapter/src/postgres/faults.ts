/** What PostgreSQL and the network say, as errors that say what to do. */
import { bug, type StoreError } from '@quayside/core/ports';

/** When it happened: only of a commit that was under way is it unknown whether it arrived. */
export type Phase = 'open' | 'read' | 'change' | 'commit';

type Fault = Pick<StoreError, 'message' | 'hint'> & { readonly kind: 'store-refused' | 'store-unavailable' };

/** Our own word for a database that cannot keep every text. */
export const NOT_UTF8 = 'QS001';

/** PostgreSQL's five characters, or Node's name of a system error; undefined for what is neither. */
export function codeOf(thrown: unknown): string | undefined {
  const { code } = (thrown ?? {}) as { code?: unknown };
  return typeof code === 'string' && code !== '' ? code : undefined;
}

/** The same transaction can succeed if it is run anew: a deadlock, or a record that somebody who does not lock has written. */
export const isCollision = (thrown: unknown): boolean => ['40001', '40P01', '23505'].includes(codeOf(thrown) ?? '');

/**
 * @param isLost whether the connection is gone
 * @param outcome whether what was asked may have happened
 */
export function describeFault(
  thrown: unknown,
  place: string,
  isLost: boolean,
  phase: Phase,
  outcome: 'unknown' | 'refused' = 'refused',
): StoreError {
  const code = codeOf(thrown);
  const fault = faultOf(code ?? '', place) ?? (isLost ? lossOf(thrown, place, phase) : undefined);
  if (!fault) return { ...bug(thrown), outcome };
  return {
    ...fault,
    code: code ?? 'connection-lost',
    retryable: fault.kind === 'store-unavailable',
    outcome,
    cause: thrown,
  };
}

export const tooLate = (place: string, limitMs: number, outcome: 'unknown' | 'refused'): StoreError => ({
  kind: 'store-unavailable',
  code: 'timeout',
  message: `${place} has not answered within ${limitMs} ms.`,
  hint: 'Look at the server and the network to it; raise `timeout` only if it is slow by nature.',
  retryable: true,
  outcome,
});

/** What comes without a code: pg's own words, and the plain end of a connection. */
function lossOf(thrown: unknown, place: string, phase: Phase): Fault {
  const text = thrown instanceof Error ? thrown.message : '';
  if (phase !== 'open' || text === '' || /terminated/.test(text)) return lost(place);
  return refused(`${place} cannot be connected to: ${text}.`, 'Correct `connectionString` or `ssl`.');
}

const refused = (message: string, hint: string): Fault => ({ kind: 'store-refused', message, hint });
const unavailable = (message: string, hint: string): Fault => ({ kind: 'store-unavailable', message, hint });
const lost = (place: string) =>
  unavailable(`The connection to ${place} was lost.`, 'See that the server runs, then call again.');

function faultOf(code: string, place: string): Fault | undefined {
  if (code === '55P03')
    return unavailable(
      `Somebody else has held a lock in ${place} for too long.`,
      "Find who holds it: select * from pg_stat_activity where state like 'idle in transaction%' or wait_event_type = 'Lock'.",
    );
  if (code === '57014') return unavailable(`A statement in ${place} was cancelled.`, 'Call again.');
  if (code === '57P03') return unavailable(`${place} takes no connections yet.`, 'Wait until the server has started.');
  if (code === '53300')
    return unavailable(
      `${place} takes no more connections.`,
      'Raise max_connections of the server, or lower `connections` of its hosts.',
    );
  if (code === '53100' || code === 'ENOSPC')
    return refused(`The disk of ${place} is full; nothing was written.`, 'Free some space there, then call again.');
  if (isLossOf(code)) return lost(place);
  if (code.startsWith('53')) return unavailable(`${place} is short of something (${code}).`, 'Look at its log.');
  if (code.startsWith('58') || code.startsWith('XX'))
    return unavailable(`${place} has failed inside (${code}).`, 'Look at its log and its disk.');
  if (code.startsWith('28'))
    return refused(`${place} does not let this user in.`, 'Correct user and password in `connectionString`.');
  if (code === '3D000') return refused(`There is no database ${place}.`, 'Create it (createdb), or correct its name.');
  if (code === NOT_UTF8)
    return refused(`${place} cannot keep every text.`, "Create the database with encoding 'UTF8'.");
  if (code === '42501')
    return refused(
      `This user may not do that in ${place}.`,
      'Create the schema and make this user its owner, or grant it CREATE on the database.',
    );
  if (code === '25006' || code === '0A000')
    return refused(`${place} can be read, but not written.`, 'Name the primary server in `connectionString`.');
  if (code === '42P01' || code === '3F000')
    return refused(
      `The tables of the store are gone from ${place}.`,
      'Restore them from a backup, or open the store anew.',
    );
  if (code === 'ECONNREFUSED' || code === 'ENOENT')
    return unavailable(`Nobody answers at ${place}.`, 'Start the server, or correct host and port.');
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return unavailable(`The host of ${place} is not known.`, 'Correct its name, or see to the name service.');
  if (/CERT|^ERR_TLS|SSL/.test(code))
    return refused(
      `The certificate of ${place} is not to be trusted (${code}).`,
      'Give its authority by `ssl: { ca }`, or correct the name of the host.',
    );
  if (code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND')
    return refused('The driver for PostgreSQL (pg) cannot be loaded.', 'Install the package with its dependencies.');
  return undefined;
}

/** With it the server or the network has ended the connection. */
export const isLoss = (thrown: unknown): boolean => isLossOf(codeOf(thrown) ?? '');

/** The server ended a transaction that nobody went on with: it was not committed, whatever was sent afterwards. */
export const isAbandoned = (thrown: unknown): boolean => codeOf(thrown) === '25P03';

const isLossOf = (code: string): boolean =>
  /^(08|57P|25P03|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|ECONNABORTED)/.test(code);

/** Trying to connect again can help. */
export const mayPass = (error: StoreError): boolean => error.kind === 'store-unavailable' && error.retryable;
