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

const COLOURS: { readonly [T in Tone]: string } = {
  good: '#2eb67d',
  bad: '#e01e5a',
  neutral: '#8b8d91',
  working: '#36c5f0',
};
const MARKS: { readonly [T in Tone]: string } = { good: '✅', bad: '❌', neutral: 'ℹ️', working: '⏳' };

/** What a text may have once it is escaped. Source: Slack's Block Kit reference, "Section block" (3 000) and "Context block". */
const LIMITS = { title: 1_000, cause: 1_900, hint: 800, lines: 2_900, link: 500, value: 400, context: 2_900 } as const;

/** What Slack answers in plain text, and what to do about it. Source: "Sending messages using incoming webhooks", errors. */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /channel_is_archived|channel_not_found/,
    'Choose another channel for the webhook in Slack: this one is archived or gone.',
  ],
  [
    /action_prohibited|posting_to_general_channel_denied/,
    'Ask an admin of the workspace: it forbids this webhook to write there.',
  ],
  [
    /no_service|no_active_hooks|invalid_token|no_team|team_disabled/,
    'Make a new incoming webhook in Slack and give its URL: this one is gone.',
  ],
];

/**
 * A `Notifier` for an incoming webhook of Slack, or of what takes the same (Mattermost, Rocket.Chat). Nothing that it tells wakes a
 * channel. Bounds, retries and errors as with `webhookNotifier`.
 */
export const slackNotifier = (options: ChatOptions): Result<Notifier, InvalidError<'invalid-options'>> =>
  chatNotifier(
    {
      factory: 'slackNotifier',
      name: 'slack',
      noun: 'Slack webhook',
      template: slack,
      hintFor: (_status, said) => HINTS.find(([answer]) => answer.test(said))?.[1],
    },
    options,
  );

export function slack(summary: Summary): JsonObject {
  const title = `${MARKS[summary.tone]} ${escapedWithin(summary.title, LIMITS.title, escaped)}`;
  const body = [
    ...(summary.cause === null ? [] : [`*Cause:* ${escapedWithin(summary.cause, LIMITS.cause, escaped)}`]),
    ...(summary.hint === null ? [] : [`*Now:* ${escapedWithin(summary.hint, LIMITS.hint, escaped)}`]),
  ].join('\n');
  const links = summary.links.map((link) => `<${escapedWithin(link, LIMITS.link, escaped)}>`).join('\n');
  const facts = summary.facts
    .map(({ label, value }) => `*${label}:* ${escapedWithin(value, LIMITS.value, escaped)}`)
    .join('   ');
  return {
    // What a notification on a phone shows; the blocks take its place in the channel.
    text: title,
    attachments: [
      {
        color: COLOURS[summary.tone],
        blocks: [
          section(`*${title}*`),
          ...(body === '' ? [] : [section(body)]),
          ...(links === '' ? [] : [section(links)]),
          ...(summary.lastLines.length === 0 ? [] : [section(codeBlock(summary.lastLines))]),
          ...(facts === '' ? [] : [{ type: 'context', elements: [mrkdwn(shorten(facts, LIMITS.context))] }]),
        ],
      },
    ],
  };
}

const mrkdwn = (text: string): JsonObject => ({ type: 'mrkdwn', text });
const section = (text: string): JsonObject => ({ type: 'section', text: mrkdwn(text) });
const codeBlock = (lines: readonly string[]): string =>
  `\`\`\`\n${escapedWithin(unfenced(lines.join('\n')), LIMITS.lines, escaped)}\n\`\`\``;

/** Slack's three control characters: without this a tag `<!channel>` would wake everybody. */
const escaped = (value: string): string =>
  value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
