import { z } from 'zod';
import { registryOf } from '../image.js';
import { distribution } from './distribution.js';
import { dockerHub } from './docker-hub.js';
import { ghcr } from './ghcr.js';
import { gitea } from './gitea.js';
import { gitlab } from './gitlab.js';
import { harbor } from './harbor.js';
import { quay } from './quay.js';
import { isSigningSecret } from './secrets.js';
import { signed } from './signed.js';
import type { Source } from './source.js';

const SECRET_MIN = 16;

const secretsOf = (isOne: (text: string) => boolean, expected: string) => {
  const one = () => z.string().refine(isOne, { message: `expected ${expected}` });
  return z.union([one(), z.array(one()).min(1).max(5)]).transform((secret) => [secret].flat());
};

const isLongEnough = (text: string) => text.length >= SECRET_MIN && text.length <= 512 && /^[!-~]+$/.test(text);

/** Several while one replaces another. */
const secret = () => secretsOf(isLongEnough, `${SECRET_MIN} to 512 visible characters: openssl rand -hex 24`);

/** A part of a path as it is, without anything to be encoded. */
const pathSecret = () =>
  secretsOf(
    (text) => isLongEnough(text) && /^[A-Za-z0-9._~-]+$/.test(text),
    `${SECRET_MIN} to 512 letters, digits, and ._~-, since it is a part of the URL: openssl rand -hex 24`,
  );

const signingSecret = () =>
  secretsOf(isSigningSecret, "'whsec_' and 24 to 64 bytes in base 64: echo whsec_$(openssl rand -base64 32)");

/** What image names begin with: it comes from here and never from a body. */
const registry = () =>
  z
    .string()
    .refine((text) => registryOf(text) !== undefined, {
      message:
        "expected the registry's host, as images' names begin with it: 'registry.example.com', 'registry.lan:5000'",
    })
    .transform((text) => registryOf(text) ?? text);

export const SourceSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('docker-hub'), secret: pathSecret() }),
  z.strictObject({ kind: z.literal('ghcr'), secret: secret() }),
  z.strictObject({ kind: z.literal('gitlab'), secret: secret(), registry: registry().default('registry.gitlab.com') }),
  z.strictObject({ kind: z.literal('harbor'), secret: secret(), registry: registry() }),
  z.strictObject({ kind: z.literal('quay'), secret: pathSecret(), registry: registry().default('quay.io') }),
  z.strictObject({ kind: z.literal('gitea'), secret: secret(), registry: registry() }),
  z.strictObject({ kind: z.literal('distribution'), secret: secret(), registry: registry() }),
  z.strictObject({ kind: z.literal('signed'), secret: signingSecret() }),
]);

export type SourceOptions = z.input<typeof SourceSchema>;

export function sourceOf(settings: z.output<typeof SourceSchema>): Source {
  const { secret: secrets } = settings;
  switch (settings.kind) {
    case 'docker-hub':
      return dockerHub({ secrets });
    case 'ghcr':
      return ghcr({ secrets });
    case 'signed':
      return signed({ secrets });
    case 'gitlab':
      return gitlab({ secrets, registry: settings.registry });
    case 'harbor':
      return harbor({ secrets, registry: settings.registry });
    case 'quay':
      return quay({ secrets, registry: settings.registry });
    case 'gitea':
      return gitea({ secrets, registry: settings.registry });
    case 'distribution':
      return distribution({ secrets, registry: settings.registry });
    default:
      return settings satisfies never;
  }
}
