import { check, type InvalidError, type Issue, invalid, type JsonObject, type Message } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { z } from 'zod';
import { hideValues, NOT_SHOWN } from '../hide-values.js';
import { bounds } from './bounds.js';
import { isHttpUrl } from './hook.js';
import { isSigningSecret } from './signature.js';
import { isTeamsHost } from './teams.js';

/** A body of one's own, for what is none of the known ones. It must not throw, and holds what JSON holds. */
export type Template = (message: Message) => JsonObject;

export const Options = z.strictObject({
  /** `http` or `https`. It is a secret: of a Slack or Discord webhook it is all that is needed to write there. */
  url: z.string(),
  /**
   * Signs what is sent, as Standard Webhooks has it: `whsec_` and 24 to 64 random bytes in base 64
   * (`echo whsec_$(openssl rand -base64 32)`). Several while one replaces another. Default: unsigned.
   */
  secret: z.union([z.string(), z.array(z.string()).min(1).max(5)]).optional(),
  ...bounds,
  /** How the body looks. Default: `slack`, `discord` or `teams` for a URL of theirs, else `plain`, the event as it is. */
  format: z
    .union([z.enum(['plain', 'slack', 'discord', 'teams']), z.custom<Template>((value) => typeof value === 'function')])
    .optional(),
  /** Sent along: secrets. */
  headers: z.record(z.string(), z.string()).default({}),
});

export type WebhookNotifierOptions = z.input<typeof Options>;

export type Settings = Omit<z.output<typeof Options>, 'url' | 'secret' | 'format'> & {
  readonly url: URL;
  readonly secrets: readonly string[];
  /** Of a login in the URL. */
  readonly password: readonly string[];
  readonly format: Format | Template;
};

export type Format = 'plain' | 'slack' | 'discord' | 'teams';

/** Never shows the URL, a secret or a header's value, not even a wrong one. */
export function parseOptions(options: WebhookNotifierOptions): Result<Settings, InvalidError<'invalid-options'>> {
  const checked = check('invalid-options', Options, options, 'webhookNotifier');
  const found = [...(checked.isErr() ? checked.error.issues : []), ...secretIssues(options)];
  const issues = hideValues(found, /^webhookNotifier\.(url|secret|headers)/);
  if (checked.isErr() || issues.length > 0) return err(invalid('invalid-options', issues));
  const { url: address, secret, format, ...rest } = checked.value;
  const url = new URL(address);
  return ok({
    ...rest,
    ...takeLogin(url, rest.headers),
    secrets: secret === undefined ? [] : [secret].flat(),
    format: format ?? formatOf(url),
  });
}

function secretIssues(options: Partial<WebhookNotifierOptions> | null | undefined): Issue[] {
  const { url, secret, headers } = options ?? {};
  const issues: Issue[] = [];
  if (typeof url === 'string' && !isHttpUrl(url)) {
    issues.push({ path: 'webhookNotifier.url', expected: 'an http or https URL', received: NOT_SHOWN });
  }
  const secrets = typeof secret === 'string' ? [secret] : Array.isArray(secret) ? secret : [];
  if (secrets.some((each) => typeof each === 'string' && !isSigningSecret(each))) {
    const expected = "'whsec_' and 24 to 64 bytes in base 64 (echo whsec_$(openssl rand -base64 32))";
    issues.push({ path: 'webhookNotifier.secret', expected, received: NOT_SHOWN });
  }
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (typeof value !== 'string' || isHeader(name, value)) continue;
    const expected = 'a name and a value that a header can have';
    issues.push({ path: `webhookNotifier.headers[${JSON.stringify(name)}]`, expected, received: NOT_SHOWN });
  }
  return issues;
}

function isHeader(name: string, value: string): boolean {
  try {
    new Headers([[name, value]]);
    return true;
  } catch {
    return false;
  }
}

/** A fetch refuses a URL with a login in it, and its error shows it: it becomes a header. */
function takeLogin(url: URL, headers: { readonly [name: string]: string }) {
  if (url.username === '' && url.password === '') return { url, headers, password: [] };
  const password = decoded(url.password);
  const login = `${decoded(url.username)}:${password}`;
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return {
    url: bare,
    headers: { authorization: `Basic ${Buffer.from(login).toString('base64')}`, ...headers },
    password: password === '' ? [] : [password, url.password],
  };
}

/** A URL may hold a bare `%`. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function formatOf({ hostname, pathname }: URL): Format {
  if (hostname === 'hooks.slack.com') return 'slack';
  if (isTeamsHost(hostname)) return 'teams';
  return /(^|\.)discord(app)?\.com$/.test(hostname) && pathname.startsWith('/api/webhooks/') ? 'discord' : 'plain';
}
