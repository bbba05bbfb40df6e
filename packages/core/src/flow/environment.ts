/** The environment as it is kept: in the spec sealed, in the clear where that was asked for, or not at all. */
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import { type AnyError, failure } from '../domain/errors.js';
import type { SpecVariable } from '../domain/spec.js';
import { routine } from '../kernel/routine.js';
import { invalid } from '../ports/kit.js';
import type { Sealer } from '../ports/sealer.js';
import type { Host } from './host.js';

export type Environment = { readonly [name: string]: string };

/** What a value is sealed as belonging to. */
export const envContext = (name: string): string => `env:${name}`;

/** The overrides of a request, sealed: without a key they are refused, as they would have to be kept until they are needed. */
export function sealOverrides(
  host: Pick<Host, 'sealer'>,
  env: Environment,
): ResultAsync<readonly { readonly name: string; readonly sealed: string }[], AnyError> {
  return routine(async function* () {
    const names = Object.keys(env);
    const { sealer } = host;
    if (names.length > 0 && !sealer) {
      const expected = 'nothing, as this host has no `secrets.keys` to seal it with';
      return err(invalid('invalid-request', [{ path: 'env', expected, received: `${names.length} variables` }]));
    }
    const sealed: { name: string; sealed: string }[] = [];
    for (const name of names)
      if (sealer) sealed.push({ name, sealed: yield* sealer.seal(env[name] ?? '', envContext(name)) });
    return ok<typeof sealed, AnyError>(sealed);
  });
}

/** The overrides of a request, opened. */
export function openOverrides(
  host: Pick<Host, 'sealer'>,
  overrides: readonly { readonly name: string; readonly sealed: string }[],
): ResultAsync<Environment, AnyError> {
  return routine(async function* () {
    const opened: Record<string, string> = {};
    for (const { name, sealed } of overrides) {
      if (!host.sealer) return err(noKey(name));
      opened[name] = yield* host.sealer.open(sealed, envContext(name));
    }
    return ok<Environment, AnyError>(opened);
  });
}

/** What the spec keeps of each variable. */
export function keepEnv(
  host: Pick<Host, 'sealer'>,
  env: Environment,
  plain: ReadonlySet<string>,
): ResultAsync<readonly SpecVariable[], AnyError> {
  return routine(async function* () {
    const kept: SpecVariable[] = [];
    for (const name of Object.keys(env).sort()) {
      const value = env[name] ?? '';
      if (plain.has(name)) kept.push({ name, kept: 'plain', value });
      else if (host.sealer)
        kept.push({ name, kept: 'sealed', sealed: yield* host.sealer.seal(value, envContext(name)) });
      else kept.push({ name, kept: 'no' });
    }
    return ok<readonly SpecVariable[], AnyError>(kept);
  });
}

/** Names whose values are kept as they are. */
export const plainOf = (recorded: readonly SpecVariable[]): ReadonlySet<string> =>
  new Set(recorded.flatMap(({ kept, name }) => (kept === 'plain' ? [name] : [])));

/** A recorded environment in the clear. Values that were not kept come from `today`, by name. */
export function reviveEnv(
  host: Pick<Host, 'sealer'>,
  recorded: readonly SpecVariable[],
  today: () => ResultAsync<Environment, AnyError>,
): ResultAsync<{ readonly env: Environment; readonly fromToday: readonly string[] }, AnyError> {
  return routine(async function* () {
    const env: Record<string, string> = {};
    const missing: string[] = [];
    for (const variable of recorded) {
      if (variable.kept === 'plain') env[variable.name] = variable.value;
      else if (variable.kept === 'no') missing.push(variable.name);
      else if (!host.sealer) return err(noKey(variable.name));
      else env[variable.name] = yield* host.sealer.open(variable.sealed, envContext(variable.name));
    }
    if (missing.length === 0) return ok({ env, fromToday: [] });
    const now = await today();
    const nowhere = now.isErr() ? missing : missing.filter((name) => !Object.hasOwn(now.value, name));
    if (now.isErr() || nowhere.length > 0) return err(notKept(nowhere));
    for (const name of missing) env[name] = now.value[name] ?? '';
    return ok<{ env: Environment; fromToday: readonly string[] }, AnyError>({ env, fromToday: missing });
  });
}

/** Where there is no key, there is nothing sealed. */
export const sealerOrRefusal = ({ sealer }: Pick<Host, 'sealer'>): Result<Sealer, AnyError> =>
  sealer
    ? ok(sealer)
    : err(
        failure(
          'unsupported',
          'This host has no key to seal with.',
          'Give createDeployer `secrets: { keys: [new, old] }`.',
        ),
      );

export const noKey = (name: string): AnyError =>
  failure(
    'secret-unreadable',
    `The value of ${name} was sealed, and this host has no key.`,
    'Give createDeployer the `secrets.keys` that the other host has.',
  );

const notKept = (names: readonly string[]): AnyError =>
  failure(
    'secret-not-kept',
    `The values of ${names.join(', ')} were not kept for want of a key, and today's configuration lacks them.`,
    'Add them to the stage; `secrets.keys` or `plainEnv` keep later ones.',
  );
