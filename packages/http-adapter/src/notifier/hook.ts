/** The incoming webhook of a chat: its URL is all that it takes, and a secret. */
import {
  check,
  type InvalidError,
  type JsonObject,
  type Notifier,
  type Summary,
  summarize,
} from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { z } from 'zod';
import { withoutValues } from '../hide-values.js';
import { bounds } from './bounds.js';
import { notifierOver, type Service } from './service.js';

export const isHttpUrl = (text: string): boolean => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);

/** A fetch refuses a URL with a login in it, and its error would show it. */
const isBareUrl = (text: string): boolean => isHttpUrl(text) && new URL(text).username + new URL(text).password === '';

export const bareUrl = (what: string) =>
  z.string().refine(isBareUrl, { message: `expected ${what}: http or https, without a login` });

const Options = z.strictObject({
  /** `http` or `https`. It is a secret: it is all that is needed to write there. */
  url: bareUrl('the URL of an incoming webhook'),
  ...bounds,
});
export type ChatOptions = z.input<typeof Options>;

/** What the chat's own file tells of it. */
export interface Chat extends Pick<Service, 'read' | 'hintFor'> {
  /** The factory's name, for its errors. */
  readonly factory: string;
  /** The notifier's name, where it is given none. */
  readonly name: string;
  /** For errors: `Slack webhook`. */
  readonly noun: string;
  readonly template: (summary: Summary) => JsonObject;
}

export function chatNotifier(
  { factory, name, template, ...service }: Chat,
  options: ChatOptions,
): Result<Notifier, InvalidError<'invalid-options'>> {
  const checked = check('invalid-options', Options, options, factory);
  if (checked.isErr()) return err(withoutValues(checked.error, /\.url$/));
  const settings = checked.value;
  return ok(
    notifierOver({
      ...service,
      name: settings.name ?? name,
      url: new URL(settings.url),
      headers: {},
      secrets: [],
      bounds: settings,
      body: (message) => JSON.stringify(template(summarize(message, settings.linkScheme))),
      // Chats do not look at it; what stands between can drop what it has seen.
      sign: async ({ id }) => ({ 'webhook-id': id }),
    }),
  );
}
