/** After close() nothing of a deployer holds its process: a host that does nothing more ends by itself, whatever was under way. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ContractServer, startContractServer } from '../../packages/npm-adapter/test/support/contract-server.js';
import { bundled } from '../support/bundle.js';
import { type Field, openField } from '../support/field.js';
import { pushApp } from '../support/images.js';
import { startPostgres, type TestPostgres } from '../support/postgres.js';
import type { Ended, EndingHost, Scene } from './ending-host.js';

/** From the word that it has closed to its end. A slow machine takes a while for a process. */
const ENDS_MS = 5_000;

const SCENES: readonly Scene[] = [
  'nothing',
  'success',
  'failure',
  'cancel',
  'followers',
  'a deployment that runs',
  'a removal that waits',
  'an engine that hangs',
  'a registry that hangs',
  'a receiver that hangs',
];

let field: Field;
let folder: string;
let postgres: TestPostgres;
let npm: ContractServer;
let image: string;
let script: string;
const silent = createServer();
const silentEngine = createServer();
const sockets = new Set<Socket>();

beforeAll(async () => {
  field = await openField('ends');
  folder = await mkdtemp(join(tmpdir(), 'quayside-ends-'));
  image = `${field.registry.host}/shop`;
  await pushApp(field.bench, `${image}:v1`, { version: 'v1' }, { keep: true });
  await pushApp(field.bench, `${image}:silent`, { version: 'silent', listensAfterMs: null }, { keep: true });
  script = await bundled(new URL('./ending-host.ts', import.meta.url));
  postgres = await startPostgres();
  npm = await startContractServer();
  for (const server of [silent, silentEngine])
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('error', () => {}).once('close', () => sockets.delete(socket));
    });
  await listening(silent, { host: '127.0.0.1', port: 0 });
  await listening(silentEngine, { path: join(folder, 'engine.sock') });
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  silent.close();
  silentEngine.close();
  await npm?.close();
  await postgres?.remove();
  await field?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const listening = (server: Server, where: object) => new Promise<void>((resolve) => server.listen(where, resolve));

let hosts = 0;

async function ended(scene: EndingHost['scene'], more: Partial<EndingHost> = {}) {
  hosts += 1;
  const given: EndingHost = {
    scene,
    database: join(folder, `${hosts}.db`),
    image,
    network: field.network,
    stage: `e${hosts}`,
    silent: `127.0.0.1:${(silent.address() as { port: number }).port}`,
    silentSocket: join(folder, 'engine.sock'),
    ...more,
  };
  const child = spawn(process.execPath, [script, JSON.stringify(given)], { stdio: 'pipe' });
  let output = '';
  let closedAtMs = 0;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      closedAtMs ||= output.includes('heldBy') ? performance.now() : 0;
    });
  const timer = setTimeout(() => child.kill('SIGKILL'), 45_000);
  const code = await new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)));
  clearTimeout(timer);
  const line = output.split('\n').find((each) => each.startsWith('{"heldBy"'));
  const said: Ended = line ? JSON.parse(line) : { heldBy: ['it never closed'], said: output };
  return { code, output, ...said, tookMs: performance.now() - closedAtMs };
}

async function expectEnd(scene: EndingHost['scene'], more: Partial<EndingHost> = {}): Promise<void> {
  const { code, heldBy, said, tookMs, output } = await ended(scene, more);
  expect({ code, heldBy }, `${said}\n${output}`).toEqual({ code: 0, heldBy: [] });
  expect(tookMs, said).toBeLessThan(ENDS_MS);
  // Nor has it warned of leaks.
  expect(output).not.toMatch(/Warning/);
}

describe('a process ends by itself after close()', () => {
  it.concurrent.each(SCENES)('with SQLite and the embedded proxy: %s', async (scene) => {
    await expectEnd(scene);
  });

  it.concurrent.each(['success', 'failure', 'followers', 'a deployment that runs'] as const)(
    'with PostgreSQL: %s',
    async (scene) => {
      await expectEnd(scene, { database: await postgres.database() });
    },
  );

  it.concurrent.each(['success', 'a deployment that runs'] as const)('with Nginx Proxy Manager: %s', async (scene) => {
    const { email, secret } = npm.admin;
    await expectEnd(scene, {
      npm: { url: npm.url, frontDoor: npm.frontDoor.http, identity: email, secret, node: hostname() },
    });
  });
});
