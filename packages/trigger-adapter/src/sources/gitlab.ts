/**
 * GitLab. It has no webhook for pushes to its container registry (gitlab-org/gitlab#15385), so one of two things is set up:
 *
 * - on an instance of one's own, the registry's notifications (`registry['notifications']`): distribution's envelope, with the secret as
 *   `Authorization`;
 * - anywhere, the webhook "Pipeline events" of the project whose pipeline pushes: a pipeline that succeeded is a reason to look at the
 *   project's repositories. The secret is its signing token (`whsec_…`, Standard Webhooks) or its secret token (`X-Gitlab-Token`).
 *
 * Source: docs.gitlab.com, "Webhook events", "Webhooks"; "GitLab container registry administration".
 */
import { z } from 'zod';
import { isTag } from '../image.js';
import { isEnvelope, readEnvelope } from './distribution.js';
import { isAuthorized, isSecret, isSigningSecret, isStandard } from './secrets.js';
import { ignored, name, pushesOf, readBody, type Source, timeOf, word } from './source.js';

const Body = z.object({
  object_kind: name(),
  object_attributes: z.object({
    status: name(),
    ref: z.string().max(1024).nullish(),
    tag: z.boolean().nullish(),
    finished_at: z.unknown().optional(),
  }),
  project: z.object({ path_with_namespace: name() }),
});

export const gitlab = (options: { readonly secrets: readonly string[]; readonly registry: string }): Source => ({
  isGenuine({ headers, body }, nowMs) {
    const { secrets } = options;
    if (headers.has('webhook-signature')) return isStandard(secrets.filter(isSigningSecret), headers, body, nowMs);
    return headers.has('x-gitlab-token')
      ? isSecret(secrets, headers.get('x-gitlab-token'))
      : isAuthorized(secrets, headers);
  },
  signsBody: true,
  deliveryId: (headers) =>
    headers.get('webhook-id') ?? headers.get('idempotency-key') ?? headers.get('x-gitlab-event-uuid') ?? undefined,
  bodyIsUnique: true,
  read(body) {
    if (isEnvelope(body)) return readEnvelope(options.registry, body);
    const kind =
      typeof body === 'object' && body !== null ? (body as { object_kind?: unknown }).object_kind : undefined;
    if (typeof kind === 'string' && kind !== 'pipeline') {
      return ignored(`Choose "Pipeline events": ${word(kind)} says nothing of images.`);
    }
    return readBody(Body, body).andThen(({ object_attributes: pipeline, project }) => {
      if (pipeline.status !== 'success')
        return ignored(`The pipeline is ${word(pipeline.status)}, and has not succeeded.`);
      const { ref } = pipeline;
      return pushesOf([
        {
          path: 'body.project.path_with_namespace',
          image: `${options.registry}/${project.path_with_namespace.toLowerCase()}`,
          below: true,
          // The tag of a pipeline is git's. It is a hint at most, where the names of the image's tags do not tell which is the newest.
          tag: pipeline.tag && ref && isTag(ref) ? ref : null,
          pushedAt: timeOf(pipeline.finished_at),
        },
      ]);
    });
  },
});
