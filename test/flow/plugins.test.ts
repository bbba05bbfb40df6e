/** Plugins over real parts: commands in containers of the new image, and what a kill amid one leaves. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { unwrap } from '../../packages/core/src/index.js';
import { migrations } from '../../packages/plugins/src/index.js';
import { bundled } from '../support/bundle.js';
import { eventually } from '../support/engine.js';
import { type Field, openField } from '../support/field.js';
import { pushApp } from '../support/images.js';
import type { MigratingHost } from './migrating-host.js';

let field: Field;
let image: string;
beforeAll(async () => {
  field = await openField('plugins');
  image = `${field.registry.host}/shop`;
  for (const version of ['v1', 'v2']) await pushApp(field.bench, `${image}:${version}`, { version });
});
afterAll(async () => {
  await field[Symbol.asyncDispose]();
});

const SETTINGS = { effectTimeoutMs: 3_000 };
const containersOf = async (stage: string) =>
  (await field.bench.containers()).flatMap(({ Names, Labels }) =>
    Labels['dev.quayside.stage'] === stage ? Names.map((name) => name.slice(1)) : [],
  );
const projectOf = (stage: string) => ({
  shop: { image, env: { GREETING: 'hello-there' }, plainEnv: ['GREETING'], stages: { [stage]: { port: 3000 } } },
});

it('a migration runs in the new image with the stage’s environment, and its container goes', async () => {
  const deployer = await field.deployer(projectOf('fine'), {
    settings: SETTINGS,
    options: {
      plugins: [migrations({ command: ['sh', '-c', 'echo $GREETING from $APP_VERSION $EXTRA'], env: { EXTRA: '!' } })],
    },
  });
  const deployment = await unwrap(deployer.deploy({ project: 'shop', stage: 'fine', tag: 'v1' }));
  expect(deployment.steps.find(({ name }) => name === 'migrations/up')).toMatchObject({ status: 'done' });
  const log: string[] = [];
  for await (const { message } of deployer.logs(deployment.id)) log.push(message);
  expect(log).toContain('hello-there from v1 !');
  expect(await containersOf('fine')).toEqual([`shop-fine-v1-${deployment.id}`]);
  await deployer.close();
});

it('a migration that fails leaves the old version and nothing else', async () => {
  const deployer = await field.deployer(projectOf('broken'), {
    settings: SETTINGS,
    options: {
      plugins: [
        migrations({
          command: ['sh', '-c', 'if [ "$APP_VERSION" = v2 ]; then echo "no such column" >&2; exit 4; fi'],
          down: ['sh', '-c', 'echo taken back'],
        }),
      ],
    },
  });
  const first = await unwrap(deployer.deploy({ project: 'shop', stage: 'broken', tag: 'v1' }));
  const failed = await deployer.deploy({ project: 'shop', stage: 'broken', tag: 'v2' });
  expect(failed._unsafeUnwrapErr()).toMatchObject({
    kind: 'plugin-failed',
    code: 'exit-4',
    message: expect.stringContaining('ended with exit code 4: no such column'),
    deployment: { status: 'failed', cleanup: 'none' },
  });
  expect(await containersOf('broken')).toEqual([`shop-broken-v1-${first.id}`]);
  await deployer.close();
});

it('a host that is killed amid one leaves its container, which the next one removes', async () => {
  const given: MigratingHost = {
    database: join(field.folder, 'quayside.db'),
    image,
    network: field.network,
    stage: 'killed',
  };
  const script = await bundled(new URL('./migrating-host.ts', import.meta.url));
  const child = spawn(process.execPath, [script, JSON.stringify(given)], { stdio: 'pipe' });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  try {
    await eventually('the command runs', async () => {
      if (child.exitCode !== null) throw new Error(`The host has ended: ${output}`);
      return (await containersOf('killed')).some((name) => name.endsWith('-run'));
    });
  } finally {
    child.kill('SIGKILL');
  }
  const deployer = await field.deployer(projectOf('killed'), {
    settings: SETTINGS,
    options: { plugins: [migrations({ command: ['sleep', '600'] })], recover: 'manual' },
  });
  const report = await unwrap(deployer.recover());
  expect(report).toMatchObject({ unfinished: [], needsHost: [] });
  expect(report.settled).toMatchObject([{ status: 'failed' }]);
  expect(await containersOf('killed')).toEqual([]);
  await deployer.close();
});
