/** What every other live server of the proxy says of an instance. A dead one's process may be gone, and its counts with it: nobody can ask it. */
import type { ProxyError } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { throughStore, unreachable } from '../errors.js';
import { KEY_HEADER } from '../traffic/headers.js';
import { ask } from './ask.js';
import { isRecordOf, type ServerWatch } from './watch.js';

/** Of one server. */
const ANSWER_LIMIT_MS = 2_000;

/** @param own the server of this process, which is not asked; undefined where it has none */
export async function fromServers<Answer extends { readonly server: string }>(
  watch: ServerWatch,
  path: string,
  instance: string,
  own: string | undefined,
  signal: AbortSignal,
): Promise<Result<readonly Answer[], ProxyError>> {
  const seen = await watch.look(signal);
  if (seen.isErr()) return err(throughStore(seen.error, `Asking the servers about ${instance}`));
  const others = seen.value.filter(({ record, isDead }) => !isDead && !(own && isRecordOf(own, record.id)));
  const answers: Answer[] = [];
  for (const { record } of others) {
    try {
      const question = {
        method: 'GET',
        path: `${path}?${new URLSearchParams({ instance })}`,
        headers: { host: 'quayside.invalid', [KEY_HEADER]: record.key },
      };
      const reply = await ask(record.frontDoor, question, ANSWER_LIMIT_MS, signal);
      const answer = JSON.parse(reply.body) as Answer;
      if (!isRecordOf(answer.server, record.id)) throw new Error(`answered by another server: ${answer.server}`);
      answers.push(answer);
    } catch (thrown) {
      return err(unreachable(record.frontDoor, thrown));
    }
  }
  return ok(answers);
}
