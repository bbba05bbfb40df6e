/** A small right notifier over HTTP, and the receiver that its laws want: one that can hang. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { aborted, type Message, type Notifier, type NotifyError, timedOut, within } from '@quayside/core/ports';
import type { Harness, NotifierSubject } from '@quayside/core/testing';
import { err, errAsync, ok, type Result, ResultAsync } from 'neverthrow';

const BOUND_MS = 200;
const BUSY_MS = 60_000;
const TOKEN = 'sEcReT-in-the-path';

/** Posts to a URL; its parts are there for a defect to exchange. */
export interface HttpNotifier extends Notifier {
  readonly url: string;
  post(message: Message, signal: AbortSignal): Promise<Response>;
}

function httpNotifier(url: string): HttpNotifier {
  return {
    name: 'http',
    url,
    post: (message, signal) => fetch(url, { method: 'POST', body: JSON.stringify(message), signal }),
    notify(message, { signal }) {
      if (signal.aborted) return errAsync(aborted('Telling'));
      return new ResultAsync(
        within(signal, BOUND_MS, (limit) =>
          this.post(message, limit.signal).then(judge, (thrown) => {
            if (limit.timedOut) return err(timedOut('Telling', BOUND_MS));
            if (signal.aborted) return err(aborted('Telling'));
            return err(failed('The receiver cannot be reached.', true, { cause: thrown }));
          }),
        ),
      );
    },
  };
}

const failed = (
  message: string,
  retryable: boolean,
  more: { retryAfterMs?: number; cause?: unknown } = {},
): NotifyError => ({
  kind: 'notify-failed',
  message,
  hint: 'Look at the receiver.',
  retryable,
  ...more,
});

const judge = ({ ok: isTaken, status, headers }: Response): Result<void, NotifyError> => {
  if (isTaken) return ok(undefined);
  const after = headers.get('retry-after');
  const retryAfterMs = after === null ? {} : { retryAfterMs: Number(after) * 1_000 };
  return err(failed(`The receiver answered ${status}.`, status === 429 || status >= 500, retryAfterMs));
};

/** @param between what stands between the laws and the notifier: nothing, or a defect */
export async function httpNotifierSubject(
  between: (right: HttpNotifier) => Notifier = (right) => right,
): Promise<Harness<NotifierSubject>> {
  const received: Message[] = [];
  let mood: 'takes' | 'away' | 'busy' | 'refuses' | 'hangs' = 'refuses';
  let hungMs = 0;
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      if (mood === 'hangs') return;
      if (mood === 'takes') received.push(JSON.parse(String(Buffer.concat(parts))));
      const status = { takes: 204, away: 503, busy: 429, refuses: 404 }[mood];
      response.writeHead(status, mood === 'busy' ? { 'retry-after': String(BUSY_MS / 1_000) } : {}).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  // What the first request of a process costs is nothing that a law is about.
  await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: '{}' });
  mood = 'takes';
  return {
    notifier: between(httpNotifier(`http://127.0.0.1:${port}/${TOKEN}`)),
    received: () => received,
    answer(next) {
      mood = next;
    },
    busyMs: BUSY_MS,
    hang: {
      begin() {
        mood = 'hangs';
        hungMs = performance.now();
      },
      boundMs: BOUND_MS,
      elapsedMs: () => performance.now() - hungMs,
    },
    secrets: [TOKEN],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
