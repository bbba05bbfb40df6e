/**
 * Who we are at a registry, asked anew for each pull: tokens of cloud registries live for hours, and a `docker login` counts
 * from the next deployment on.
 *
 * By default as the docker command does it: `DOCKER_AUTH_CONFIG`, then `~/.docker/config.json` with its credential helpers.
 * Sources: docker/cli `cli/config/credentials`, docker/docker-credential-helpers (protocol: `docker-credential-NAME get`, the
 * server on stdin, JSON on stdout).
 */
import { spawn } from 'node:child_process';
import { homedir } from 'node:os';
import type { CallOptions, RuntimeError, secretMemory } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { type ConfigPlace, type DockerConfig, parseDockerConfig, readDockerConfig } from './docker-config.js';

export type RegistryCredentials =
  | { readonly username: string; readonly password: string }
  /** An OAuth refresh token, as `docker login` gets it from some registries. */
  | { readonly identityToken: string };

/**
 * @param registry as image names begin with it: `ghcr.io`, `127.0.0.1:5000`, `docker.io` for those that name none
 * @returns nothing for a registry that is asked without an account
 */
export type CredentialSource = (
  registry: string,
  options: CallOptions,
) => RegistryCredentials | null | undefined | Promise<RegistryCredentials | null | undefined>;

/** An engine may repeat in an error what it was told: whoever shows that has to know what was secret in it. */
export const remembering =
  (source: CredentialSource, known: Pick<ReturnType<typeof secretMemory>, 'add'>): CredentialSource =>
  async (registry, options) => {
    const found = await source(registry, options);
    if (found) known.add('identityToken' in found ? found.identityToken : found.password);
    return found;
  };

/** What goes to the engine: the registry's auth header, decoded. Undefined where there are none. */
export async function authFor(
  source: CredentialSource,
  registry: string,
  options: CallOptions,
): Promise<Result<object | undefined, RuntimeError>> {
  try {
    const found = await source(registry, options);
    if (!found) return ok(undefined);
    const serveraddress = registry === 'docker.io' ? HUB : registry;
    if ('identityToken' in found) return ok({ identitytoken: found.identityToken, serveraddress });
    return ok({ username: found.username, password: found.password, serveraddress });
  } catch (cause) {
    // Not its message: what a foreign function throws may have the password in it.
    return err(unavailable(`The credentials for ${registry} could not be had.`, 'Look at its cause.', cause));
  }
}

const HUB = 'https://index.docker.io/v1/';
const HELPER_LIMIT_MS = 30_000;

/** Those of the docker command on this machine. */
export const dockerConfigCredentials =
  (place: () => ConfigPlace = () => ({ env: process.env, home: homedir() })): CredentialSource =>
  async (registry, options) => {
    const around = place();
    const inline = around.env['DOCKER_AUTH_CONFIG'];
    const fromEnv = inline ? parseDockerConfig(inline).unwrapOr(undefined) : undefined;
    const given = fromEnv && plain(fromEnv, registry);
    if (given) return given;
    const config = await readDockerConfig(around);
    if (config.isErr()) throw new Error(`${config.error} cannot be read, or is no docker configuration.`);
    if (!config.value) return undefined;
    const helper = helperFor(config.value, registry);
    const kept = helper && (await askHelper(helper.name, helper.server, { ...options, env: around.env }));
    return kept ?? plain(config.value, registry);
  };

/** The names under which one registry is found in configurations, the usual one first. */
const namesOf = (registry: string): string[] =>
  registry === 'docker.io' ? [HUB, 'index.docker.io', 'docker.io', 'registry-1.docker.io'] : [registry];

/** `https://ghcr.io/v1/` was written by older versions for `ghcr.io`. */
const hostOf = (key: string): string => key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');

function helperFor(
  config: DockerConfig,
  registry: string,
): { readonly name: string; readonly server: string } | undefined {
  const names = namesOf(registry);
  for (const server of names) {
    const name = config.credHelpers?.[server];
    if (name) return { name, server };
  }
  return config.credsStore ? { name: config.credsStore, server: names[0] ?? registry } : undefined;
}

function plain({ auths = {} }: DockerConfig, registry: string): RegistryCredentials | undefined {
  const names = namesOf(registry);
  const key = names.find((name) => name in auths) ?? Object.keys(auths).find((each) => names.includes(hostOf(each)));
  const entry = key === undefined ? undefined : auths[key];
  if (!entry) return undefined;
  if (entry.identitytoken) return { identityToken: entry.identitytoken };
  if (entry.username && entry.password) return { username: entry.username, password: entry.password };
  const [, username, password] =
    /^([^:]*):([\s\S]*)$/.exec(Buffer.from(entry.auth ?? '', 'base64').toString('utf8')) ?? [];
  // Old versions padded the password with zero bytes.
  return username && password ? { username, password: password.replace(/\0+$/, '') } : undefined;
}

/** Undefined where the helper knows no such registry. */
async function askHelper(
  name: string,
  server: string,
  options: CallOptions & { readonly env: ConfigPlace['env'] },
): Promise<RegistryCredentials | undefined> {
  if (!/^[A-Za-z0-9_.-]+$/.test(name)) throw new Error(`"${name}" is no name of a credential helper.`);
  const program = `docker-credential-${name}`;
  const output = await run(program, server, options);
  return output === undefined ? undefined : answerOf(output, program);
}

function run(
  program: string,
  server: string,
  { signal, env }: CallOptions & { readonly env: ConfigPlace['env'] },
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['get'], { stdio: ['pipe', 'pipe', 'ignore'], env: env as NodeJS.ProcessEnv });
    const stop = (): void => {
      child.kill('SIGKILL');
    };
    const timer = setTimeout(stop, HELPER_LIMIT_MS);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      act();
    };
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stdin.on('error', () => {});
    child.once('error', (cause) => settle(() => reject(new Error(`${program} could not be started.`, { cause }))));
    child.once('close', (code) =>
      settle(() => {
        if (code === 0) return resolve(output);
        // The protocol has no code for it, but this sentence.
        if (/credentials not found/i.test(output)) return resolve(undefined);
        reject(new Error(`${program} ended with code ${code ?? 'none (killed)'}.`));
      }),
    );
    child.stdin.end(`${server}\n`);
  });
}

function answerOf(output: string, program: string): RegistryCredentials | undefined {
  let answer: { Username?: unknown; Secret?: unknown };
  try {
    answer = JSON.parse(output) as typeof answer;
  } catch {
    throw new Error(`${program} answered something that is no JSON.`);
  }
  const { Username, Secret } = answer;
  if (typeof Secret !== 'string' || !Secret) return undefined;
  return Username === '<token>' ? { identityToken: Secret } : { username: String(Username ?? ''), password: Secret };
}

const unavailable = (message: string, hint: string, cause: unknown): RuntimeError => ({
  kind: 'registry-denied',
  code: 'credentials',
  message,
  hint,
  retryable: false,
  cause,
});
