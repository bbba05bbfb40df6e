/** What HAProxy counts, of one instance over all the backends that it stands in. */
import type { ProxyError } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { slotsOf } from './slots.js';
import type { RuntimeApi } from './socket.js';

/** `-1` all proxies, `4` servers alone, `-1` all of them. Source: HAProxy 2.6, management guide, "show stat" and section 9.1. */
const SHOW_SERVERS = 'show stat -1 4 -1';

export async function inFlightOf(
  api: RuntimeApi,
  name: string,
  instance: string,
  signal: AbortSignal,
): Promise<Result<number, ProxyError>> {
  const answers = await api.run([SHOW_SERVERS], signal);
  if (answers.isErr()) return err(answers.error);
  const [head = '', ...rows] = (answers.value[0] ?? '').split('\n').map((line) => line.split(','));
  const columns = (head as unknown as string[]).map((column) => column.replace(/^# /, ''));
  const at = (column: string) => columns.indexOf(column);
  const isSlot = slotsOf(name);
  let count = 0;
  for (const row of rows) {
    if (row[at('svname')] !== instance || !isSlot(row[at('pxname')] ?? '')) continue;
    // Sessions that run, and requests that wait for one.
    count += Number(row[at('scur')] ?? 0) + Number(row[at('qcur')] ?? 0);
  }
  return ok(count);
}
