/**
 * Anything that can sign: a build server, a script. The headers are those of Standard Webhooks, the body is ours:
 *
 *   { "image": "registry.example.com/shop:v1.4.2" }
 *   { "image": "registry.example.com/shop", "tags": ["v1.4.2", "latest"], "digest": "sha256:…", "pushedAt": "2026-01-31T12:00:00Z" }
 *
 * by itself or as the `data` of `{ "type": "image.pushed", "timestamp": …, "data": … }`.
 */
import { parseReference } from '@quayside/core/ports';
import { z } from 'zod';
import { isStandard } from './secrets.js';
import { ignored, name, PUSHES_MAX, pushesOf, readBody, type Source, timeOf, word } from './source.js';

const Push = z.object({
  image: name(),
  tag: name().optional(),
  tags: z.array(name()).max(PUSHES_MAX).optional(),
  digest: name().optional(),
  pushedAt: z.unknown().optional(),
});
const Wrapped = z.object({ type: name(), timestamp: z.unknown().optional(), data: Push });

export const signed = ({ secrets }: { readonly secrets: readonly string[] }): Source => ({
  isGenuine: ({ headers, body }, nowMs) => isStandard(secrets, headers, body, nowMs),
  signsBody: true,
  deliveryId: (headers) => headers.get('webhook-id') ?? undefined,
  bodyIsUnique: false,
  read(body) {
    const isWrapped = typeof body === 'object' && body !== null && 'data' in body;
    const read = isWrapped
      ? readBody(Wrapped, body).map(({ type, timestamp, data }) => ({
          type,
          at: timeOf(timestamp),
          data,
          in: 'body.data',
        }))
      : readBody(Push, body).map((data) => ({ type: 'image.pushed', at: null, data, in: 'body' }));
    return read.andThen(({ type, at, data, in: path }) => {
      if (type !== 'image.pushed') return ignored(`Events of type ${word(type)} are no pushes.`);
      const reference = parseReference(data.image);
      const tags = [...(reference?.tag ? [reference.tag] : []), ...(data.tag ? [data.tag] : []), ...(data.tags ?? [])];
      const image = reference ? `${reference.registry}/${reference.path}` : data.image;
      const digest = data.digest ?? reference?.digest ?? null;
      const pushedAt = timeOf(data.pushedAt) ?? at;
      return pushesOf(
        (tags.length > 0 ? [...new Set(tags)] : [null]).map((tag) => ({ path, image, tag, digest, pushedAt })),
      );
    });
  },
});
