/** Who answers a gate need not be who deploys: each command is a process of its own, over one store. The engine is in memory. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/support/engine.js';
import { objects, openShell, type Place, type Running, type Shell, start } from './support/cli.js';

const CONFIG = `import { systemClock } from '@quayside/core/ports';
import { memoryEngine, memoryProbe, memoryProxy, memoryRegistry, memoryRuntime } from '@quayside/core/testing';
import { approvalGate } from '@quayside/plugins';
import { sqliteStore } from '@quayside/sql-adapter';

export default () => {
  const engine = memoryEngine(systemClock());
  engine.push('registry.test/shop:v1');
  return {
    runtime: memoryRuntime(engine),
    proxy: memoryProxy(engine),
    probe: memoryProbe(engine),
    registry: memoryRegistry(engine),
    store: sqliteStore({ path: 'quayside.db' }),
    settings: { domain: 'apps.test' },
    projects: { shop: { image: 'registry.test/shop', stages: { dev: { port: 3000 }, prod: { port: 3000 } } } },
    plugins: GATES,
  };
};
`;

let place: Place;
let shell: Shell;
beforeAll(async () => {
  place = { cwd: await mkdtemp(join(tmpdir(), 'quayside-approve-')) };
  await writeFile(join(place.cwd, 'quayside.config.ts'), CONFIG.replace('GATES', '[approvalGate()]'));
  await writeFile(join(place.cwd, 'open.config.ts'), CONFIG.replace('GATES', '[]'));
  shell = openShell(place);
});
afterAll(async () => {
  await shell?.[Symbol.asyncDispose]();
  await rm(place.cwd, { recursive: true, force: true });
});

/** One that waits at the gate, and its id. */
async function waiting(stage: string, ...flags: readonly string[]): Promise<{ id: string; running: Running }> {
  const running = start(['deploy', 'shop', stage, 'v1', '--force', ...flags], place);
  const [, id = ''] = await running.shows(/quayside approve (\w{18})/);
  return { id, running };
}

describe('an approval', () => {
  it('is named by the deployment that waits for it, and lets it go on', async () => {
    const { id, running } = await waiting('prod');
    const all = await shell.run('approve');
    expect(all.stdout).toMatch(
      new RegExp(`^DEPLOYMENT .*\\n${id} +shop/prod +v1 .*stage-prod-shop-v1\\.apps\\.test\\n$`),
    );
    expect(objects((await shell.run('deny', '--json')).stdout)).toMatchObject([
      { deploymentId: id, project: 'shop', stage: 'prod', tag: 'v1' },
    ]);
    const said = await shell.run('approve', id, '--reason', 'looks good');
    expect(said).toMatchObject({ code: 0, stdout: `✔ shop/prod v1 (${id}) is approved\n`, stderr: '' });
    const { code, stdout } = await running.ended;
    expect(code, stdout).toBe(0);
    expect((await shell.run('logs', id)).stdout).toContain('Approved by ada@desk: looks good.');
  });

  it('is refused by the stage, and what was deployed is rolled back', async () => {
    const { running } = await waiting('dev');
    const said = await shell.run('deny', 'shop', 'dev', '--by', 'eve', '--json');
    expect(objects(said.stdout)).toMatchObject([
      { type: 'result', exitCode: 0, answered: [{ project: 'shop', stage: 'dev', tag: 'v1' }] },
    ]);
    const { code, stdout } = await running.ended;
    expect(code).toBe(1);
    expect(stdout).toContain('Denied by eve');
  });

  it('cannot be given to what does not wait', async () => {
    const none = await shell.run('approve', 'shop', 'prod');
    expect(none).toMatchObject({ code: 1, stderr: 'Nothing waits for an approval on shop/prod.\n' });
    expect(await shell.run('approve')).toMatchObject({ code: 0, stderr: 'Nothing waits for an approval.\n' });
    const late = await shell.run('deny', '01k6v1c9q0n2f7abcd');
    expect(late.code).toBe(2);
    expect(late.stderr).toContain('does not wait for an approval');
    expect(late.stderr).toContain('See what waits: `quayside deny`');
    expect((await shell.run('approve', 'shop', 'porid')).stderr).toContain('There is no stage "porid"');
    expect((await shell.run('approve', 'shop')).stderr).toContain("expected a deployment's id of 18 characters");
    const open = await shell.run('approve', '--config', 'open.config.ts');
    expect(open.code).toBe(2);
    expect(open.stderr).toContain('approvalGate()');
  });

  it('is given up by Ctrl-C, which rolls back', async () => {
    const { id, running } = await waiting('prod');
    running.child.kill('SIGINT');
    expect((await running.ended).code).toBe(130);
    await eventually('nothing waits', async () => (await shell.run('approve', id)).code === 2 || undefined);
  });
});
