import { type InvalidError, type Message, type Notifier, summarize } from '@quayside/core/ports';
import type { Result } from 'neverthrow';
import { discord } from './discord.js';
import { parseOptions, type Settings, type WebhookNotifierOptions } from './options.js';
import { plain } from './plain.js';
import { notifierOver } from './service.js';
import { signedHeaders } from './signature.js';
import { slack } from './slack.js';
import { teams } from './teams.js';

/**
 * A `Notifier` that posts JSON, with the headers and the signature of Standard Webhooks (`webhook-id`, `webhook-timestamp`,
 * `webhook-signature`). The id is the message's own and stays the same over every attempt and call.
 *
 * One call tries what is worth it (no connection, no answer in time, 408, 425, 429, 5xx) `attempts` times within
 * `totalTimeout`, and heeds `Retry-After`; the deployer's outbox goes on from there. Everything else that is not 2xx, a redirect
 * too, is not retryable. Errors name the notifier and the receiver's host; the URL, the secret and the headers are never shown.
 */
export function webhookNotifier(options: WebhookNotifierOptions): Result<Notifier, InvalidError<'invalid-options'>> {
  return parseOptions(options).map((settings) => {
    const { url, headers, secrets, format, password } = settings;
    return notifierOver({
      noun: 'webhook',
      name: settings.name ?? (typeof format === 'string' && format !== 'plain' ? format : 'webhook'),
      url,
      headers,
      secrets: [...secrets, ...password],
      bounds: settings,
      body: (message) => JSON.stringify(bodyOf(settings, message)),
      sign: (message, body) => signedHeaders(secrets, { id: message.id, body, at: new Date() }),
    });
  });
}

const TEMPLATES = { slack, discord, teams } as const;

function bodyOf({ format, linkScheme }: Settings, message: Message) {
  if (typeof format === 'function') return format(message);
  return format === 'plain' ? plain(message) : TEMPLATES[format](summarize(message, linkScheme));
}
