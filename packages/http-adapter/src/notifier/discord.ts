import type { JsonObject } from '@quayside/core/ports';
import { type Summary, shorten, type Tone } from './summary.js';

const COLOURS: { readonly [T in Tone]: number } = {
  good: 0x2e_b6_7d,
  bad: 0xe0_1e_5a,
  neutral: 0x8b_8d_91,
  working: 0x36_c5_f0,
};

/** Source: Discord's API documentation, "Embed Limits": title 256, description 4 096, a field's value 1 024, 6 000 in all. */
const LIMITS = { title: 256, description: 3_600, cause: 1_000, hint: 400, value: 200 } as const;

/** For a webhook of a Discord channel. */
export function discord(summary: Summary): JsonObject {
  const description = [
    ...(summary.cause === null ? [] : [`**Cause:** ${escaped(shorten(summary.cause, LIMITS.cause))}`]),
    ...(summary.hint === null ? [] : [`**Now:** ${escaped(shorten(summary.hint, LIMITS.hint))}`]),
    ...summary.links,
    ...(summary.lastLines.length === 0 ? [] : [codeBlock(summary.lastLines)]),
  ].join('\n');
  const [link] = summary.links;
  return {
    username: 'Quayside',
    // No name, tag or log line of ours may wake anybody.
    allowed_mentions: { parse: [] },
    embeds: [
      {
        title: shorten(escaped(summary.title), LIMITS.title),
        color: COLOURS[summary.tone],
        timestamp: new Date(summary.time).toISOString(),
        ...(link === undefined ? {} : { url: link }),
        ...(description === '' ? {} : { description: shorten(description, LIMITS.description) }),
        fields: summary.facts.map(({ label, value }) => ({
          name: label,
          value: shorten(escaped(value), LIMITS.value),
          inline: true,
        })),
      },
    ],
  };
}

const codeBlock = (lines: readonly string[]): string => `\`\`\`\n${lines.join('\n').replaceAll('```', "'''")}\n\`\`\``;

const escaped = (value: string): string => value.replace(/[\\*_~`|>[\]]/g, (character) => `\\${character}`);
