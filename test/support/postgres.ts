/** A real PostgreSQL of one's own: a new cluster in a temporary folder, on a free port of loopback, gone after the test. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import pg from 'pg';
import { eventually } from './engine.js';
import { freePort } from './registry.js';

export interface TestPostgres extends AsyncDisposable {
  /** Of a new, empty database. It stays valid when the server is stopped and started again. */
  database(): Promise<string>;
  /** Runs a statement by a connection of its own, as an administrator, in that database; default: in none of the tests'. */
  sql<Row = Record<string, unknown>>(text: string, connectionString?: string): Promise<Row[]>;
  /** A connection for a test to keep: it ends with the server. */
  session(connectionString: string): Promise<pg.Client>;
  readonly port: number;
  /** The server's own process: what a test stops with SIGSTOP. */
  readonly pid: number;
  /** Lines of its log so far. */
  readonly lines: readonly string[];
  /** `fast` ends what is under way and shuts down in order; `crash` is a SIGKILL of everything, as a power cut. */
  stop(how?: 'fast' | 'crash'): Promise<void>;
  /** Starts it again after `stop`, on the same port and with the same data; answers once it takes connections. */
  start(): Promise<void>;
  /** Ends it and removes its files. May be called again. */
  remove(): Promise<void>;
}

/** The only account: it comes in from loopback with this password. */
export const POSTGRES_LOGIN = { user: 'quayside', password: 'correct-horse' } as const;

const END_OF_ALL =
  'cat; [ ! -f data/postmaster.pid ] || kill -QUIT "$(head -n 1 data/postmaster.pid)"; sleep 1; rm -rf "$PWD"';

/** PostgreSQL refuses to run as root. */
const ACCOUNTS = ['postgres', 'nobody'];

/**
 * @param settings of the server. `{ fsync: 'off' }` is quick, and loses nothing but by a power cut
 * @param options.tls a certificate and its key, in PEM
 * @param options.folder where its own folder is made; default: the system's for what is temporary
 */
export async function startPostgres(
  settings: { readonly [name: string]: string } = {},
  {
    tls,
    folder = tmpdir(),
  }: { readonly tls?: { readonly certificate: string; readonly key: string }; readonly folder?: string } = {},
): Promise<TestPostgres> {
  const account = unprivileged();
  const directory = mkdtempSync(join(folder, 'quayside-postgres-'));
  if (account) chownSync(directory, account.uid, account.gid);
  const file = (name: string) => join(directory, name);
  const data = file('data');
  const write = (name: string, text: string) => {
    writeFileSync(file(name), text, { mode: 0o600 });
    if (account) chownSync(file(name), account.uid, account.gid);
  };
  const port = await freePort();
  const lines: string[] = [];
  let server: ChildProcess | undefined;
  let ended: Promise<unknown> = Promise.resolve();
  let databases = 0;

  // Where whoever runs the tests is killed, its end of the pipe closes: then the server goes, and what it has.
  const watcher = spawn('sh', ['-c', END_OF_ALL], { cwd: directory, stdio: ['pipe', 'ignore', 'ignore'], ...account });
  watcher.once('error', () => {});
  watcher.unref();
  (watcher.stdin as unknown as { unref(): void }).unref();

  const remove = async () => {
    watcher.kill('SIGKILL');
    await stop('crash');
    rmSync(directory, { recursive: true, force: true });
  };
  const address = (database: string) =>
    `postgresql://${POSTGRES_LOGIN.user}:${POSTGRES_LOGIN.password}@127.0.0.1:${port}/${database}`;

  const session = async (connectionString: string) => {
    const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000 });
    client.on('error', () => {});
    await client.connect();
    return client;
  };
  const sql: TestPostgres['sql'] = async (text, connectionString = address('postgres')) => {
    const client = await session(connectionString);
    try {
      return (await client.query(text)).rows;
    } finally {
      await client.end();
    }
  };

  const start = async () => {
    const options = Object.entries({
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      // Of the machine's shared memory no more than is needed.
      shared_buffers: '32MB',
      ...(tls ? { ssl: 'on', ssl_cert_file: file('server.crt'), ssl_key_file: file('server.key') } : {}),
      ...settings,
    }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = spawn(program('postgres'), ['-D', data, '-p', String(port), ...options], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...account,
    });
    server = child;
    ended = new Promise((resolve) => {
      child.once('exit', resolve);
      child.once('error', resolve);
    });
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => lines.push(...text.split('\n').filter(Boolean)));
    await eventually(`PostgreSQL at 127.0.0.1:${port} takes connections`, async () => {
      if (child.exitCode !== null) throw new Error(`postgres ended: ${lines.join('\n')}`);
      return sql('select 1').catch(() => undefined);
    });
  };
  async function stop(how: 'fast' | 'crash' = 'fast'): Promise<void> {
    if (server?.pid === undefined || server.exitCode !== null || server.signalCode !== null) return;
    if (how === 'fast') server.kill('SIGINT');
    // Its processes are in groups of their own; the postmaster first, so that it starts no others.
    else for (const pid of [server.pid, ...childrenOf(server.pid)]) killed(pid);
    const timer = setTimeout(() => server?.kill('SIGQUIT'), 10_000);
    await ended;
    clearTimeout(timer);
  }

  try {
    write('password', POSTGRES_LOGIN.password);
    if (tls) {
      write('server.crt', tls.certificate);
      write('server.key', tls.key);
    }
    const quick = ['--no-sync', '--auth=scram-sha-256', '--encoding=UTF8', '--locale=C.UTF-8'];
    execFileSync(
      program('initdb'),
      [...quick, `--username=${POSTGRES_LOGIN.user}`, `--pwfile=${file('password')}`, data],
      {
        cwd: directory,
        stdio: ['ignore', 'ignore', 'pipe'],
        ...account,
      },
    );
    await start();
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    port,
    lines,
    sql,
    session,
    start,
    stop,
    remove,
    get pid() {
      return server?.pid ?? 0;
    },
    async database() {
      databases += 1;
      const name = `test${databases}`;
      await sql(`create database ${name}`);
      return address(name);
    },
    [Symbol.asyncDispose]: remove,
  };
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return Number(/^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1]) === pid;
      } catch {
        return false;
      }
    })
    .map(Number);
}

function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone by itself.
  }
}

/** Debian keeps the server's programs off the path, one folder per version: the newest one's. */
function program(name: string): string {
  const versions = '/usr/lib/postgresql';
  const packaged = existsSync(versions)
    ? readdirSync(versions)
        .sort((a, b) => Number(b) - Number(a))
        .map((version) => join(versions, version, 'bin'))
    : [];
  const found = [...packaged, ...(process.env['PATH'] ?? '').split(delimiter)]
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
  if (!found) throw new Error(`Install PostgreSQL (Debian: postgresql): there is no ${name}.`);
  return found;
}

/** Whose the server is to be; undefined: whoever runs the tests. */
function unprivileged(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const [, , uid, gid] = ACCOUNTS.flatMap((name) => users.find((user) => user[0] === name) ?? []);
  if (!uid || !gid) throw new Error(`PostgreSQL does not run as root, and there is neither of ${ACCOUNTS.join(', ')}.`);
  return { uid: Number(uid), gid: Number(gid) };
}
