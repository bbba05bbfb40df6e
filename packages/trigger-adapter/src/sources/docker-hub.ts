/**
 * Docker Hub. It signs nothing and sends no header of its own, so the secret is a part of the URL; what the body says is only a reason to ask
 * the registry. Its `callback_url` is never called: it stands in a body that anybody may have written.
 *
 * Source: docs.docker.com, "Webhooks"; `pushed_at` has decimals at times, and a push of several tags is a delivery for each.
 */
import { z } from 'zod';
import { isSecret } from './secrets.js';
import { name, pushesOf, readBody, type Source, timeOf } from './source.js';

const Body = z.object({
  push_data: z.object({ tag: name(), pushed_at: z.unknown().optional() }),
  repository: z.object({ repo_name: name() }),
});

export const dockerHub = ({ secrets }: { readonly secrets: readonly string[] }): Source => ({
  isGenuine: ({ pathSecret }) => isSecret(secrets, pathSecret),
  signsBody: false,
  deliveryId: () => undefined,
  bodyIsUnique: true,
  read: (body) =>
    readBody(Body, body).andThen(({ push_data: push, repository }) =>
      pushesOf([
        {
          path: 'body.push_data.tag, body.repository.repo_name',
          image: `docker.io/${repository.repo_name}`,
          tag: push.tag,
          pushedAt: timeOf(push.pushed_at),
        },
      ]),
    ),
});
