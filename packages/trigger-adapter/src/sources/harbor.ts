/**
 * Harbor, in both of its formats: its own and CloudEvents. The secret is the policy's "Auth Header", sent as `Authorization`.
 *
 * The field `tag` may hold the digest of what was pushed with a tag (goharbor/harbor#19982, and the example in Harbor's documentation): then
 * the tag is looked for at the registry. Source: goharbor.io, "Configure Webhook Notifications".
 */
import { z } from 'zod';
import { isDigest } from '../image.js';
import { isAuthorized } from './secrets.js';
import { ignored, name, PUSHES_MAX, pushesOf, readBody, type Source, timeOf, word } from './source.js';

const Data = z.object({
  resources: z
    .array(z.object({ tag: z.string().max(512).optional(), digest: z.string().max(512).optional() }))
    .max(PUSHES_MAX),
  repository: z.object({ repo_full_name: name() }),
});
const Own = z.object({ type: name(), occur_at: z.unknown().optional(), event_data: z.unknown().optional() });
const CloudEvent = z.object({
  specversion: name(),
  type: name(),
  time: z.unknown().optional(),
  data: z.unknown().optional(),
});
const Pushed = { own: 'PUSH_ARTIFACT', cloud: 'harbor.artifact.pushed' } as const;

export const harbor = (options: { readonly secrets: readonly string[]; readonly registry: string }): Source => ({
  isGenuine: ({ headers }) => isAuthorized(options.secrets, headers),
  signsBody: false,
  deliveryId: () => undefined,
  bodyIsUnique: true,
  read(body) {
    const isCloud = typeof body === 'object' && body !== null && 'specversion' in body;
    const event = isCloud
      ? readBody(CloudEvent, body).map(({ type, time, data }) => ({ type, at: timeOf(time), data, in: 'data' }))
      : readBody(Own, body).map((own) => ({
          type: own.type,
          at: timeOf(own.occur_at),
          data: own.event_data,
          in: 'event_data',
        }));
    return event.andThen(({ type, at, data, in: field }) => {
      if (type !== Pushed[isCloud ? 'cloud' : 'own']) return ignored(`Events of type ${word(type)} are no pushes.`);
      return readBody(z.object({ [field]: Data }), { [field]: data }).andThen((read) => {
        const { resources, repository } = read[field] as z.output<typeof Data>;
        return pushesOf(
          resources.map(({ tag, digest }, index) => ({
            path: `body.${field}.resources[${index}], body.${field}.repository.repo_full_name`,
            image: `${options.registry}/${repository.repo_full_name}`,
            tag: tag && !isDigest(tag) ? tag : null,
            digest: digest || (tag && isDigest(tag) ? tag : null),
            pushedAt: at,
          })),
        );
      });
    });
  },
});
