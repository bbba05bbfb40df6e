/** The examples do what they say, run as a reader would run them: against the built packages, on a real engine. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, openWorkbench, type Workbench } from '../support/engine.js';
import { pushApp } from '../support/images.js';
import { end, freePort, startRegistry, type TestRegistry } from '../support/registry.js';
import { root } from './pages.js';

let bench: Workbench;
let registry: TestRegistry;
let folder: string;
beforeAll(async () => {
  bench = openWorkbench('examples');
  registry = await startRegistry();
  folder = await mkdtemp(join(tmpdir(), 'quayside-examples-'));
  await pushApp(bench, `${registry.host}/app:v1`, { version: 'v1' });
});
afterAll(async () => {
  await bench.cleanUp();
  await registry.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Example {
  readonly child: ChildProcess;
  output(): string;
}

function start(args: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}): Example {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  return { child, output: () => output };
}

const ended = ({ child }: Example) =>
  new Promise<number | null>((resolve) => {
    if (child.exitCode !== null) resolve(child.exitCode);
    child.once('exit', (code) => resolve(code));
  });

/** `fetch` would not say `host`. */
function get(port: string, domain: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ port, host: '127.0.0.1', headers: { host: domain }, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve(`${response.statusCode} ${body.trim()}`));
    });
    call.on('error', reject);
    call.end();
  });
}

it('examples/minimal deploys a tag, serves it, and takes it off again at Ctrl-C', async () => {
  const PORT = String(await freePort());
  // In place, since packages are looked for from there; its database is where it is started.
  const script = join(root, 'examples/minimal/deploy.mjs');
  const example = start([script, `${registry.host}/app`, 'v1', '3000'], folder, { PORT });
  try {
    await eventually('it is deployed', () => example.output().includes('succeeded: '), 30_000);
    expect(example.output()).toContain(`http://stage-dev-web.apps.localhost:${PORT}`);
    expect(await get(PORT, 'stage-dev-web.apps.localhost')).toBe('200 v1');
    expect((await bench.leftovers()).containers).toHaveLength(1);
    example.child.kill('SIGINT');
    expect(await ended(example), example.output()).toBe(0);
    expect((await bench.leftovers()).containers).toEqual([]);
  } finally {
    await end(example.child);
  }
});

it('examples/embed takes requests with a token, answers at once, and tells the log to its end', async () => {
  const [PORT, PROXY_PORT] = [String(await freePort()), String(await freePort())];
  const example = start(['--import', 'tsx', 'host.ts'], join(root, 'examples/embed'), {
    IMAGE: `${registry.host}/app`,
    TOKEN: 'correct-horse',
    DATABASE: join(folder, 'embed.db'),
    NETWORK: `${bench.prefix}-net`,
    PORT,
    PROXY_PORT,
  });
  const host = `http://127.0.0.1:${PORT}`;
  const authorization = 'Bearer correct-horse';
  const post = (body: unknown) =>
    fetch(`${host}/deploy`, { method: 'POST', headers: { authorization }, body: JSON.stringify(body) });
  try {
    await eventually('it listens', () => example.output().includes('hooks at'), 30_000);
    expect((await fetch(`${host}/deployments`)).status).toBe(401);
    expect((await fetch(`${host}/deployments`, { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);

    const refused = await post({ project: 'app', stage: 'dev', tag: 'v 1', colour: 'red' });
    expect([refused.status, await refused.json()]).toEqual([
      400,
      expect.objectContaining({ kind: 'invalid-request', error: expect.stringContaining('colour') }),
    ]);
    expect((await post({ project: 'app', stage: 'prod', tag: 'v1' })).status).toBe(404);
    expect((await fetch(`${host}/deploy`, { method: 'POST', headers: { authorization }, body: '{' })).status).toBe(400);

    const accepted = await post({ project: 'app', stage: 'pr-7', tag: 'v1' });
    expect(accepted.status).toBe(202);
    const { id, log } = (await accepted.json()) as { id: string; log: string };
    const told = await (await fetch(`${host}${log}`, { headers: { authorization } })).text();
    expect(told, told).toMatch(/^start\tStarted [\s\S]*^health\tHealthy [\s\S]*^-\tsucceeded\n$/m);
    expect(await get(PROXY_PORT, 'stage-pr-7-app.apps.localhost')).toBe('200 v1');
    const list = await (await fetch(`${host}/deployments`, { headers: { authorization } })).json();
    expect(list).toEqual([expect.objectContaining({ id, status: 'succeeded', stage: 'pr-7' })]);
    expect((await fetch(`${host}/deployments/nobody`, { headers: { authorization } })).status).toBe(404);

    example.child.kill('SIGTERM');
    expect(await ended(example), example.output()).toBe(0);
  } finally {
    await end(example.child);
  }
});
