import { check, duration, type InvalidError, type Issue, invalid } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { z } from 'zod';

const ADDRESS = /^[^\s<>,;:"@]+@[^\s<>,;:"@]+$/;
/** `ada@example.com` of `Ada <ada@example.com>`; undefined where it is neither. A name with a comma would be two addresses to some. */
export function addressIn(text: string): string | undefined {
  const [, bracketed] = /^[^<>,;:"\r\n]*<([^<>]*)>$/.exec(text) ?? [];
  const address = bracketed ?? text;
  return ADDRESS.test(address) ? address : undefined;
}

const mailbox = () =>
  z
    .string()
    .max(320)
    .refine((text) => addressIn(text) !== undefined, {
      message: "expected one address, as 'ada@example.com' or 'Ada <ada@example.com>'",
    });

const Options = z.strictObject({
  /** The SMTP server: a name or an IP address. */
  host: z.string().regex(/^[A-Za-z0-9._:-]{1,253}$/, 'expected the name or the IP address of an SMTP server'),
  /** Default 465 with `tls: 'implicit'`, else 587. */
  port: z.int().min(1).max(65_535).optional(),
  /**
   * `implicit`: TLS from the first byte, default for port 465. `starttls`, else the default: before anything else is said; a server
   * that does not offer it is told nothing. `none`: for a server on this machine or a network of one's own.
   */
  tls: z.enum(['implicit', 'starttls', 'none']).optional(),
  /** Certificates in PEM to trust in place of the system's. */
  ca: z.string().min(1).optional(),
  username: z.string().min(1).optional(),
  /** A secret. Needs `tls`, unless the server is on this machine. */
  password: z.string().min(1).optional(),
  /** Who it is from: `Quayside <quayside@example.com>`. */
  from: mailbox(),
  /** Who it is for: one, or up to 50. */
  to: z.union([mailbox(), z.array(mailbox()).min(1).max(50)]),
  /** Unique among a deployer's notifiers and stable: what waits to be told is kept under it. Default `mail`. */
  name: z.string().min(1).max(64).default('mail'),
  /** Which events it tells; default: how deployments ended, and their cleanup. */
  events: z.array(z.string().min(1)).min(1).optional(),
  /** What links to domains begin with; default `https`. */
  linkScheme: z.enum(['http', 'https']).default('https'),
  /** The bound on one call: connecting, TLS, login and the mail. Default 30 s. */
  timeout: duration().pipe(z.int().min(1).max(600_000)).default(30_000),
});
export type MailNotifierOptions = z.input<typeof Options>;

export type Settings = Omit<z.output<typeof Options>, 'port' | 'tls' | 'to'> & {
  readonly port: number;
  readonly tls: 'implicit' | 'starttls' | 'none';
  readonly to: readonly string[];
};

/** Never shows username or password, not even a wrong one. */
export function parseOptions(options: MailNotifierOptions): Result<Settings, InvalidError<'invalid-options'>> {
  const checked = check('invalid-options', Options, options, 'mailNotifier');
  if (checked.isErr()) return err(checked.error);
  const { port, tls: asked, to, ...rest } = checked.value;
  const tls = asked ?? (port === 465 ? 'implicit' : 'starttls');
  const issues: Issue[] = [];
  const { username, password, host } = rest;
  if ((username === undefined) !== (password === undefined)) {
    const path = `mailNotifier.${username === undefined ? 'username' : 'password'}`;
    issues.push({ path, expected: '`username` and `password` together', received: 'nothing' });
  }
  if (tls === 'none' && password !== undefined && !isThisMachine(host)) {
    const expected = "'implicit' or 'starttls': whoever is on the way could read the password";
    issues.push({ path: 'mailNotifier.tls', expected, received: '"none"' });
  }
  if (issues.length > 0) return err(invalid('invalid-options', issues));
  return ok({ ...rest, port: port ?? (tls === 'implicit' ? 465 : 587), tls, to: [to].flat() });
}

const isThisMachine = (host: string): boolean => /^(localhost|127(\.\d+){3}|::1)$/.test(host);
