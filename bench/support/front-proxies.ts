/** Reverse proxies side by side, each with one route to the same app, all on loopback and held to one core. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ask } from '../../test/support/front-door.js';
import { end, freePort } from '../../test/support/registry.js';

export interface Running extends AsyncDisposable {
  readonly name: string;
  readonly version: string;
  readonly port: number;
}

export const DOMAIN = 'shop.bench.test';
const BODY = 'x'.repeat(1_024);

/** Everything to the servers of `upstream app`, with connections that are kept, as nginx's own documentation has it. */
export const NGINX_LOCATION = `location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }`;

/** An nginx that answers 1 kB, on that core. */
export const startApp = (core: number): Promise<Running> =>
  startNginx('app', core, `location / { default_type text/plain; return 200 "${BODY}"; }`);

export const startNginxProxy = (core: number, appPort: number): Promise<Running> =>
  startNginx('nginx', core, NGINX_LOCATION, `upstream app { server 127.0.0.1:${appPort}; keepalive 64; }`);

async function startNginx(name: string, core: number, location: string, more = ''): Promise<Running> {
  const port = await freePort();
  return started({
    name,
    port,
    core,
    command: (folder) => ['nginx', '-p', folder, '-e', join(folder, 'error.log'), '-c', join(folder, 'nginx.conf')],
    version: ['nginx', '-v'],
    file: 'nginx.conf',
    text: (folder) => `
      daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log crit;
      events { worker_connections 1024; }
      http {
        access_log off; keepalive_requests 1000000000; client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b;
        fastcgi_temp_path ${folder}/c; uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e;
        ${more}
        server { listen 127.0.0.1:${port}; server_name ${DOMAIN} _; ${location} }
      }`,
  });
}

export async function startCaddy(core: number, appPort: number): Promise<Running> {
  const port = await freePort();
  return started({
    name: 'caddy',
    port,
    core,
    command: (folder) => ['caddy', 'run', '--adapter', 'caddyfile', '--config', join(folder, 'Caddyfile')],
    version: ['caddy', 'version'],
    file: 'Caddyfile',
    text: () => `{
      admin off
      auto_https off
    }
    http://${DOMAIN}:${port} {
      bind 127.0.0.1
      reverse_proxy 127.0.0.1:${appPort}
    }`,
  });
}

/** The embedded proxy in a process of its own, as `quayside serve` runs it. */
export async function startEmbedded(core: number, appPort: number): Promise<Running> {
  const port = await freePort();
  const script = fileURLToPath(new URL('embedded-proxy.ts', import.meta.url));
  return started({
    name: 'embedded',
    port,
    core,
    command: (folder) => [
      process.execPath,
      '--import',
      'tsx',
      script,
      join(folder, 'routes.db'),
      `${port}`,
      `${appPort}`,
    ],
    version: [process.execPath, '--version'],
  });
}

interface Start {
  readonly name: string;
  readonly port: number;
  readonly core: number;
  command(folder: string): readonly string[];
  readonly version: readonly string[];
  readonly file?: string;
  text?(folder: string): string;
}

async function started({ name, port, core, command, version, file, text }: Start): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), `quayside-${name}-`));
  if (file && text) await writeFile(join(folder, file), text(folder));
  const env = { ...process.env, GOMAXPROCS: '1', HOME: folder };
  const child = spawn('taskset', ['-c', `${core}`, ...command(folder)], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    said = (said + chunk).slice(-4_000);
  });
  const running: Running = {
    name,
    version: await versionOf(version),
    port,
    async [Symbol.asyncDispose]() {
      await end(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
  const untilMs = performance.now() + 20_000;
  for (;;) {
    const answer = await ask({ host: '127.0.0.1', port }, DOMAIN).catch(() => undefined);
    if (answer?.status === 200 && answer.body === BODY) return running;
    if (child.exitCode !== null || performance.now() > untilMs) {
      await running[Symbol.asyncDispose]();
      throw new Error(`${name} does not serve (${answer?.status ?? child.exitCode ?? 'no answer'}): ${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The first number with dots in what a command says. */
export async function versionOf([command = '', ...args]: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
  await once(child, 'close');
  return /\d+\.\d+(\.\d+)?/.exec(said)?.[0] ?? said.trim();
}
