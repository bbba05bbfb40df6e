/** What operators do from the command line, on the real engine, a real registry, SQLite and the embedded proxy. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inTerminal, objects, openShell, type Shell, start } from './support/cli.js';
import { openSite, type Site } from './support/site.js';

describe('the command', () => {
  let site: Site;
  let shell: Shell;
  beforeAll(async () => {
    site = await openSite('cli-operate', '', 'maxInstances: 1, keep: { history: { count: 1 } }');
    shell = openShell(site);
    await site.push('v1');
    await site.push('v2');
    await site.push('mute', { listensAfterMs: null });
    await site.serve();
    for (const tag of ['v1', 'v2']) {
      const { code, stdout, stderr } = await shell.run('deploy', 'shop', 'pr-7', tag, '--by', 'ci');
      expect(code, stdout + stderr).toBe(0);
    }
    expect((await shell.run('deploy', 'shop', 'pr-7', 'none', '--by', 'ci')).code).toBe(1);
  });
  afterAll(async () => {
    await shell?.[Symbol.asyncDispose]();
    await site?.[Symbol.asyncDispose]();
  });

  it('pins an instance by its stage, and takes the pin off by its id', async () => {
    const pinned = await shell.run('pin', 'shop', 'pr-7');
    expect(pinned).toMatchObject({ code: 0, stderr: '' });
    expect(pinned.stdout).toMatch(/^✔ shop\/pr-7 v2 \(\w{18}\) is pinned$/m);
    const id = /\((\w{18})\)/.exec(pinned.stdout)?.[1] ?? '';
    expect((await shell.run('ps')).stdout).toMatch(new RegExp(`^${id} .* serves \\(pinned\\) `, 'm'));
    const off = await shell.run('unpin', id, '--json', '--by', 'eve');
    expect(objects(off.stdout)).toMatchObject([{ type: 'result', exitCode: 0, instance: { id, isPinned: false } }]);
  });

  it('tells visitors of a stage to come again, and says so of what runs, until that is lifted', async () => {
    const on = await shell.run('maintenance', 'on', 'shop', 'pr-7', '-m', 'Back at noon.', '--retry-after', '90s');
    expect(on).toMatchObject({ code: 0, stderr: '' });
    expect(on.stdout).toBe('✔ shop/pr-7 is in maintenance: Back at noon. (come again after 90 s)\n');
    expect(await site.ask('stage-pr-7-shop.apps.test')).toMatchObject({
      status: 503,
      body: expect.stringContaining('Back at noon.'),
    });
    expect((await site.ask('stage-pr-7-shop-v2.apps.test')).status).toBe(200);
    expect((await shell.run('ps', 'shop', 'pr-7')).stdout).toMatch(/ maintenance /);
    const off = await shell.run('maintenance', 'off', 'shop', 'pr-7', '--json');
    expect(objects(off.stdout)).toMatchObject([{ type: 'result', exitCode: 0, stage: { maintenance: null } }]);
    expect((await site.ask('stage-pr-7-shop.apps.test')).status).toBe(200);
  });

  it('names the tag that was meant', async () => {
    const missed = await shell.run('deploy', 'shop', 'pr-7', 'v2x');
    expect(missed.code).toBe(1);
    expect(missed.stdout).toContain('Did you mean "v2"?');
    const back = await shell.run('rollback', 'shop', 'pr-7', '--to', 'v2x');
    expect(back.code).toBe(2);
    expect(back.stderr).toContain('Did you mean "v2"?');
    const log = await shell.run('logs', 'shop', 'pr-7', 'v3');
    expect(log.stderr).toContain('No instance of v3 runs on shop/pr-7 (did you mean "v2"?).');
  });

  it('cancels what another process runs, and waits until it is undone', async () => {
    const before = await site.containers();
    const running = start(['deploy', 'shop', 'pr-9', 'mute', '--by', 'me'], site);
    await running.shows(/^start: done/m);
    const { code, stdout, stderr } = await shell.run('cancel', 'shop', 'pr-9', '--reason', 'wrong tag');
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/^✔ shop\/pr-9 mute \(\w{18}\) is cancelled$/m);
    expect(stderr).toContain('is being undone');
    const ended = await running.ended;
    expect(ended.code).toBe(130);
    expect(await site.containers()).toEqual(before);
    // What had succeeded stays, and the exit code says that this is not what was asked for.
    const [last] = objects((await shell.run('history', 'shop', 'pr-7', '--status', 'succeeded', '--json')).stdout);
    const late = await shell.run('cancel', String(last?.['id']));
    expect(late).toMatchObject({ code: 1, stdout: expect.stringContaining('had ended before: it succeeded') });
    expect(await shell.run('cancel', 'shop', 'pr-9')).toMatchObject({
      code: 0,
      stderr: 'Nothing waits or runs on shop/pr-9.\n',
    });
  });

  it('recovers, and says that nothing was left', async () => {
    const { code, stdout } = await shell.run('recover');
    expect({ code, stdout }).toEqual({ code: 0, stdout: '✔ Nothing was left: all is as the store has it.\n' });
  });

  it('says what pruning would remove and asks; in a pipe it wants --yes', async () => {
    const refused = await shell.run('prune');
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('--yes: expected it, to prune where nobody can be asked');
    const asked = inTerminal(['prune'], site);
    await asked.shows(/1 deployment would go[\s\S]*Remove that\? \[y\/N\]/);
    asked.child.stdin.write('n\r');
    expect((await asked.ended).code).toBe(130);
    const dry = await shell.run('prune', '--dry-run', '--json');
    expect(objects(dry.stdout)).toMatchObject([{ type: 'result', dryRun: true, report: { unowned: {} } }]);
    const pruned = await shell.run('prune', '--yes', '--unowned');
    expect(pruned.code).toBe(0);
    expect(pruned.stdout).toMatch(/^✔ 1 deployment gone$/m);
  });

  it('finds nothing wrong here but names that lead nowhere, and says it to machines as well', async () => {
    const { code, stdout } = await shell.run('doctor');
    expect(code, stdout).toBe(0);
    for (const check of [
      'config',
      'store',
      'engine',
      'network',
      'proxy',
      'registry',
      'clock',
      'disk',
      'instances',
      'leftovers',
    ])
      expect(stdout).toMatch(new RegExp(`^[✔!] ${check} `, 'm'));
    expect(stdout).toMatch(/^! dns {8}\*\.apps\.test leads nowhere/m);
    expect(stdout).toMatch(/^ {13}Make a wildcard record/m);
    expect(stdout).toMatch(/^✔ proxy {6}1 process serves them: http:\/\/127\.0\.0\.1:\d+$/m);
    const lines = objects((await shell.run('doctor', '--json')).stdout);
    expect(lines.at(-1)).toMatchObject({ type: 'result', exitCode: 0, failed: 0 });
    expect(lines.find(({ check }) => check === 'dns')).toMatchObject({
      type: 'check',
      status: 'warning',
      hint: expect.stringContaining('wildcard'),
    });
  });

  it('asks before it removes an instance, and takes no answer for a no', async () => {
    const id = String(objects((await shell.run('ps', '--json')).stdout)[0]?.['id']);
    expect((await shell.run('remove', id)).stderr).toContain('--yes: expected it');
    const asked = inTerminal(['remove', id], site);
    await asked.shows(/Remove v2 of shop\/pr-7 with its routes\? \[y\/N\]/);
    asked.child.stdin.write('\x03');
    const { code, stdout } = await asked.ended;
    expect(code, stdout).toBe(130);
    expect(stdout).toContain('Nothing was touched.');
    expect((await shell.run('remove', id, '--yes', '--json')).code).toBe(2);
  });

  it('knows who did all that', async () => {
    const { stdout } = await shell.run('audit', '--json', '-n', '50');
    const all = objects(stdout).reverse();
    expect(all.map(({ act, stage, tag, by }) => [act, stage, tag, by])).toEqual([
      ['deploy', 'pr-7', 'v1', 'ci'],
      ['deploy', 'pr-7', 'v2', 'ci'],
      ['deploy', 'pr-7', 'none', 'ci'],
      ['pin', 'pr-7', 'v2', 'ada@desk'],
      ['unpin', 'pr-7', 'v2', 'eve'],
      ['maintenance', 'pr-7', null, 'ada@desk'],
      ['maintenance', 'pr-7', null, 'ada@desk'],
      ['deploy', 'pr-7', 'v2x', 'ada@desk'],
      ['deploy', 'pr-9', 'mute', 'me'],
      ['cancel', 'pr-9', 'mute', 'ada@desk'],
      ['recover', null, null, 'ada@desk'],
      ['prune', null, null, 'ada@desk'],
    ]);
    const table = await shell.run('audit', 'shop', 'pr-9');
    expect(table.stdout).toMatch(/^WHEN +BY +DID +STAGE +TAG +OF +WHY$/m);
    expect(table.stdout).toMatch(/cancel +shop\/pr-9 +mute +\w{18} +wrong tag$/m);
    const some = await shell.run('audit', '--act', 'recover', '--json');
    expect(objects(some.stdout).map(({ act }) => act)).toEqual(['recover']);
  });

  it('tells while it serves what happens to what runs', async () => {
    const server = await site.serve();
    const [instance] = objects((await shell.run('ps', '--json')).stdout);
    await site.bench.docker.getContainer(String(instance?.['container'])).remove({ force: true });
    await server.shows(new RegExp(`"type":"instance.condition".*"id":"${instance?.['id']}"`));
    expect((await shell.run('ps')).stdout).toMatch(new RegExp(`^${instance?.['id']} .* \\(lost\\) `, 'm'));
    const again = await shell.run('deploy', 'shop', 'pr-7', 'v1');
    expect(again.code, again.stdout + again.stderr).toBe(0);
  });

  it('watches until it is told to end, and mends a route meanwhile', async () => {
    // The server watches, too, and would be quicker.
    await (await site.serve())[Symbol.asyncDispose]();
    const [instance] = objects((await shell.run('ps', '--json')).stdout);
    const watching = start(['watch', '--json'], site);
    await watching.shows(/"type":"watching"/);
    await site.bench.docker.getContainer(String(instance?.['container'])).remove({ force: true });
    await watching.shows(/"type":"instance.condition"/);
    watching.child.kill('SIGTERM');
    expect(await watching.ended).toMatchObject({ code: 0, stderr: '' });
  });
});
