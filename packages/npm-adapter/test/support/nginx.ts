/** A real nginx on loopback, in a folder of its own: ports, process, configuration, reloads. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRunner } from './runner.js';

const BINARY = ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/usr/bin/nginx'].find(existsSync) ?? 'nginx';

export interface NginxPorts {
  readonly http: number;
  readonly https: number;
  /** In front of the API, as the product has it: our own writes break connections there too. */
  readonly admin: number;
}

export interface Nginx {
  readonly ports: NginxPorts;
  readonly directory: string;
  /** Rejects with what nginx says. */
  test(): Promise<void>;
  reload(): Promise<void>;
  /** From now on reloads answer well and do nothing. */
  freeze(on: boolean): Promise<void>;
  /** A mistake that is nobody's host: nginx refuses every configuration until it is mended. */
  break(on: boolean): Promise<void>;
  /** Kills it, as a crash would. */
  kill(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** @param backendPort where the API itself listens, on loopback */
export async function startNginx(backendPort: number, options: { readonly workers?: number } = {}): Promise<Nginx> {
  const directory = await mkdtemp(join(tmpdir(), 'quayside-npm-'));
  const [http, https, admin] = await freePorts(3);
  const ports = { http, https, admin } as NginxPorts;
  for (const folder of ['proxy_host', 'temp', 'body', 'access', 'ssl', 'logs', 'html'])
    await mkdir(join(directory, folder));
  await writeFile(join(directory, 'html/index.html'), '<html><h1>Congratulations!</h1>You have started it.</html>\n');
  await writeFile(join(directory, 'nginx.conf'), configuration(directory, ports, backendPort, options.workers ?? 2));

  const args = ['-p', directory, '-c', join(directory, 'nginx.conf'), '-e', join(directory, 'logs/error.log')];
  const runner = startRunner();
  const test = () => runner.run([BINARY, ...args, '-t', '-q']);

  let child: ChildProcess | undefined;
  let isFrozen = false;
  const onExit = () => child?.kill('SIGKILL');
  process.on('exit', onExit);

  const start = async () => {
    const started = spawn(BINARY, [...args, '-g', 'daemon off;'], { stdio: ['ignore', 'ignore', 'pipe'] });
    child = started;
    let stderr = '';
    started.stderr?.on('data', (chunk) => {
      stderr += chunk;
    });
    for (let round = 0; round < 200; round += 1) {
      if (started.exitCode !== null) throw new Error(`nginx does not start: ${stderr}`);
      if (await answers(ports.admin)) return;
      await sleep(10);
    }
    throw new Error(`nginx does not listen: ${stderr}`);
  };
  const stop = async (signal: NodeJS.Signals) => {
    const running = child;
    child = undefined;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const workers = workersOf(running.pid);
    const exited = once(running, 'exit');
    running.kill(signal);
    await exited;
    // A killed master leaves its workers behind, which go on answering.
    for (const pid of signal === 'SIGKILL' ? workers : []) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
    await rm(join(directory, 'nginx.pid'), { force: true });
  };
  const reload = async () => {
    if (isFrozen) return;
    await test();
    // What `nginx -s reload` comes to, without another process that reads the configuration first.
    if (!child?.kill('SIGHUP')) throw new Error(`nginx: [error] open() "${directory}/nginx.pid" failed`);
  };

  const end = async (signal: NodeJS.Signals) => {
    process.off('exit', onExit);
    runner.close();
    await stop(signal);
    await rm(directory, { recursive: true, force: true });
  };

  try {
    await start();
  } catch (error) {
    await end('SIGKILL');
    throw error;
  }
  return {
    ports,
    directory,
    test,
    reload,
    async freeze(on) {
      isFrozen = on;
      if (!on) await reload();
    },
    async break(on) {
      const file = join(directory, 'temp/broken.conf');
      if (on) await writeFile(file, 'this is no directive;\n');
      else await rm(file, { force: true });
    },
    kill: () => stop('SIGKILL'),
    start,
    close: () => end('SIGTERM'),
  };
}

function configuration(directory: string, ports: NginxPorts, backendPort: number, workers: number): string {
  return `user root;
pid ${directory}/nginx.pid;
worker_processes ${workers};
worker_rlimit_nofile 8192;
error_log ${directory}/logs/error.log warn;
events { worker_connections 4096; }
http {
  default_type application/octet-stream;
  access_log off;
  server_tokens off;
  keepalive_timeout 90s;
  proxy_connect_timeout 90s;
  proxy_send_timeout 90s;
  proxy_read_timeout 90s;
  client_max_body_size 2000m;
  server_names_hash_bucket_size 1024;
  proxy_http_version 1.1;
  client_body_temp_path ${directory}/body/client;
  proxy_temp_path ${directory}/body/proxy;
  fastcgi_temp_path ${directory}/body/fastcgi;
  uwsgi_temp_path ${directory}/body/uwsgi;
  scgi_temp_path ${directory}/body/scgi;
  ${resolver()}

  # Whoever asks for an unknown host gets a friendly page, with a 200.
  server {
    listen 127.0.0.1:${ports.http} default_server;
    server_name _;
    location / { root ${directory}/html; index index.html; try_files /index.html =404; default_type text/html; }
  }
  server {
    listen 127.0.0.1:${ports.https} ssl default_server;
    server_name _;
    ssl_reject_handshake on;
  }
  server {
    listen 127.0.0.1:${ports.admin} default_server;
    server_name nginxproxymanager;
    location = /api { return 302 /api/; }
    location /api/ {
      proxy_set_header Host $host;
      proxy_pass http://127.0.0.1:${backendPort}/;
      proxy_read_timeout 15m;
    }
    location / { default_type text/html; return 200 "<html>the web page</html>"; }
  }
  include ${directory}/proxy_host/*.conf;
  include ${directory}/temp/*.conf;
}
`;
}

/** The machine's own, so that names work as targets; without one they answer 502. */
function resolver(): string {
  const found = /^nameserver\s+([\d.]+)/m.exec(
    existsSync('/etc/resolv.conf') ? readFileSync('/etc/resolv.conf', 'utf8') : '',
  );
  return found ? `resolver ${found[1]} valid=10s ipv6=off;` : '';
}

function workersOf(pid: number | undefined): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function answers(port: number): Promise<boolean> {
  try {
    await fetch(`http://127.0.0.1:${port}/`, { headers: { Connection: 'close' } }).then((response) => response.text());
    return true;
  } catch {
    return false;
  }
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
