/**
 * A host that is killed in the midst of a deployment leaves its journal. Whoever deploys the stage next takes its lease over, undoes
 * what was begun and goes on: looked at from the engine and through the proxy.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Deployer, unwrap } from '../../packages/core/src/index.js';
import { sqliteStore } from '../../packages/sql-adapter/src/index.js';
import { type Field, openField } from '../support/field.js';
import { ask } from '../support/front-door.js';
import { pushApp } from '../support/images.js';
import type { Death } from './killed-host.js';

const POINTS = ['Pulling', 'Created', 'Started', 'Routed', 'Healthy', 'proof'];

/** Long enough for a busy machine, short enough to wait for a dead host's lease. */
const settings = { domain: 'bench.test', ttlMs: 8_000, renewMs: 1_000, effectTimeoutMs: 5_000, absentForMs: 200 };

let field: Field;
let folder: string;
let image: string;
let deployer: Deployer;
beforeAll(async () => {
  field = await openField('killed');
  folder = await mkdtemp(join(tmpdir(), 'quayside-killed-'));
  image = `${field.registry.host}/shop`;
  // A tag of its own for each, so that each has something to pull.
  for (const version of ['v1', ...POINTS]) await pushApp(field.bench, `${image}:${version}`, { version });
  deployer = await field.deployer(
    { shop: { image, port: 3000, stages: { '*': {} } } },
    { settings, options: { store: sqliteStore({ path: join(folder, 'quayside.db') }) } },
  );
});
afterAll(async () => {
  await field[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** @returns the signal that ended it, and what it had said */
function die(death: Pick<Death, 'stage' | 'tag' | 'dieAt'>): Promise<{ signal: string | null; output: string }> {
  const script = fileURLToPath(new URL('./killed-host.ts', import.meta.url));
  const given: Death = { ...death, database: join(folder, 'quayside.db'), image, network: field.network, settings };
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import', 'tsx', script, JSON.stringify(given)], { stdio: 'pipe' });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    child.once('close', (_code, signal) => resolve({ signal, output }));
  });
}

const containersOf = async (stage: string) =>
  (await field.bench.docker.listContainers({ all: true }))
    .flatMap(({ Names }) => Names)
    .filter((name) => name.startsWith(`/shop-${stage}-`));

it.concurrent.each(POINTS)(
  'undoes what a host had begun that was killed at "%s"',
  async (dieAt) => {
    const stage = dieAt.toLowerCase();
    const domain = `stage-${stage}-shop.bench.test`;
    const first = await unwrap(deployer.deploy({ project: 'shop', stage, tag: 'v1' }));
    const death = await die({ stage, tag: dieAt, dieAt });
    expect(death, death.output).toMatchObject({ signal: 'SIGKILL' });

    // The same tag again: nothing of it is to be made, so what happens is the settling of what the dead one left.
    const next = await unwrap(deployer.deploy({ project: 'shop', stage, tag: 'v1' }));
    expect(next).toMatchObject({ status: 'unchanged', instance: first.id });
    expect(await containersOf(stage)).toEqual([expect.stringContaining(first.id)]);
    expect(await ask(field.frontDoor, domain)).toMatchObject({ status: 200, body: 'v1\n' });
    expect((await ask(field.frontDoor, `stage-${stage}-shop-${stage}.bench.test`)).status).toBe(404);

    const { items } = await unwrap(deployer.deployments.list({ project: 'shop', stage }));
    expect(items.map(({ tag, status, cleanup, error }) => [tag, status, cleanup, error?.kind ?? null])).toEqual([
      ['v1', 'unchanged', 'none', null],
      [dieAt, 'failed', 'none', 'interrupted'],
      ['v1', 'succeeded', 'none', null],
    ]);
  },
  90_000,
);
