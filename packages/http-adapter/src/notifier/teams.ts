import {
  type InvalidError,
  type JsonObject,
  type Notifier,
  type Summary,
  shorten,
  type Tone,
} from '@quayside/core/ports';
import type { Result } from 'neverthrow';
import { type ChatOptions, chatNotifier } from './hook.js';

const STYLES: { readonly [T in Tone]: string } = {
  good: 'good',
  bad: 'attention',
  neutral: 'emphasis',
  working: 'accent',
};

/** Characters. Together with what is around them they stay far below the 28 kB that Teams takes as one message. */
const LIMITS = { title: 256, cause: 1_500, hint: 600, line: 300, value: 200 } as const;

/** Workflows (on Logic Apps or the Power Platform), and the connectors before them, which take the same card. */
export const isTeamsHost = (hostname: string): boolean =>
  /\.(logic\.azure\.com|environment\.api\.powerplatform\.com|webhook\.office\.com)$/.test(hostname);

/**
 * A `Notifier` for a channel or chat of Microsoft Teams: the URL of a workflow _Send webhook alerts to a channel_ (its trigger: _When
 * a Teams webhook request is received_). It posts an Adaptive Card. Bounds, retries and errors as with `webhookNotifier`.
 */
export const teamsNotifier = (options: ChatOptions): Result<Notifier, InvalidError<'invalid-options'>> =>
  chatNotifier(
    {
      factory: 'teamsNotifier',
      name: 'teams',
      noun: 'Teams workflow',
      template: teams,
      // A connector answers 200 whatever became of the message, and says it in words. Source: Microsoft Learn, "Create and
      // send messages", rate limiting.
      read: (body) => {
        const [, status] = /Microsoft Teams endpoint returned HTTP error (\d{3})/.exec(body) ?? [];
        return { status: status === undefined ? undefined : Number(status) };
      },
      hintFor: (status) =>
        status === 401 || status === 403 || status === 404 || status === 410
          ? 'Look at the workflow in Teams: it may be switched off, without an owner, or have a new URL.'
          : undefined,
    },
    options,
  );

/**
 * An Adaptive Card, as a workflow takes it. Whatever is not ours stands in a `TextRun`, which knows no Markdown: a tag or a log line
 * can be neither a link nor a heading, and `<at>` without a list of mentions wakes nobody. Source: Adaptive Cards 1.4, `RichTextBlock`.
 */
export function teams(summary: Summary): JsonObject {
  const { cause, hint, lastLines, facts, links } = summary;
  return {
    type: 'message',
    attachments: [
      {
        contentType: 'application/vnd.microsoft.card.adaptive',
        contentUrl: null,
        content: {
          $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
          type: 'AdaptiveCard',
          version: '1.4',
          msteams: { width: 'Full' },
          fallbackText: shorten(summary.title, LIMITS.title),
          body: [
            {
              type: 'Container',
              style: STYLES[summary.tone],
              bleed: true,
              items: [paragraph(run(shorten(summary.title, LIMITS.title), { size: 'medium', weight: 'bolder' }))],
            },
            ...(cause === null ? [] : [labelled('Cause', shorten(cause, LIMITS.cause))]),
            ...(hint === null ? [] : [labelled('Now', shorten(hint, LIMITS.hint))]),
            ...lastLines.map((line, index) => ({
              ...paragraph(run(shorten(line, LIMITS.line), { fontType: 'monospace', size: 'small' })),
              spacing: index === 0 ? 'default' : 'none',
            })),
            ...(facts.length === 0 ? [] : [paragraph(...facts.flatMap(factRuns))]),
          ],
          actions: links.map((url) => ({ type: 'Action.OpenUrl', title: shorten(url, LIMITS.value), url })),
        },
      },
    ],
  };
}

const paragraph = (...inlines: readonly JsonObject[]): JsonObject => ({ type: 'RichTextBlock', inlines });
const run = (text: string, look: JsonObject = {}): JsonObject => ({ type: 'TextRun', text, ...look });
const labelled = (label: string, value: string): JsonObject =>
  paragraph(run(`${label}: `, { weight: 'bolder' }), run(value));

const factRuns = ({ label, value }: { readonly label: string; readonly value: string }): readonly JsonObject[] => [
  run(`${label}: `, { isSubtle: true, size: 'small' }),
  run(`${shorten(value, LIMITS.value)}   `, { size: 'small' }),
];
