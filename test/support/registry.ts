/** A real image registry on a free port of loopback, with an empty store of its own, open or behind a password. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './engine.js';

/** The only account of a registry that was started with `login: true`. */
export const REGISTRY_LOGIN = { username: 'quayside', password: 'correct-horse' } as const;

// bcrypt of that password: the registry's htpasswd file takes no other scheme.
const HTPASSWD = 'quayside:$2b$04$abcdefghijklmnopqrstuuPoaPXzWjiVz4HaNq2LJXksWbO79E.S6\n';

export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:port`: what image names begin with. */
  readonly host: string;
  /** Lines of its log so far: each request is one. */
  readonly lines: readonly string[];
  /** Ends the process and removes its files. May be called again. */
  stop(): Promise<void>;
}

export interface RegistryOptions {
  readonly login?: boolean;
  readonly port?: number;
  readonly within?: readonly string[];
  readonly notifies?: { readonly url: string; readonly authorization: string };
}

/**
 * @param options.login whether it asks for `REGISTRY_LOGIN`; default no
 * @param options.port default: a free one
 * @param options.notifies whom it tells of what happens in it, and what it sends along as `Authorization`
 * @param options.within what to start it by, for another network than this one's: `PrivateEngine.within`
 */
export async function startRegistry(options: RegistryOptions = {}): Promise<TestRegistry> {
  const { within = [], notifies } = options;
  const directory = await mkdtemp(join(tmpdir(), 'quayside-registry-'));
  const host = `127.0.0.1:${options.port ?? (await freePort())}`;
  await writeFile(join(directory, 'htpasswd'), HTPASSWD);
  const config = {
    version: '0.1',
    log: { level: 'info', formatter: 'text', accesslog: { disabled: false } },
    storage: { filesystem: { rootdirectory: join(directory, 'data') }, delete: { enabled: true } },
    http: { addr: host },
    ...(notifies
      ? {
          notifications: {
            endpoints: [
              {
                name: 'receiver',
                url: notifies.url,
                headers: { Authorization: [notifies.authorization] },
                timeout: '2s',
                threshold: 3,
                backoff: '500ms',
              },
            ],
          },
        }
      : {}),
    ...(options.login ? { auth: { htpasswd: { realm: 'quayside', path: join(directory, 'htpasswd') } } } : {}),
  };
  // JSON is YAML.
  await writeFile(join(directory, 'config.yml'), JSON.stringify(config));

  const [command = '', ...args] = [...within, 'docker-registry', 'serve', join(directory, 'config.yml')];
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => lines.push(...text.split('\n').filter(Boolean)));
  }
  const stop = async () => {
    await end(child);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await started(child);
    await eventually(`the registry at ${host} answers`, async () => {
      if (child.exitCode !== null) throw new Error(`docker-registry ended: ${lines.join('\n')}`);
      // In another network it cannot be asked from here.
      if (within.length > 0) return lines.some((line) => line.includes(`listening on ${host}`));
      const response = await fetch(`http://${host}/v2/`).catch(() => undefined);
      return response && [200, 401].includes(response.status);
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { host, lines, stop, [Symbol.asyncDispose]: stop };
}

/** A port of loopback that nobody listened on a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

const started = (child: ChildProcess) =>
  new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => reject(new Error('Install docker-registry: it could not be started.', { cause })));
  });

/** SIGTERM, and SIGKILL after so long. */
export async function end(child: ChildProcess, graceMs = 5_000): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await ended;
  clearTimeout(timer);
}
