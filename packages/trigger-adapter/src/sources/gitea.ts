/**
 * Gitea and Forgejo: the event `package` of a repository's, an owner's or the whole instance's webhook, signed with HMAC-SHA256. A container
 * image's version is its tag, or the digest of a manifest that has none.
 *
 * Source: docs.gitea.com, "Webhooks"; gitea, `modules/structs/hook.go` (`PackagePayload`), `services/webhook/deliver.go` (the headers).
 */
import { z } from 'zod';
import { isDigest } from '../image.js';
import { isSigned } from './secrets.js';
import { ignored, name, pushesOf, readBody, type Source, timeOf, word } from './source.js';

const Body = z.object({
  action: name(),
  package: z.object({
    type: name(),
    name: name(),
    version: name(),
    owner: z.object({ login: name().optional(), username: name().optional() }),
    created_at: z.unknown().optional(),
  }),
});

const EVENTS = ['x-gitea-event', 'x-forgejo-event', 'x-gogs-event'] as const;
const SIGNATURES = ['x-gitea-signature', 'x-forgejo-signature', 'x-hub-signature-256'] as const;
const DELIVERIES = ['x-gitea-delivery', 'x-forgejo-delivery', 'x-github-delivery'] as const;

const first = (headers: Headers, names: readonly string[]): string | undefined =>
  names.map((each) => headers.get(each)).find((value) => value !== null) ?? undefined;

export const gitea = (options: { readonly secrets: readonly string[]; readonly registry: string }): Source => ({
  isGenuine: ({ headers, body }) => isSigned(options.secrets, body, first(headers, SIGNATURES)),
  signsBody: true,
  deliveryId: (headers) => first(headers, DELIVERIES),
  bodyIsUnique: true,
  read(body, headers) {
    const event = first(headers, EVENTS);
    if (event !== undefined && event !== 'package')
      return ignored(`Choose the event "Package": ${word(event)} is another one.`);
    return readBody(Body, body).andThen(({ action, package: told }) => {
      if (told.type !== 'container') return ignored('It is no container image.');
      if (action !== 'created') return ignored(`Nothing is pushed by ${word(action)}.`);
      if (isDigest(told.version))
        return ignored('It has no tag: a manifest of one platform, or one that was pushed by its digest.');
      const owner = told.owner.login ?? told.owner.username ?? '';
      return pushesOf([
        {
          path: 'body.package',
          image: `${options.registry}/${owner.toLowerCase()}/${told.name.toLowerCase()}`,
          tag: told.version,
          pushedAt: timeOf(told.created_at),
        },
      ]);
    });
  },
});
