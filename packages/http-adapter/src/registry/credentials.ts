import { type RegistryError, within } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { z } from 'zod';

/** What one registry takes. All of it is secret. */
export type Credentials =
  | { readonly username: string; readonly password: string }
  /** A refresh token, as `docker login` keeps it for some registries (`identitytoken`). */
  | { readonly identityToken: string }
  /** A bearer token that is sent as it is. */
  | { readonly registryToken: string };

/**
 * Asked whenever a registry wants a login; undefined: go on as nobody.
 * @param registry as references write it: `docker.io`, `ghcr.io`, `127.0.0.1:5000`
 */
export type CredentialsFor = (
  registry: string,
  options: { readonly signal: AbortSignal },
) => Credentials | undefined | null | PromiseLike<Credentials | undefined | null>;

export const CredentialsSchema = z.union([
  z.strictObject({ username: z.string().min(1), password: z.string() }),
  z.strictObject({ identityToken: z.string().min(1) }),
  z.strictObject({ registryToken: z.string().min(1) }),
]);

/** Calls the host's function, bounded. What it throws may hold a secret, and is kept as the cause alone. */
export function askFor(
  credentialsFor: CredentialsFor,
  registry: string,
  bounds: { readonly signal: AbortSignal; readonly limitMs: number },
): Promise<Result<Credentials | undefined, RegistryError>> {
  return within(bounds.signal, bounds.limitMs, async ({ signal }) => {
    try {
      const answer = await Promise.race([credentialsFor(registry, { signal }), rejectedBy(signal)]);
      if (answer === undefined || answer === null) return ok(undefined);
      const parsed = CredentialsSchema.safeParse(answer);
      return parsed.success ? ok(parsed.data) : err(noCredentials(registry));
    } catch (thrown) {
      return err(notGiven(registry, thrown));
    }
  });
}

const rejectedBy = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });

const noCredentials = (registry: string): RegistryError => ({
  kind: 'registry-denied',
  code: 'no-credentials',
  message: `The credentials function answered something else than credentials for ${registry}.`,
  hint: 'Let `credentials` answer { username, password }, { identityToken }, { registryToken } or undefined.',
  retryable: false,
});

const notGiven = (registry: string, cause: unknown): RegistryError => ({
  kind: 'registry-denied',
  code: 'no-credentials',
  message: `The credentials for ${registry} could not be had: the function that gives them failed.`,
  hint: 'Look at the function that was given as `credentials`; its error is the cause.',
  retryable: true,
  cause,
});
