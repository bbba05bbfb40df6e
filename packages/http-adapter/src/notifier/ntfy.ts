import {
  check,
  type InvalidError,
  type JsonObject,
  type Message,
  type Notifier,
  type Summary,
  shorten,
  summarize,
  type Tone,
} from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { z } from 'zod';
import { withoutValues } from '../hide-values.js';
import { bounds } from './bounds.js';
import { bareUrl } from './hook.js';
import { jsonIn } from './json-in.js';
import { notifierOver } from './service.js';

/** Names of emojis that ntfy knows. */
const TAGS: { readonly [T in Tone]: string } = {
  good: 'white_check_mark',
  bad: 'x',
  neutral: 'information_source',
  working: 'hourglass_flowing_sand',
};
/** 3 is the default, 5 the greatest; a failure is heard. */
const PRIORITIES: { readonly [T in Tone]: number } = { good: 3, bad: 4, neutral: 2, working: 2 };

/** What is longer becomes an attachment, or is refused. Source: ntfy's documentation, "Limitations": 4 096 bytes. */
const MESSAGE_BYTES_MAX = 4_096;
/** Source: ntfy's documentation, "Action buttons": three. */
const ACTIONS_MAX = 3;
const LIMITS = { title: 200, cause: 1_500, hint: 600, link: 300, value: 200 } as const;

const Options = z.strictObject({
  /** Whoever knows it can read it, unless the server guards it: a secret. */
  topic: z.string().regex(/^[-_A-Za-z0-9]{1,64}$/, 'expected up to 64 letters, digits, dashes and underscores'),
  /** The server; default `https://ntfy.sh`. */
  url: bareUrl('the URL of an ntfy server').default('https://ntfy.sh'),
  /** An access token (`tk_…`), for a server that guards its topics. A secret. */
  token: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'expected an access token')
    .optional(),
  /** In place of a token. */
  username: z.string().min(1).optional(),
  password: z.string().min(1).optional(),
  ...bounds,
});
export type NtfyNotifierOptions = z.input<typeof Options>;

const LoginChecked = Options.refine(({ username, password }) => (username === undefined) === (password === undefined), {
  path: ['password'],
  message: 'expected `username` and `password` together',
}).refine(({ token, username }) => token === undefined || username === undefined, {
  path: ['token'],
  message: 'expected either a `token` or `username` and `password`',
});

/**
 * A `Notifier` that publishes to a topic of ntfy. What is told again takes the place of what was told (where the server knows
 * sequence ids, since 2.16). Bounds, retries and errors as with `webhookNotifier`; topic, token and password are never shown.
 */
export function ntfyNotifier(options: NtfyNotifierOptions): Result<Notifier, InvalidError<'invalid-options'>> {
  const checked = check('invalid-options', LoginChecked, options, 'ntfyNotifier', Object.keys(Options.shape));
  if (checked.isErr()) return err(withoutValues(checked.error, /\.(topic|url|token|username|password)$/));
  const { topic, url, token, username, password, ...settings } = checked.value;
  const authorization = authorizationOf(token, username, password);
  return ok(
    notifierOver({
      noun: 'ntfy server',
      name: settings.name ?? 'ntfy',
      // JSON goes to the server itself: in headers a title of more than ASCII would have to be encoded.
      url: new URL(url),
      headers: authorization === undefined ? {} : { authorization },
      secrets: [topic, token, password].filter((each) => each !== undefined),
      bounds: settings,
      body: (message) => JSON.stringify({ topic, ...ntfy(summarize(message, settings.linkScheme), message) }),
      read: (body) => ({ text: jsonIn(body)?.string('error') }),
      hintFor: (status) =>
        status === 401 || status === 403
          ? 'Check the token, or username and password, and that they may write to the topic.'
          : status === 404
            ? 'Check `url`: it has to be that of the server, without a topic.'
            : undefined,
    }),
  );
}

function authorizationOf(token?: string, username?: string, password?: string): string | undefined {
  if (token !== undefined) return `Bearer ${token}`;
  if (username === undefined) return undefined;
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** Without the topic. Plain text: nothing in it needs to be escaped. Source: ntfy's documentation, "Publish as JSON". */
export function ntfy(summary: Summary, { id }: Pick<Message, 'id'>): JsonObject {
  const { cause, hint, lastLines, facts, links } = summary;
  const text = [
    ...(cause === null ? [] : [`Cause: ${shorten(cause, LIMITS.cause)}`]),
    ...(hint === null ? [] : [`Now: ${shorten(hint, LIMITS.hint)}`]),
    facts.map(({ label, value }) => `${label}: ${shorten(value, LIMITS.value)}`).join(' · '),
    ...lastLines,
  ];
  const shown = links.filter((link) => link.length <= LIMITS.link).slice(0, ACTIONS_MAX);
  return {
    title: shorten(summary.title, LIMITS.title),
    // An empty message is shown as "triggered".
    message: withinBytes(text.filter((part) => part !== '').join('\n') || summary.title, MESSAGE_BYTES_MAX),
    tags: [TAGS[summary.tone]],
    priority: PRIORITIES[summary.tone],
    ...(shown[0] === undefined ? {} : { click: shown[0] }),
    ...(shown.length === 0
      ? {}
      : { actions: shown.map((url) => ({ action: 'view', label: shorten(new URL(url).hostname, 40), url })) }),
    ...(/^[-_A-Za-z0-9]{1,64}$/.test(id) ? { sequence_id: id } : {}),
  };
}

/** In UTF-8, no character cut in two. */
function withinBytes(text: string, bytesMax: number): string {
  if (Buffer.byteLength(text) <= bytesMax) return text;
  const end = Buffer.byteLength('…');
  // A cut character decodes to a replacement, which the text before it does not end with.
  return `${new TextDecoder().decode(Buffer.from(text).subarray(0, bytesMax - end)).replace(/\ufffd+$/, '')}…`;
}
