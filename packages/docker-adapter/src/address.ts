/**
 * Where the engine is, found as the docker command finds it: `DOCKER_HOST`, `DOCKER_CONTEXT`, the current context of
 * `~/.docker/config.json`, then the sockets that engines are usually installed with, rootless ones included.
 *
 * Source: docker/cli, `cli/command/cli.go` (resolveContextName) and `cli/context/store`.
 */
import { createHash } from 'node:crypto';
import { access, constants, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaggedError } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { configDirectory, readDockerConfig } from './docker-config.js';

export interface TlsFiles {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Whether the engine's certificate is checked. */
  readonly verify: boolean;
}

export type EngineAddress =
  /** A Unix socket, or a named pipe of Windows. */
  | { readonly kind: 'socket'; readonly path: string }
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      readonly path: string;
      readonly tls: TlsFiles | null;
    }
  /** Through `docker system dial-stdio` on that machine, which finds its engine itself or is told the socket. */
  | {
      readonly kind: 'ssh';
      readonly host: string;
      readonly port: number | null;
      readonly user: string | null;
      readonly socket: string | null;
    };

/** What the search looks at; in tests another machine's. */
export interface Surroundings {
  readonly env: { readonly [name: string]: string | undefined };
  readonly home: string;
  readonly platform: string;
  readonly uid: number | null;
  /** Where a root engine listens; default `/var/run/docker.sock`. */
  readonly rootSocket?: string;
}

/** What was asked for by options; nothing asked: the surroundings decide. */
export interface Wanted {
  readonly host?: string | undefined;
  readonly context?: string | undefined;
  readonly tls?:
    | {
        readonly ca?: string | undefined;
        readonly cert?: string | undefined;
        readonly key?: string | undefined;
        readonly verify?: boolean | undefined;
        /** A folder with ca.pem, cert.pem and key.pem. */
        readonly certPath?: string | undefined;
      }
    | undefined;
}

const FORMS = "'unix:///var/run/docker.sock', 'tcp://host:2376', 'ssh://user@host' or 'npipe:////./pipe/docker_engine'";

/** Takes a host as people write it apart; undefined where it is none. */
export function parseHost(text: string): EngineAddress | undefined {
  const scheme = /^([a-z]+):\/\//.exec(text)?.[1];
  if (scheme === 'unix') {
    const path = text.slice('unix://'.length) || '/var/run/docker.sock';
    return path.startsWith('/') ? { kind: 'socket', path } : undefined;
  }
  if (scheme === 'npipe') return { kind: 'socket', path: text.slice('npipe://'.length) || '//./pipe/docker_engine' };
  if (scheme === undefined && text.startsWith('/')) return { kind: 'socket', path: text };
  let url: URL;
  try {
    url = new URL(scheme === undefined ? `tcp://${text}` : text);
  } catch {
    return undefined;
  }
  const host = url.hostname;
  if (!host || url.search || url.hash) return undefined;
  if (url.protocol === 'ssh:') {
    // A leading dash would be read as an option by ssh.
    if (host.startsWith('-') || url.username.startsWith('-') || url.password) return undefined;
    const socket = url.pathname.length > 1 ? decodeURIComponent(url.pathname) : null;
    const user = url.username ? decodeURIComponent(url.username) : null;
    return { kind: 'ssh', host, port: url.port ? Number(url.port) : null, user, socket };
  }
  if (!['tcp:', 'http:', 'https:'].includes(url.protocol) || url.username || url.password) return undefined;
  const isTls = url.protocol === 'https:' || url.port === '2376';
  const port = url.port ? Number(url.port) : url.protocol === 'https:' ? 443 : url.protocol === 'http:' ? 80 : 2375;
  const path = url.pathname.replace(/\/+$/, '');
  return { kind: 'tcp', host: host.replace(/^\[|\]$/g, ''), port, path, tls: isTls ? { verify: true } : null };
}

/** The address for people: never with credentials, as it holds none. */
export function describeAddress(address: EngineAddress): string {
  if (address.kind === 'socket') return address.path;
  if (address.kind === 'tcp')
    return `${address.tls ? 'https' : 'tcp'}://${address.host}:${address.port}${address.path}`;
  const { user, host, port, socket } = address;
  return `ssh://${user ? `${user}@` : ''}${host}${port ? `:${port}` : ''}${socket ?? ''}`;
}

type Found = Result<EngineAddress, TaggedError<'engine-unreachable'>>;

