/** What an SMTP server or the way to it said, as an error of the port. Source of the codes: RFC 5321, 4.2; RFC 4954, 6. */
import type { NotifyError } from '@quayside/core/ports';

/** What nodemailer throws, as far as it is looked at. */
interface Thrown {
  readonly message?: unknown;
  /** Its own word, as `EAUTH`. */
  readonly code?: unknown;
  /** Of the server's reply. */
  readonly responseCode?: unknown;
  readonly response?: unknown;
}

export interface Server {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Removes secrets from what a server or a socket wrote. */
  hide(text: string): string;
}

/** Transient replies are 4yz; 503 says that the session, not the message, was wrong. Without a reply the way there was. */
export function isTransient(thrown: unknown): boolean {
  const { code, responseCode } = (thrown ?? {}) as Thrown;
  if (typeof responseCode === 'number') return responseCode < 500 || responseCode === 503;
  return !['EENVELOPE', 'EMESSAGE', 'EAUTH', 'ENOAUTH', 'ECONFIG'].includes(String(code));
}

export function failureOf(thrown: unknown, { name, host, port, hide }: Server): NotifyError {
  const { message, code, responseCode, response } = (thrown ?? {}) as Thrown;
  const status = typeof responseCode === 'number' ? responseCode : undefined;
  const word = status ?? (typeof code === 'string' ? code : 'unknown');
  const said = oneLine(hide(String(status === undefined ? message : (response ?? message))));
  const server = `The mail server "${name}" at ${host}:${port}`;
  return {
    kind: 'notify-failed',
    code: String(word),
    message: status === undefined ? `${server} was not told: ${said}.` : `${server} answered: ${said}.`,
    hint: hintFor(String(code), status),
    retryable: isTransient(thrown),
  };
}

/** Some took it and some did not. */
export function partlyRefused(refused: readonly unknown[], recipients: number, { name, hide }: Server): NotifyError {
  const transient = refused.some(isTransient);
  const [first] = refused as readonly Thrown[];
  const said = oneLine(hide(String(first?.response ?? first?.message)));
  return {
    kind: 'notify-failed',
    code: String(first?.responseCode ?? 'refused'),
    message: `The mail server "${name}" took the mail for ${recipients - refused.length} of ${recipients} recipients: ${said}.`,
    hint: transient ? 'Wait: who has not had it is told again.' : 'Correct or remove the addresses that it refuses.',
    retryable: transient,
  };
}

function hintFor(code: string, status: number | undefined): string {
  if (code === 'EAUTH' || status === 535 || status === 530)
    return 'Check `username` and `password` at the mail server.';
  if (code === 'EDNS') return 'Check `host`: the name does not resolve.';
  if (code === 'ETLS')
    return 'Check `tls` and `port`, and that the certificate of the server is for `host` and trusted (`ca`).';
  if (status === undefined) return 'Check `host`, `port` and `tls`, and that this process can reach the server.';
  if (status < 500) return 'Wait, or look at the mail server: it cannot take mails at the moment.';
  if (status >= 550 && status <= 553) return 'Check `from` and `to`, and that this login may send from that address.';
  return 'Look at the log of the mail server: it refuses this mail.';
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim().replace(/\.$/, '');
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
}
