import {
  check,
  type InvalidError,
  type JsonObject,
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
import { notifierOver, type Said } from './service.js';

const MARKS: { readonly [T in Tone]: string } = { good: '✅', bad: '❌', neutral: 'ℹ️', working: '⏳' };

/**
 * Characters of each part as they are read, that is before they are escaped. Source: Telegram's Bot API, `sendMessage`: 4 096 after
 * entities parsing.
 */
const LIMITS = { title: 256, cause: 800, hint: 300, link: 262, lines: 810, value: 60 } as const;

const Options = z.strictObject({
  /** Of the bot, as @BotFather gave it. A secret. */
  token: z
    .string()
    .regex(/^\d+:[A-Za-z0-9_-]{20,}$/, "expected a bot's token, such as '123456:ABC-DEF…' from @BotFather"),
  /** Where it writes: the id of a chat, which is negative for a group (`-100…`), or a public channel's `@name`. */
  chat: z.union([
    z.int(),
    z.string().regex(/^(-?\d+|@[A-Za-z][A-Za-z0-9_]{3,})$/, "expected the id of a chat, or a public channel's @name"),
  ]),
  /** Of a forum: the topic it writes to. Default: the general one. */
  topic: z.int().positive().optional(),
  /** Tell without a sound; default false. */
  silent: z.boolean().default(false),
  /** A Bot API server of one's own; default `https://api.telegram.org`. */
  api: bareUrl('the URL of a Bot API server').default('https://api.telegram.org'),
  ...bounds,
});
export type TelegramNotifierOptions = z.input<typeof Options>;

/**
 * A `Notifier` that writes to a chat of Telegram as a bot. The bot has to be a member of it, or somebody has to have begun to talk to
 * it. Bounds, retries and errors as with `webhookNotifier`; the token, which is in the path of what is called, is never shown.
 */
export function telegramNotifier(options: TelegramNotifierOptions): Result<Notifier, InvalidError<'invalid-options'>> {
  const checked = check('invalid-options', Options, options, 'telegramNotifier');
  if (checked.isErr()) return err(withoutValues(checked.error, /\.(token|api)$/));
  const { token, chat, topic, silent, api, ...settings } = checked.value;
  const to = {
    chat_id: chat,
    ...(topic === undefined ? {} : { message_thread_id: topic }),
    ...(silent ? { disable_notification: true } : {}),
  };
  return ok(
    notifierOver({
      noun: 'Telegram bot',
      name: settings.name ?? 'telegram',
      url: new URL(`${api.replace(/\/+$/, '')}/bot${token}/sendMessage`),
      headers: {},
      // Of a token that was torn apart or encoded, neither half may be left.
      secrets: [token, encodeURIComponent(token), token.slice(token.indexOf(':') + 1)],
      bounds: settings,
      body: (message) => JSON.stringify({ ...to, ...telegram(summarize(message, settings.linkScheme)) }),
      read,
      hintFor,
    }),
  );
}

/** Source: Telegram's Bot API, "Making requests" and `ResponseParameters`. */
function read(body: string): Said {
  const answer = jsonIn(body);
  const retryAfterS = answer?.object('parameters')?.number('retry_after');
  return {
    text: answer?.string('description'),
    retryAfterMs: retryAfterS === undefined ? undefined : Math.max(0, Math.ceil(retryAfterS * 1_000)),
  };
}

function hintFor(status: number, said: string): string | undefined {
  if (status === 401 || status === 404)
    return "Check the bot's token: Telegram knows no such bot. @BotFather shows it.";
  if (/upgraded to a supergroup/i.test(said))
    return 'Give the new id of the chat, -100…: the group became a supergroup.';
  if (status === 403) return 'Add the bot to the chat, or have its owner begin to talk to it: it may not write there.';
  if (/chat not found/i.test(said)) return 'Check `chat`, and that the bot is a member of it.';
  if (/thread not found/i.test(said)) return 'Check `topic`: the chat has none of that number.';
  return status === 400 ? 'Check `chat` and `topic`, and that the bot may write there.' : undefined;
}

/** Without the chat. HTML, since three characters have to be escaped in it, and in MarkdownV2 eighteen. */
export function telegram(summary: Summary): JsonObject {
  const { cause, hint, lastLines, facts, links } = summary;
  const parts = [
    `${MARKS[summary.tone]} <b>${within(summary.title, LIMITS.title)}</b>`,
    ...(cause === null ? [] : [`<b>Cause:</b> ${within(cause, LIMITS.cause)}`]),
    ...(hint === null ? [] : [`<b>Now:</b> ${within(hint, LIMITS.hint)}`]),
    ...links.map((link) => within(link, LIMITS.link)),
    ...(lastLines.length === 0 ? [] : [`<pre>${within(lastLines.join('\n'), LIMITS.lines)}</pre>`]),
    facts.map(({ label, value }) => `${label}: ${within(value, LIMITS.value)}`).join(' · '),
  ];
  return {
    text: parts.filter((part) => part !== '').join('\n'),
    parse_mode: 'HTML',
    // A preview would fetch the address of a version that has only just begun.
    link_preview_options: { is_disabled: true },
  };
}

/** Cut as it is read, then escaped. */
const within = (text: string, lengthMax: number): string => escaped(shorten(text, lengthMax));

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
