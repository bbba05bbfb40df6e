/**
 * The distribution registry's notifications, and those of registries that speak like it (Azure's, GitLab's own). An envelope holds events of all
 * kinds: pushes of blobs and of manifests without a tag are none that a tag policy could mean. The secret is a header of the endpoint's
 * configuration, `Authorization`.
 *
 * A registry sends an event again until it is answered with 2xx or 3xx, and holds back all others meanwhile.
 * Source: distribution.github.io, "Notifications".
 */
import { z } from 'zod';
import { isAuthorized } from './secrets.js';
import { ignored, name, pushesOf, readBody, type Source, timeOf } from './source.js';

const Body = z.object({
  events: z
    .array(
      z.object({
        action: z.string().max(64),
        timestamp: z.unknown().optional(),
        target: z
          .object({
            repository: name().optional(),
            tag: z.string().max(512).optional(),
            digest: z.string().max(512).optional(),
          })
          .optional(),
      }),
    )
    .max(5_000),
});

/** Azure's registry sends an event by itself, without the envelope around it. */
const enveloped = (body: unknown): unknown =>
  typeof body === 'object' && body !== null && 'target' in body && !('events' in body) ? { events: [body] } : body;

export const isEnvelope = (body: unknown): boolean =>
  typeof body === 'object' && body !== null && Array.isArray((body as { events?: unknown }).events);

export const readEnvelope = (registry: string, body: unknown) =>
  readBody(Body, enveloped(body)).andThen(({ events }) => {
    const told = events.flatMap(({ action, target, timestamp }, index) =>
      action === 'push' && target?.tag && target.repository
        ? [
            {
              path: `body.events[${index}].target`,
              image: `${registry}/${target.repository}`,
              tag: target.tag,
              digest: target.digest ?? null,
              pushedAt: timeOf(timestamp),
            },
          ]
        : [],
    );
    return told.length === 0 ? ignored('None of its events is the push of a tag.') : pushesOf(told);
  });

export const distribution = (options: { readonly secrets: readonly string[]; readonly registry: string }): Source => ({
  isGenuine: ({ headers }) => isAuthorized(options.secrets, headers),
  signsBody: false,
  deliveryId: () => undefined,
  bodyIsUnique: true,
  read: (body) => readEnvelope(options.registry, body),
});
