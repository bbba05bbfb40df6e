import {
  check,
  duration,
  type InvalidError,
  type Issue,
  invalid,
  type JsonObject,
  type Message,
} from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { z } from 'zod';
import { hideValues, NOT_SHOWN } from '../hide-values.js';
import { isSigningSecret } from './signature.js';

/** A body of one's own, for what is none of the known ones. It must not throw, and holds what JSON holds. */
export type Template = (message: Message) => JsonObject;

const bounded = (defaultMs: number) => duration().pipe(z.int().min(1).max(600_000)).default(defaultMs);

export const Options = z.strictObject({
  /** `http` or `https`. It is a secret: of a Slack or Discord webhook it is all that is needed to write there. */
  url: z.string(),
  /**
   * Signs what is sent, as Standard Webhooks has it: `whsec_` and 24 to 64 random bytes in base 64
   * (`echo whsec_$(openssl rand -base64 32)`). Several while one replaces another. Default: unsigned.
   */
  secret: z.union([z.string(), z.array(z.string()).min(1).max(5)]).optional(),
  /** Unique among a deployer's notifiers and stable: what waits to be told is kept under it. Default: the format. */
  name: z.string().min(1).max(64).optional(),
  /** Which events it tells; default: how deployments ended, and their cleanup. */
  events: z.array(z.string().min(1)).min(1).optional(),
  /** How the body looks. Default: `slack` or `discord` for a URL of theirs, else `plain`, the event as it is. */
  format: z
    .union([z.enum(['plain', 'slack', 'discord']), z.custom<Template>((value) => typeof value === 'function')])
    .optional(),
  /** Sent along: secrets. */
  headers: z.record(z.string(), z.string()).default({}),
  /** What links to domains begin with; default `https`. */
  linkScheme: z.enum(['http', 'https']).default('https'),
  /** The bound on one attempt; default 10 s. */
  timeout: bounded(10_000),
  /** The bound on one call with all its attempts and pauses; default 30 s. */
  totalTimeout: bounded(30_000),
  /** Attempts of one call; what comes after it is the outbox's. Default 3. */
  attempts: z.int().min(1).max(10).default(3),
});

export type WebhookNotifierOptions = z.input<typeof Options>;

export type Settings = Omit<z.output<typeof Options>, 'url' | 'secret' | 'format'> & {
  readonly url: URL;
  readonly secrets: readonly string[];
  readonly format: 'plain' | 'slack' | 'discord' | Template;
};

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

const isHttpUrl = (text: string): boolean => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);

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
  if (url.username === '' && url.password === '') return { url, headers };
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return { url: bare, headers: { authorization: `Basic ${Buffer.from(login).toString('base64')}`, ...headers } };
}

function formatOf({ hostname, pathname }: URL): 'plain' | 'slack' | 'discord' {
  if (hostname === 'hooks.slack.com') return 'slack';
  return /(^|\.)discord(app)?\.com$/.test(hostname) && pathname.startsWith('/api/webhooks/') ? 'discord' : 'plain';
}
