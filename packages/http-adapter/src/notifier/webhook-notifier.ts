import {
  aborted,
  bug,
  type InvalidError,
  type Message,
  type Notifier,
  type NotifyError,
  timedOut,
} from '@quayside/core/ports';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { attempts, type Failed } from '../http/attempts.js';
import { type Answer, excerpt, exchange, type Lost } from '../http/exchange.js';
import { isWorthRetrying, retryAfterMs } from '../http/retry-after.js';
import { SOCKET_WORDS } from '../http/socket-error.js';
import { discord } from './discord.js';
import { hider, secretsOf } from './hider.js';
import { parseOptions, type Settings, type WebhookNotifierOptions } from './options.js';
import { plain } from './plain.js';
import { signedHeaders } from './signature.js';
import { slack } from './slack.js';
import { summarize } from './summary.js';

/**
 * A `Notifier` that posts JSON, with the headers and the signature of Standard Webhooks (`webhook-id`, `webhook-timestamp`,
 * `webhook-signature`). The id is the message's own and stays the same over every attempt and call.
 *
 * One call tries what is worth it (no connection, no answer in time, 408, 425, 429, 5xx) `attempts` times within
 * `totalTimeout`, and heeds `Retry-After`; the deployer's outbox goes on from there. Everything else that is not 2xx, a redirect
 * too, is not retryable. Errors name the notifier and the receiver's host; the URL, the secret and the headers are never shown.
 */
export function webhookNotifier(options: WebhookNotifierOptions): Result<Notifier, InvalidError<'invalid-options'>> {
  return parseOptions(options).map((settings) => {
    const { format, events } = settings;
    const name = settings.name ?? (typeof format === 'string' && format !== 'plain' ? format : 'webhook');
    return {
      name,
      ...(events === undefined ? {} : { events }),
      secrets: () => secretsOf(settings),
      notify: (message, { signal }) =>
        ResultAsync.fromThrowable(() => tell(name, settings, message, signal), bug)().andThen((result) => result),
    };
  });
}

type Outcome = Result<void, NotifyError>;

async function tell(name: string, settings: Settings, message: Message, signal: AbortSignal): Promise<Outcome> {
  const what = `Telling the webhook "${name}" of ${message.type}`;
  const onAbort = () => aborted(what, signal.reason);
  if (signal.aborted) return err(onAbort());
  const body = bodyOf(settings, message);
  const receiver = { name, host: settings.url.host, what, hide: hider(settings) };
  return attempts<void, NotifyError>(
    {
      attempts: settings.attempts,
      timeoutMs: settings.timeout,
      totalMs: settings.totalTimeout,
      signal,
    },
    async (limitMs) => {
      const signed = await signedHeaders(settings.secrets, { id: message.id, body, at: new Date() });
      const answer = await exchange({
        method: 'POST',
        url: settings.url,
        headers: {
          'user-agent': 'Quayside',
          'content-type': 'application/json',
          // Minutes lie between two messages: a kept connection would only be a stale one.
          connection: 'close',
          ...settings.headers,
          ...signed,
        },
        body,
        redirect: 'manual',
        limitMs,
        bodyLimitBytes: 4_096,
        signal,
      });
      if (answer.kind === 'aborted') return err({ error: onAbort(), again: false });
      return judge(answer, limitMs, receiver);
    },
    onAbort,
  );
}

function bodyOf({ format, linkScheme }: Settings, message: Message): string {
  if (typeof format === 'function') return JSON.stringify(format(message));
  if (format === 'plain') return JSON.stringify(plain(message));
  return JSON.stringify((format === 'slack' ? slack : discord)(summarize(message, linkScheme)));
}

interface Receiver {
  readonly name: string;
  readonly host: string;
  readonly what: string;
  hide(text: string): string;
}

function judge(
  answer: Answer | Exclude<Lost, { kind: 'aborted' }>,
  limitMs: number,
  receiver: Receiver,
): Result<void, Failed<NotifyError>> {
  if (answer.kind === 'timeout') return err({ error: timedOut(receiver.what, limitMs), again: true });
  if (answer.kind === 'failed') return err({ error: unreachable(answer, receiver), again: true });
  const { status } = answer;
  if (status >= 200 && status < 300) return ok(undefined);
  const again = isWorthRetrying(status);
  const waitMs = again ? retryAfterMs(answer.headers) : undefined;
  const said = excerpt(answer.body, receiver.hide);
  return err({
    again,
    retryAfterMs: waitMs,
    error: {
      kind: 'notify-failed',
      code: String(status),
      message: `The webhook "${receiver.name}" at ${receiver.host} answered ${status}${said ? `: ${said}` : ''}.`,
      hint: hintFor(status),
      retryable: again,
      ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
    },
  });
}

const unreachable = (failure: Lost & { kind: 'failed' }, { name, host, hide }: Receiver): NotifyError => ({
  kind: 'notify-failed',
  code: failure.code,
  message: `The webhook "${name}" at ${host} was not told: ${SOCKET_WORDS[failure.reason]} (${hide(failure.text)}).`,
  hint:
    failure.reason === 'tls'
      ? 'Check the certificate of the receiver, and the authorities that this process trusts (NODE_EXTRA_CA_CERTS).'
      : 'Check that the receiver runs, and that this process can reach it.',
  retryable: true,
});

function hintFor(status: number): string {
  if (status === 429) return 'Wait, or send it fewer events: the receiver limits how many it takes.';
  if (isWorthRetrying(status)) return 'Look at the receiver: it cannot take messages at the moment.';
  if (status >= 300 && status < 400) return 'Give the final URL: a signed message does not follow redirects.';
  if (status === 401 || status === 403) return 'Check the secret, the headers, and whether the webhook still exists.';
  if (status === 404 || status === 410) return 'Make a new webhook at the receiver and give its URL: this one is gone.';
  return 'Check that the receiver takes this format: `format` may be plain, slack, discord or a function.';
}
