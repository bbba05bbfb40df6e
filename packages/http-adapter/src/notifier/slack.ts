import type { JsonObject } from '@quayside/core/ports';
import { type Summary, shorten, type Tone } from './summary.js';

const COLOURS: { readonly [T in Tone]: string } = {
  good: '#2eb67d',
  bad: '#e01e5a',
  neutral: '#8b8d91',
  working: '#36c5f0',
};
const MARKS: { readonly [T in Tone]: string } = { good: '✅', bad: '❌', neutral: 'ℹ️', working: '⏳' };

/** The most that a section's text may have. Source: Slack's Block Kit reference, "Section block" (3 000). */
const TEXT_MAX = 2_900;

/** For an incoming webhook of Slack, or of what takes the same (Mattermost, Rocket.Chat). */
export function slack(summary: Summary): JsonObject {
  const title = `${MARKS[summary.tone]} ${escaped(summary.title)}`;
  const body = [
    ...(summary.cause === null ? [] : [`*Cause:* ${escaped(summary.cause)}`]),
    ...(summary.hint === null ? [] : [`*Now:* ${escaped(summary.hint)}`]),
    ...summary.links.map((link) => `<${link}>`),
  ].join('\n');
  const facts = summary.facts.map(({ label, value }) => `*${label}:* ${escaped(value)}`).join('   ');
  return {
    // What a notification on a phone shows; the blocks take its place in the channel.
    text: shorten(title, TEXT_MAX),
    attachments: [
      {
        color: COLOURS[summary.tone],
        blocks: [
          section(`*${title}*`),
          ...(body === '' ? [] : [section(body)]),
          ...(summary.lastLines.length === 0 ? [] : [section(codeBlock(summary.lastLines))]),
          ...(facts === '' ? [] : [{ type: 'context', elements: [mrkdwn(facts)] }]),
        ],
      },
    ],
  };
}

const mrkdwn = (value: string): JsonObject => ({ type: 'mrkdwn', text: shorten(value, TEXT_MAX) });
const section = (value: string): JsonObject => ({ type: 'section', text: mrkdwn(value) });

const codeBlock = (lines: readonly string[]): string =>
  `\`\`\`${escaped(lines.join('\n')).replaceAll('```', "'''")}\`\`\``;

/** Slack's three control characters: without this a tag `<!channel>` would wake everybody. */
const escaped = (value: string): string =>
  value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
