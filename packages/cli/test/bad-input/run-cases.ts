/**
 * Runs every case of the command in one process of its own, where the command loads configurations as it does for its users, and
 * prints what came of each as a line of JSON. Nobody else's engine is near: the one configured counts what it is asked to change.
 */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { request as ask, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sqliteStore } from '@quayside/sql-adapter';
import { main } from '../../src/main.js';
import { capture, ioOf } from '../support/io.js';
import { COMMAND_CASES, type CommandCase, type Json } from './command-cases.js';

/** The real one may be looked at; what would change it does not get there, and is counted. */
let changes = 0;
const engine = createServer((request, response) => {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    changes += 1;
    response.writeHead(500, { 'content-type': 'application/json' }).end('{"message":"nothing may be changed"}');
    return;
  }
  const { method, url, headers } = request;
  const real = ask({ socketPath: '/var/run/docker.sock', method, path: url, headers, agent: false }, (answer) => {
    response.writeHead(answer.statusCode ?? 500, answer.headers);
    answer.pipe(response);
  });
  real.on('error', () => response.destroy());
  real.end();
});
await new Promise<void>((resolve) => engine.listen(0, '127.0.0.1', resolve));
const host = `tcp://127.0.0.1:${(engine.address() as AddressInfo).port}`;

export interface Outcome {
  readonly name: string;
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Requests that would have changed something at the engine. */
  readonly engineChanges: number;
  /** Records of any kind, and events; undefined where no store was made. */
  readonly records: number | undefined;
}

async function outcomeOf({ name, args, config, file, env = {} }: CommandCase): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'quayside-bad-'));
  const home = process.cwd();
  try {
    const good: Json = {
      runtime: { adapter: 'docker', host },
      proxy: 'embedded',
      store: { adapter: 'sqlite', path: 'quayside.db' },
      settings: { domain: 'apps.test' },
      projects: { shop: { image: 'registry.test/shop', stages: { dev: { port: 3000 }, 'pr-*': { port: 3000 } } } },
    };
    config?.(good);
    await writeFile(join(folder, file?.name ?? 'quayside.config.json'), file?.text ?? JSON.stringify(good));
    await mkdir(join(folder, 'folder.json'));
    process.chdir(folder);
    changes = 0;
    const stdout = capture();
    const stderr = capture();
    const code = await main(args, ioOf({ stdout, stderr, env }), '0.0.0');
    const records = (await readdir(folder)).includes('quayside.db') ? await recordsIn(folder) : undefined;
    return { name, code, stdout: stdout.text, stderr: stderr.text, engineChanges: changes, records };
  } finally {
    process.chdir(home);
    await rm(folder, { recursive: true, force: true });
  }
}

async function recordsIn(folder: string): Promise<number> {
  const store = sqliteStore({ path: join(folder, 'quayside.db') })._unsafeUnwrap();
  const { signal } = new AbortController();
  const collections = ['deployments', 'specs', 'instances', 'stages', 'routes', 'journals', 'tasks', 'images'] as const;
  let count = (await store.read('events', { after: 0, limit: 10 }, { signal }))._unsafeUnwrap().length;
  for (const collection of [...collections, 'proxyRoutes', 'proxyServers'] as const)
    count += (await store.list(collection, {}, { signal }))._unsafeUnwrap().length;
  await store.close();
  return count;
}

for (const each of COMMAND_CASES) process.stdout.write(`${JSON.stringify(await outcomeOf(each))}\n`);
engine.closeAllConnections();
engine.close();
