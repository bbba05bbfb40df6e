/**
 * Quay: the notification "Push to Repository". It is not signed, so the secret is a part of the URL, and one push of `latest` has the same
 * body as the next.
 *
 * Source: docs.redhat.com, Red Hat Quay, "Repository notifications"; older ones have `updated_tags` as an object from tag to image.
 */
import { z } from 'zod';
import { isSecret } from './secrets.js';
import { ignored, name, PUSHES_MAX, pushesOf, readBody, type Source } from './source.js';

const Body = z.object({
  repository: name(),
  updated_tags: z
    .union([z.array(name()).max(PUSHES_MAX), z.record(z.string(), z.unknown()).transform((tags) => Object.keys(tags))])
    .optional(),
});

export const quay = (options: { readonly secrets: readonly string[]; readonly registry: string }): Source => ({
  isGenuine: ({ pathSecret }) => isSecret(options.secrets, pathSecret),
  signsBody: false,
  deliveryId: () => undefined,
  bodyIsUnique: false,
  read: (body) =>
    readBody(Body, body).andThen(({ repository, updated_tags: tags = [] }) =>
      tags.length === 0
        ? ignored('It tells of no tag: only pushes count.')
        : pushesOf(
            tags.map((tag, index) => ({
              path: `body.updated_tags[${index}], body.repository`,
              image: `${options.registry}/${repository}`,
              tag,
            })),
          ),
    ),
});
