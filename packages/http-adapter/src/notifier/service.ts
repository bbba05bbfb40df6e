/**
 * What is the same for every receiver over HTTP: attempts within bounds, pauses that were asked for, and errors that name the
 * receiver and its host and show nothing else of where the message went.
 */
import { aborted, bug, type Message, type Notifier, type NotifyError, timedOut } from '@quayside/core/ports';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { attempts, type Failed } from '../http/attempts.js';
import { type Answer, excerpt, exchange, type Lost } from '../http/exchange.js';
import { isWorthRetrying, retryAfterMs } from '../http/retry-after.js';
import { SOCKET_WORDS } from '../http/socket-error.js';
import type { Bounds } from './bounds.js';
import { hider, secretsOf } from './hider.js';

/** What a service says in the body of its answer, where that is more than the status. */
export interface Said {
  /** Its sentence, for people; default: the body's start. */
  readonly text?: string | undefined;
  /** The status that it meant, where it answers 200 whatever happens. */
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
}

export interface Service {
  /** In front of its name, in errors: `webhook`. */
  readonly noun: string;
  readonly name: string;
  readonly url: URL;
  readonly headers: { readonly [name: string]: string };
  /** Whatever no error may show, beside the URL and the headers' values. */
  readonly secrets: readonly string[];
  readonly bounds: Omit<Bounds, 'name'>;
  /** What is posted: JSON. */
  body(message: Message): string;
  /** Headers of one attempt. */
  sign?(message: Message, body: string): Promise<Readonly<Record<string, string>>>;
  /** @param body at most 4 096 bytes of it */
  read?(body: string, status: number): Said;
  /** What to do about a refusal; undefined: nothing better than what holds for any receiver. */
  hintFor?(status: number, said: string): string | undefined;
}

export function notifierOver(service: Service): Notifier {
  const { events } = service.bounds;
  return {
    name: service.name,
    ...(events === undefined ? {} : { events }),
    secrets: () => secretsOf(service),
    notify: (message, { signal }) =>
      ResultAsync.fromThrowable(() => tell(service, message, signal), bug)().andThen((result) => result),
  };
}

type Outcome = Result<void, NotifyError>;

async function tell(service: Service, message: Message, signal: AbortSignal): Promise<Outcome> {
  const what = `Telling the ${service.noun} "${service.name}" of ${message.type}`;
  const onAbort = () => aborted(what, signal.reason);
  if (signal.aborted) return err(onAbort());
  const body = service.body(message);
  const hide = hider(service);
  const { attempts: count, timeout, totalTimeout } = service.bounds;
  return attempts<void, NotifyError>(
    { attempts: count, timeoutMs: timeout, totalMs: totalTimeout, signal },
    async (limitMs) => {
      const signed = await service.sign?.(message, body);
      const answer = await exchange({
        method: 'POST',
        url: service.url,
        headers: {
          'user-agent': 'Quayside',
          'content-type': 'application/json',
          // Minutes lie between two messages: a kept connection would only be a stale one.
          connection: 'close',
          ...service.headers,
          ...signed,
        },
        body,
        redirect: 'manual',
        limitMs,
        bodyLimitBytes: 4_096,
        signal,
      });
      if (answer.kind === 'aborted') return err({ error: onAbort(), again: false });
      if (answer.kind === 'timeout') return err({ error: timedOut(what, limitMs), again: true });
      if (answer.kind === 'failed') return err({ error: unreachable(answer, service, hide), again: true });
      return judge(answer, service, hide);
    },
    onAbort,
  );
}

function judge(answer: Answer, service: Service, hide: (text: string) => string): Result<void, Failed<NotifyError>> {
  const read = service.read?.(new TextDecoder().decode(answer.body), answer.status) ?? {};
  const status = read.status ?? answer.status;
  if (status >= 200 && status < 300) return ok(undefined);
  const again = isWorthRetrying(status);
  const waitMs = again ? (read.retryAfterMs ?? retryAfterMs(answer.headers)) : undefined;
  const said = excerpt(read.text === undefined ? answer.body : new TextEncoder().encode(read.text), hide);
  return err({
    again,
    retryAfterMs: waitMs,
    error: {
      kind: 'notify-failed',
      code: String(status),
      message: `${subject(service)} answered ${status}${said ? `: ${said.replace(/\.$/, '')}` : ''}.`,
      hint: service.hintFor?.(status, said) ?? hintFor(status),
      retryable: again,
      ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
    },
  });
}

const subject = ({ noun, name, url }: Service): string => `The ${noun} "${name}" at ${url.host}`;

const unreachable = (
  failure: Lost & { kind: 'failed' },
  service: Service,
  hide: (text: string) => string,
): NotifyError => ({
  kind: 'notify-failed',
  code: failure.code,
  message: `${subject(service)} was not told: ${SOCKET_WORDS[failure.reason]} (${hide(failure.text)}).`,
  hint:
    failure.reason === 'tls'
      ? 'Check the certificate of the receiver, and the authorities that this process trusts (NODE_EXTRA_CA_CERTS).'
      : 'Check that the receiver runs, and that this process can reach it.',
  retryable: true,
});

function hintFor(status: number): string {
  if (status === 429) return 'Wait, or send it fewer events: the receiver limits how many it takes.';
  if (isWorthRetrying(status)) return 'Look at the receiver: it cannot take messages at the moment.';
  if (status >= 300 && status < 400) return 'Give the final URL: a message does not follow redirects.';
  if (status === 401 || status === 403) return 'Check the secret, the headers, and whether the webhook still exists.';
  if (status === 404 || status === 410) return 'Make a new webhook at the receiver and give its URL: this one is gone.';
  return 'Check that the receiver takes this format: `format` may be plain, slack, discord, teams or a function.';
}
