/** What HAProxy has counted of one instance, over all the backends that it stands in or has stood in. */
import type { ProxyError, TargetStatistics } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { countedIn, countsTable, keptIn, keptTable } from './counting.js';
import { PRINT_AGAIN, refused } from './errors.js';
import { slotsOf } from './runtime-state.js';
import type { RuntimeApi } from './socket.js';

/**
 * @param of a backend's name, or all of them
 * Of its kinds 4 is a server, and -1 stands for whichever. Source: HAProxy 2.6, management guide, "show stat" and section 9.1.
 */
export const showServers = (of: string | null): string => `show stat ${of ?? '-1'} 4 -1`;

export interface ServerCounts {
  readonly backend: string;
  readonly server: string;
  readonly inFlight: number;
  /** Answers that HAProxy gave in its place. */
  readonly errors: number;
}

export async function inFlightOf(
  api: RuntimeApi,
  name: string,
  instance: string,
  signal: AbortSignal,
): Promise<Result<number, ProxyError>> {
  const answers = await api.run([showServers(null)], signal);
  return answers.map(([shown = '']) =>
    ofInstance(serversIn(shown), name, instance).reduce((sum, { inFlight }) => sum + inFlight, 0),
  );
}

export async function statisticsOf(
  api: RuntimeApi,
  name: string,
  instance: string,
  signal: AbortSignal,
): Promise<Result<TargetStatistics, ProxyError>> {
  // A key that HAProxy would read as more than one word is that of nobody.
  const key = /^[A-Za-z0-9._-]{1,63}$/.test(instance) ? instance : '-';
  const commands = [showEntry(countsTable(name), key), showServers(null), showEntry(keptTable(name), key)];
  const answers = await api.run(commands, signal);
  if (answers.isErr()) return err(answers.error);
  const [counts = '', servers = '', kept = ''] = answers.value;
  if (isNoTable(counts)) return err(oldConfiguration(name));
  const { errors, latencies } = countedIn(counts);
  const inItsPlace = ofInstance(serversIn(servers), name, instance).reduce(
    (sum, server) => sum + server.errors,
    keptIn(kept),
  );
  return ok({
    requests: latencies.reduce((sum, { count }) => sum + count, 0) + inItsPlace,
    errors: errors + inItsPlace,
    latencies,
  });
}

/**
 * Deletes servers that are in maintenance and have nothing in flight, so that they count no more; what they have counted is carried over in
 * the same breath, and first: whoever looks meanwhile may see it twice, and never not at all. Answers how many are gone.
 */
export async function deleteServers(
  api: RuntimeApi,
  name: string,
  servers: readonly ServerCounts[],
  signal: AbortSignal,
): Promise<number> {
  const table = keptTable(name);
  let deleted = 0;
  for (const { backend, server, errors } of servers) {
    const deletion = `del server ${backend}/${server}`;
    const before = errors > 0 ? await api.run([showEntry(table, server)], signal) : ok([]);
    if (before.isErr()) return deleted;
    const kept = keptIn(before.value[0] ?? '');
    const keep = (count: number) => `set table ${table} key ${server} data.gpc0 ${count}`;
    const answers = await api.run(errors > 0 ? [keep(kept + errors), deletion] : [deletion], signal);
    if (answers.isErr()) return deleted;
    const answer = answers.value.at(-1) ?? '';
    // No such server: another process was quicker, and has carried over the same.
    const isGone = answer.startsWith('Server deleted') || answer.startsWith('No such server');
    if (isGone) deleted += 1;
    // It counts on where it is.
    else if (errors > 0) await api.run([keep(kept)], signal);
  }
  return deleted;
}

/** A configuration of before there were tables serves on, and can neither count nor keep a visitor. */
export async function hasTables(api: RuntimeApi, name: string, signal: AbortSignal): Promise<Result<void, ProxyError>> {
  const answers = await api.run([showEntry(countsTable(name), '-')], signal);
  if (answers.isErr()) return err(answers.error);
  return isNoTable(answers.value[0] ?? '') ? err(oldConfiguration(name)) : ok();
}

const showEntry = (table: string, key: string): string => `show table ${table} key ${key}`;
const isNoTable = (answer: string): boolean => answer.startsWith('No such table');

const oldConfiguration = (name: string): ProxyError =>
  refused(
    'old-configuration',
    `HAProxy's configuration has no table ${countsTable(name)}: it was printed by an earlier version.`,
    PRINT_AGAIN,
  );

const ofInstance = (servers: readonly ServerCounts[], name: string, instance: string): ServerCounts[] => {
  const isSlot = slotsOf(name);
  return servers.filter(({ backend, server }) => server === instance && isSlot(backend));
};

export function serversIn(shown: string): ServerCounts[] {
  const [head = '', ...rows] = shown.split('\n');
  const columns = head.replace(/^# /, '').split(',');
  return rows.map((row) => {
    const fields = row.split(',');
    const of = (column: string): string => fields[columns.indexOf(column)] ?? '';
    return {
      backend: of('pxname'),
      server: of('svname'),
      // Sessions that run, and requests that wait for one.
      inFlight: Number(of('scur')) + Number(of('qcur')),
      // No connection; no answer, or none in time. Answers that were cut off are among the latter, and had a status before.
      errors: Number(of('econ')) + Math.max(0, Number(of('eresp')) - Number(of('srv_abrt'))),
    };
  });
}