/** Reads the surroundings anew: an engine that was moved is found at its new place by the next search. */
export async function findAddress(wanted: Wanted, around: Surroundings): Promise<Found> {
  const { env } = around;
  if (wanted.host) return withTls(wanted.host, wanted.tls, 'the `host` option');
  if (wanted.context) return ofContext(wanted.context, 'the `context` option', wanted, around);
  if (env['DOCKER_HOST']) {
    const isVerified = Boolean(env['DOCKER_TLS_VERIFY']);
    const isTls = isVerified || Boolean(env['DOCKER_TLS']);
    const certPath = env['DOCKER_CERT_PATH'] ?? configDirectory(around);
    const usual = isTls || env['DOCKER_CERT_PATH'] ? { certPath, verify: isVerified || !isTls } : undefined;
    return withTls(env['DOCKER_HOST'], wanted.tls ?? usual, 'DOCKER_HOST', isTls);
  }
  if (env['DOCKER_CONTEXT']) return ofContext(env['DOCKER_CONTEXT'], 'DOCKER_CONTEXT', wanted, around);
  const config = await readDockerConfig(around);
  const current = config.isOk() ? config.value?.currentContext : undefined;
  if (current) return ofContext(current, 'the current docker context', wanted, around);
  return ok(await usualSocket(around));
}

async function withTls(text: string, tls: Wanted['tls'], from: string, force = tls !== undefined): Promise<Found> {
  const address = parseHost(text);
  if (!address) {
    return err(unusable('host-invalid', `${from} is no address of an engine: ${text}.`, `Write it as ${FORMS}.`));
  }
  if (address.kind !== 'tcp' || (!force && !address.tls)) return ok(address);
  const files: { ca?: string | undefined; cert?: string | undefined; key?: string | undefined } = {
    ca: tls?.ca,
    cert: tls?.cert,
    key: tls?.key,
  };
  if (tls?.certPath) {
    for (const name of ['ca', 'cert', 'key'] as const) {
      files[name] ??= await readFile(join(tls.certPath, `${name}.pem`), 'utf8').catch(() => undefined);
    }
    if (!files.ca && !files.cert) {
      const message = `There is neither ca.pem nor cert.pem in ${tls.certPath}, where ${from} looks for them.`;
      return err(unusable('tls-files', message, 'Put ca.pem, cert.pem and key.pem there, or correct the path.'));
    }
  }
  return ok({ ...address, tls: { ...files, verify: tls?.verify ?? true } });
}

async function ofContext(name: string, from: string, wanted: Wanted, around: Surroundings): Promise<Found> {
  if (name === 'default') return ok(await usualSocket(around));
  const contexts = join(configDirectory(around), 'contexts');
  const id = createHash('sha256').update(name).digest('hex');
  const text = await readFile(join(contexts, 'meta', id, 'meta.json'), 'utf8').catch(() => undefined);
  const endpoint = text === undefined ? undefined : endpointOf(text);
  if (!endpoint) {
    const message = `The docker context "${name}", named by ${from}, ${text === undefined ? 'does not exist' : 'names no engine'}.`;
    return err(unusable('context-missing', message, 'Choose one of `docker context ls`, or set DOCKER_HOST.'));
  }
  const certPath = join(contexts, 'tls', id, 'docker');
  const hasFiles = await access(certPath).then(
    () => true,
    () => false,
  );
  const tls = wanted.tls ?? (hasFiles ? { certPath, verify: !endpoint.skipVerify } : undefined);
  return withTls(endpoint.host, tls, `the docker context "${name}"`);
}

function endpointOf(text: string): { readonly host: string; readonly skipVerify: boolean } | undefined {
  try {
    const meta = JSON.parse(text) as { Endpoints?: { docker?: { Host?: unknown; SkipTLSVerify?: unknown } } };
    const { Host, SkipTLSVerify } = meta.Endpoints?.docker ?? {};
    return typeof Host === 'string' && Host ? { host: Host, skipVerify: SkipTLSVerify === true } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The first socket that may be used; else the first that is there at all, so that the error speaks of missing rights rather
 * than of a missing engine.
 */
async function usualSocket(around: Surroundings): Promise<EngineAddress> {
  const { env, home, platform, uid, rootSocket = '/var/run/docker.sock' } = around;
  if (platform === 'win32') return { kind: 'socket', path: '//./pipe/docker_engine' };
  const runtime = env['XDG_RUNTIME_DIR'];
  const candidates = [
    rootSocket,
    ...(runtime ? [join(runtime, 'docker.sock')] : []),
    ...(uid === null ? [] : [`/run/user/${uid}/docker.sock`]),
    join(home, '.docker/run/docker.sock'),
    join(home, '.docker/desktop/docker.sock'),
  ];
  for (const mode of [constants.R_OK | constants.W_OK, constants.F_OK]) {
    for (const path of candidates) {
      const isUsable = await access(path, mode).then(
        () => true,
        () => false,
      );
      if (isUsable) return { kind: 'socket', path };
    }
  }
  return { kind: 'socket', path: rootSocket };
}

const unusable = (code: string, message: string, hint: string): TaggedError<'engine-unreachable'> => ({
  kind: 'engine-unreachable',
  code,
  message,
  hint,
  retryable: false,
  outcome: 'refused',
});
