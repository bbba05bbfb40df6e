import {
  type InvalidError,
  type JsonObject,
  type Notifier,
  type Summary,
  shorten,
  type Tone,
} from '@quayside/core/ports';
import type { Result } from 'neverthrow';
import { escapedWithin, unfenced } from './escaped.js';
import { type ChatOptions, chatNotifier } from './hook.js';
import { jsonIn } from './json-in.js';

const COLOURS: { readonly [T in Tone]: number } = {
  good: 0x2e_b6_7d,
  bad: 0xe0_1e_5a,
  neutral: 0x8b_8d_91,
  working: 0x36_c5_f0,
};

/**
 * What a part may have once it is escaped: together they stay below what an embed may have. Source: Discord's API documentation,
 * "Embed Limits": title 256, description 4 096, a field's value 1 024, 6 000 in all.
 */
const LIMITS = { title: 256, cause: 1_200, hint: 400, link: 260, lines: 830, value: 200 } as const;

/**
 * A `Notifier` for a webhook of a Discord channel. Nothing that it tells wakes anybody. Bounds, retries and errors as with
 * `webhookNotifier`.
 */
export const discordNotifier = (options: ChatOptions): Result<Notifier, InvalidError<'invalid-options'>> =>
  chatNotifier(
    {
      factory: 'discordNotifier',
      name: 'discord',
      noun: 'Discord webhook',
      template: discord,
      // Source: Discord's API documentation, "Error Messages": `{ "message", "code" }`.
      read: (body) => ({ text: jsonIn(body)?.string('message') }),
      hintFor: (status) =>
        status === 401 || status === 403 || status === 404
          ? 'Make a new webhook in the settings of the channel (Integrations) and give its URL: this one is gone.'
          : undefined,
    },
    options,
  );

export function discord(summary: Summary): JsonObject {
  const description = [
    ...(summary.cause === null ? [] : [`**Cause:** ${escapedWithin(summary.cause, LIMITS.cause, escaped)}`]),
    ...(summary.hint === null ? [] : [`**Now:** ${escapedWithin(summary.hint, LIMITS.hint, escaped)}`]),
    ...summary.links.map((link) => shorten(link, LIMITS.link)),
    ...(summary.lastLines.length === 0 ? [] : [codeBlock(summary.lastLines)]),
  ].join('\n');
  const [link] = summary.links;
  return {
    username: 'Quayside',
    // No name, tag or log line of ours may wake anybody.
    allowed_mentions: { parse: [] },
    embeds: [
      {
        title: escapedWithin(summary.title, LIMITS.title, escaped),
        color: COLOURS[summary.tone],
        timestamp: new Date(summary.time).toISOString(),
        ...(link === undefined ? {} : { url: link }),
        ...(description === '' ? {} : { description }),
        fields: summary.facts.map(({ label, value }) => ({
          name: label,
          value: escapedWithin(value, LIMITS.value, escaped),
          inline: true,
        })),
      },
    ],
  };
}

const codeBlock = (lines: readonly string[]): string =>
  `\`\`\`\n${shorten(unfenced(lines.join('\n')), LIMITS.lines)}\n\`\`\``;

const escaped = (value: string): string => value.replace(/[\\*_~`|<>[\]#]/g, (character) => `\\${character}`);
