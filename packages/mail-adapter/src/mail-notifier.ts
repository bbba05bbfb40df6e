import {
  aborted,
  bug,
  type InvalidError,
  type Message,
  type Notifier,
  type NotifyError,
  once,
  timedOut,
  within,
} from '@quayside/core/ports';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { failureOf, partlyRefused, type Server } from './failure.js';
import { mailOf } from './mail.js';
import { addressIn, type MailNotifierOptions, parseOptions, type Settings } from './options.js';

/** After the last answer, how long a server may take to close its side, in milliseconds; then ours is gone. */
const CLOSE_MS = 250;
/** Mails that only some recipients have had, of which it is remembered who; older ones go to all of them again. */
const PARTLY_TOLD_MAX = 100;

/** Loaded with the first mail, not with the package. */
const nodemailer = once(() => import('nodemailer'));

/**
 * A `Notifier` that sends mails over SMTP. One call is one attempt on a connection of its own, bounded by `timeout`; what comes after
 * it is the deployer's outbox's. Temporary replies (4yz) and a server that cannot be reached are retryable, refusals (5yz) are not.
 *
 * The mail's `Message-ID` is made of the message's id and stays the same however often it is told. Where only some recipients could
 * be told, the next call tells the others. Errors name the server and what it said; the login is never shown.
 */
export function mailNotifier(options: MailNotifierOptions): Result<Notifier, InvalidError<'invalid-options'>> {
  return parseOptions(options).map((settings) => {
    const { name, events } = settings;
    const told = new Map<string, ReadonlySet<string>>();
    return {
      name,
      ...(events === undefined ? {} : { events }),
      notify: (message, { signal }) =>
        ResultAsync.fromThrowable(() => tell(settings, told, message, signal), bug)().andThen((result) => result),
    };
  });
}

/** Who has had a mail already, by the message's id. */
type Told = Map<string, ReadonlySet<string>>;

async function tell(
  settings: Settings,
  told: Told,
  message: Message,
  signal: AbortSignal,
): Promise<Result<void, NotifyError>> {
  const { name, host, port, timeout, from, to, linkScheme } = settings;
  const what = `Telling the mail server "${name}" of ${message.type}`;
  if (signal.aborted) return err(aborted(what, signal.reason));
  const server: Server = { name, host, port, hide: hider(settings) };
  const sender = addressOf(from);
  const { subject, text, html, messageId, references } = mailOf(message, linkScheme, sender.replace(/^.*@/, ''));
  const had = told.get(message.id) ?? new Set();
  const recipients = to.map(addressOf).filter((address) => !had.has(address));
  const transport = await connect(settings);
  return within(signal, timeout, async (limit): Promise<Result<void, NotifyError>> => {
    try {
      const { accepted, rejectedErrors = [] } = await transport.sendMail({
        from,
        to: [...to],
        envelope: { from: sender, to: recipients },
        subject,
        text,
        html,
        messageId,
        references: [...references],
        date: new Date(message.time),
        headers: {
          // No out-of-office reply comes back. Source: RFC 3834.
          'Auto-Submitted': 'auto-generated',
          'X-Quayside-Event': message.type,
        },
        disableFileAccess: true,
        disableUrlAccess: true,
        signal: limit.signal,
      });
      told.delete(message.id);
      if (rejectedErrors.length === 0) return ok(undefined);
      remember(told, message.id, [...had, ...accepted.map(String)]);
      return err(partlyRefused(rejectedErrors, recipients.length, server));
    } catch (thrown) {
      if (signal.aborted) return err(aborted(what, signal.reason));
      if (limit.timedOut) return err(timedOut(what, timeout, 'timeout'));
      return err(failureOf(thrown, server));
    } finally {
      transport.close();
    }
  });
}

async function connect({ host, port, tls, ca, username, password, timeout }: Settings) {
  const { createTransport } = await nodemailer();
  return createTransport({
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    ...(ca === undefined ? {} : { tls: { ca } }),
    ...(username === undefined || password === undefined
      ? {}
      : // A server that offers no login would otherwise be sent the mail without one.
        { auth: { user: username, pass: password }, forceAuth: true }),
    connectionTimeout: timeout,
    greetingTimeout: timeout,
    socketTimeout: timeout,
    dnsTimeout: timeout,
    socketCloseTimeout: CLOSE_MS,
  });
}

function remember(told: Told, id: string, recipients: readonly string[]): void {
  told.set(id, new Set(recipients));
  for (const oldest of told.keys()) {
    if (told.size <= PARTLY_TOLD_MAX) break;
    told.delete(oldest);
  }
}

/** Its form was checked with the options. */
const addressOf = (mailbox: string): string => addressIn(mailbox) ?? mailbox;

/** Removes the login from a text, also as SMTP carries it: in base 64, alone and with the username. Source: RFC 4616, RFC 4954. */
function hider({ username = '', password = '' }: Settings): (text: string) => string {
  const base64 = (text: string) => Buffer.from(text).toString('base64').replace(/=+$/, '');
  const parts = [password, encodeURIComponent(password), base64(password), base64(`\0${username}\0${password}`)];
  const hidden = password === '' ? [] : [...new Set(parts)].sort((a, b) => b.length - a.length);
  return (text) => hidden.reduce((out, part) => out.replaceAll(part, '***'), text);
}
