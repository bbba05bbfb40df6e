/** Tells a webhook where a preview is, and that it is gone: for a bot that keeps one comment per preview up to date. */
import {
  check,
  definePlugin,
  type InvalidError,
  type JsonObject,
  type Message,
  type Notifier,
  type NotifyError,
  type Plugin,
  type PluginState,
  QuaysideError,
} from '@quayside/core/ports';
import { webhookNotifier } from '@quayside/http-adapter';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { z } from 'zod';
import { isAmong, pluginName, stagePatterns } from './options.js';

const Options = z.strictObject({
  /** Where it is told: `http` or `https`. A secret. */
  url: z.string(),
  /** Signs it as Standard Webhooks has it: `whsec_` and 24 to 64 bytes in base 64; several while one replaces another. Default: unsigned. */
  secret: z.union([z.string(), z.array(z.string()).min(1).max(5)]).optional(),
  /** Sent along: secrets. */
  headers: z.record(z.string(), z.string()).optional(),
  /** Which stages are previews; default `pr-*`. */
  stages: stagePatterns(['pr-*']),
  /** What the addresses begin with; default `https`. */
  linkScheme: z.enum(['http', 'https']).default('https'),
  name: pluginName('preview-comment'),
});

export type PreviewCommentOptions = z.input<typeof Options>;

/** What was told last of a stage. */
interface Told {
  readonly state: 'live' | 'gone';
  readonly instance: string;
  /** Of the event in the store's stream: what comes late is older than what was told. */
  readonly sequence: number;
  readonly at: number;
}

/** What is gone is remembered for so long: a message is tried again for three days, and must not bring it back. */
const GONE_MS = 7 * 86_400_000;

/**
 * Posts `preview.live` and `preview.gone`, signed, at least once, from the deployer's outbox: also after a kill. The body has a `key` that stays
 * the same for all that is told of one preview, so that a receiver updates what it has: `{ id, type, timestamp, sequence, data: { key, state,
 * project, stage, tag, urls, instance, reason } }`. What was told already, or is older than that, is not told again.
 */
export function previewComment(options: PreviewCommentOptions): Result<Plugin, InvalidError<'invalid-options'>> {
  return check('invalid-options', Options, options, 'previewComment').andThen((settings) => {
    const { url, secret, headers, name } = settings;
    const webhook = webhookNotifier({
      url,
      name,
      format: 'plain',
      ...(secret === undefined ? {} : { secret }),
      ...(headers === undefined ? {} : { headers }),
    });
    return webhook.mapErr(ownPaths).map((tell) =>
      definePlugin({
        name,
        version: '1.0.0',
        setup(host) {
          host.notifier(notifier(settings, tell, host.state, () => host.now()));
        },
      }),
    );
  });
}

const ownPaths = (error: InvalidError<'invalid-options'>): InvalidError<'invalid-options'> => ({
  ...error,
  issues: error.issues.map((issue) => ({ ...issue, path: issue.path.replace(/^webhookNotifier/, 'previewComment') })),
});

function notifier(
  settings: z.output<typeof Options>,
  webhook: Notifier,
  state: PluginState,
  now: () => number,
): Notifier {
  return {
    name: settings.name,
    events: ['deployment.succeeded', 'instance.retired'],
    notify: (message, options) =>
      ResultAsync.fromThrowable(async (): Promise<Result<void, NotifyError>> => {
        const news = newsOf(message, settings);
        if (!news) return ok(undefined);
        const { key, instance, gone } = news;
        const entry = await state.get(key, options);
        const told = entry?.value as unknown as Told | undefined;
        if (told && told.sequence >= message.sequence) return ok(undefined);
        // Another instance of the preview serves by now, or nobody was ever told of this one.
        if (gone && told?.instance !== instance) return ok(undefined);
        const sent = await webhook.notify({ ...message, type: news.type, data: news.data }, options);
        if (sent.isErr()) return err(sent.error);
        const next: Told = { state: gone ? 'gone' : 'live', instance, sequence: message.sequence, at: now() };
        await state.put(key, next, options);
        if (gone) await forget(state, now(), options);
        return ok(undefined);
      }, failed)().andThen((result) => result),
    close: () => webhook.close?.() ?? new ResultAsync(Promise.resolve(ok(undefined))),
  };
}

interface News {
  readonly type: 'preview.live' | 'preview.gone';
  readonly key: string;
  readonly instance: string;
  readonly gone: boolean;
  readonly data: JsonObject;
}

function newsOf(
  { type, data }: Message,
  { stages, linkScheme }: Pick<z.output<typeof Options>, 'stages' | 'linkScheme'>,
): News | undefined {
  const of = data['instance'] as { readonly [field: string]: unknown } | undefined;
  const [project, stage, tag, instance] = ['project', 'stage', 'tag', 'id'].map((field) => String(of?.[field]));
  if (project === undefined || stage === undefined || instance === undefined || tag === undefined) return undefined;
  if (!isAmong(stages, stage)) return undefined;
  const gone = type === 'instance.retired';
  const domains = Array.isArray(of?.['domains']) ? of['domains'].map(String) : [];
  const key = `${encodeURIComponent(project)}/${encodeURIComponent(stage)}`;
  return {
    type: gone ? 'preview.gone' : 'preview.live',
    key,
    instance,
    gone,
    data: {
      key,
      state: gone ? 'gone' : 'live',
      project,
      stage,
      tag,
      urls: gone ? [] : domains.map((domain) => `${linkScheme}://${domain}`),
      instance,
      reason: gone ? String(data['reason']) : null,
    },
  };
}

async function forget(state: PluginState, nowMs: number, options: { readonly signal: AbortSignal }): Promise<void> {
  for (const { key, value } of await state.list(options)) {
    const told = value as unknown as Told;
    if (told.state === 'gone' && nowMs - told.at > GONE_MS) await state.remove(key, options);
  }
}

/** What was told may not be remembered then, and is told once more under the same id. */
const failed = (thrown: unknown): NotifyError => ({
  kind: 'notify-failed',
  message: `The preview comment could not look at what was told: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
  hint: 'See to the store; it is tried again.',
  retryable: thrown instanceof QuaysideError ? thrown.retryable || thrown.kind === 'aborted' : false,
  cause: thrown,
});
