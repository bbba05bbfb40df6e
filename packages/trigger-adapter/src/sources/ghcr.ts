/**
 * GitHub's container registry: the events `registry_package` and `package` of a repository's or an organization's webhook, signed with
 * `X-Hub-Signature-256`. GitHub waits 10 s for an answer and sends nothing again by itself.
 *
 * Of an image for several platforms each platform's manifest is a version without a tag, told of by itself.
 * Source: docs.github.com, "Webhook events and payloads", "Validating webhook deliveries".
 */
import { z } from 'zod';
import { isSigned } from './secrets.js';
import { ignored, name, pushesOf, readBody, type Source, timeOf, word } from './source.js';

const Version = z.object({
  package_url: z.string().max(1024).nullish(),
  container_metadata: z
    .object({
      tag: z.object({ name: z.string().max(512).nullish(), digest: z.string().max(512).nullish() }).nullish(),
    })
    .nullish(),
});

const Package = z.object({
  name: name(),
  namespace: z.string().max(512).nullish(),
  package_type: z.string().max(64).nullish(),
  owner: z.object({ login: name() }).nullish(),
  updated_at: z.unknown().optional(),
  package_version: Version.nullish(),
});

const Body = (event: 'package' | 'registry_package') => z.object({ action: name(), [event]: Package });

export const ghcr = ({ secrets }: { readonly secrets: readonly string[] }): Source => ({
  isGenuine: ({ headers, body }) => isSigned(secrets, body, headers.get('x-hub-signature-256')),
  signsBody: true,
  deliveryId: (headers) => headers.get('x-github-delivery') ?? undefined,
  bodyIsUnique: true,
  read(body, headers) {
    const event = headers.get('x-github-event');
    if (event === 'ping') return ignored('A ping: the webhook is set up.');
    if (event !== 'package' && event !== 'registry_package') {
      return ignored(`Choose the event "Registry packages" (or "Packages"): ${word(event ?? '')} is none of them.`);
    }
    return readBody(Body(event), body).andThen((read) => {
      const { action } = read as { action: string };
      const told = (read as unknown as Record<string, z.output<typeof Package>>)[event];
      if (!told || !['published', 'updated'].includes(action)) return ignored(`Nothing is pushed by ${word(action)}.`);
      if (told.package_type && told.package_type.toLowerCase() !== 'container')
        return ignored('It is no container image.');
      const { repository, tag } = namesOf(told);
      if (!tag) return ignored('It has no tag: a manifest of one platform, or one that was pushed by its digest.');
      const digest = told.package_version?.container_metadata?.tag?.digest || null;
      // The times of the version itself are those of the year 1.
      return pushesOf([{ path: `body.${event}`, image: repository, tag, digest, pushedAt: timeOf(told.updated_at) }]);
    });
  },
});

/** GitHub's owners have capitals, the registry's names have none. The tag may be in the URL alone. */
function namesOf({ name: own, namespace, owner, package_version: version }: z.output<typeof Package>) {
  const [, written, inUrl] = /^(ghcr\.io\/[^:@]+)(?::([^@]*))?(?:@.*)?$/i.exec(version?.package_url ?? '') ?? [];
  return {
    repository: (written ?? `ghcr.io/${namespace || owner?.login || ''}/${own}`).toLowerCase(),
    tag: version?.container_metadata?.tag?.name || inUrl,
  };
}
