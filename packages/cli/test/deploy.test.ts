/** The main job from the command line, on the real engine, a real registry, SQLite and the embedded proxy. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inTerminal, objects, quayside, shown, start } from './support/cli.js';
import { openSite, type Site } from './support/site.js';

const DEFAULT = 'stage-dev-shop.apps.test';

describe('the command', () => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite('cli-deploy', 'maxInstances: 2');
    await site.push('v1', { paddingBytes: 3_000_000, ignoresTerm: true });
    await site.push('v2');
    await site.push('v3');
    await site.push('broken', {
      listensAfterMs: null,
      exitsAfterMs: 50,
      exitCode: 3,
      lastLines: ['no database', 'giving up'],
    });
    await site.push('mute', { listensAfterMs: null });
    await site.serve();
  });
  afterAll(() => site?.[Symbol.asyncDispose]());

  it('deploys on a terminal: a line per step, then the verdict and its domains', async () => {
    const { code, stdout } = await inTerminal(['deploy', 'shop', 'dev', 'v1'], site).ended;
    const { lines, widest } = shown(stdout);
    expect(code, stdout).toBe(0);
    expect(widest).toBeLessThanOrEqual(100);
    const text = lines.join('\n');
    for (const step of ['pull', 'create', 'start', 'route', 'health', 'cutover'])
      expect(text).toMatch(new RegExp(`^  ✔ ${step} +[\\d.]+ m?s`, 'm'));
    expect(text).toMatch(/^✔ shop\/dev v1 is live after [\d.]+ m?s$/m);
    expect(text).toMatch(/^ {2}stage-dev-shop\.apps\.test$/m);
    expect(text).toMatch(/^ {2}stage-dev-shop-v1\.apps\.test$/m);
    // While it lived: a spinner, and how far the pull was. Then the cursor came back.
    expect(stdout).toMatch(/⠋|⠙|⠹/);
    expect(stdout.lastIndexOf('\x1b[?25h')).toBeGreaterThan(stdout.lastIndexOf('\x1b[?25l'));
    expect(await site.ask(DEFAULT)).toEqual({ status: 200, body: 'v1' });
  });

  it('deploys in a pipe: plain lines, no escape, no return of the carriage', async () => {
    const { code, stdout, stderr } = await quayside(['deploy', 'shop', 'dev', 'v2'], site);
    expect(code, stderr).toBe(0);
    expect(stdout.includes('\x1b') || stdout.includes('\r')).toBe(false);
    expect(stdout).toMatch(/^health: done in /m);
    expect(stdout).toMatch(/^✔ shop\/dev v2 is live after /m);
    expect(await site.ask(DEFAULT)).toEqual({ status: 200, body: 'v2' });
  });

  it('says that nothing has changed', async () => {
    const { code, stdout } = await quayside(['deploy', 'shop', 'dev', 'v2'], site);
    expect(code).toBe(0);
    expect(stdout).toContain('shop/dev v2 is live already: nothing has changed');
  });

  it("rolls a broken one back with exit code 1, and shows the container's last lines and what to do", async () => {
    const before = await site.containers();
    const { code, stdout } = await inTerminal(['deploy', 'shop', 'dev', 'broken'], site, { columns: 60 }).ended;
    const { lines, widest } = shown(stdout);
    const text = lines.join('\n');
    expect(code).toBe(1);
    expect(widest).toBeLessThanOrEqual(60);
    expect(text).toMatch(/^ {2}✖ health/m);
    expect(text.replace(/\s+/g, ' ')).toMatch(
      /✖ shop\/dev broken failed at health after .* and was rolled back; v2 goes on serving/,
    );
    expect(text).toMatch(/^ {2}│ no database$/m);
    expect(text).toMatch(/^ {2}│ giving up$/m);
    expect(text).toMatch(/exit code 3/);
    expect(text.replace(/\s+/g, ' ')).toContain("Read the container's last lines");
    expect(await site.containers()).toEqual(before);
    expect(await site.ask(DEFAULT)).toEqual({ status: 200, body: 'v2' });
    expect((await site.ask('stage-dev-shop-broken.apps.test')).status).toBe(404);
  });

  it('writes objects and nothing else with --json, and its verdict is one of them', async () => {
    const { code, stdout, stderr } = await quayside(['deploy', 'shop', 'dev', 'broken', '--json'], site);
    expect(code).toBe(1);
    expect(stderr).toBe('');
    const all = objects(stdout);
    expect(new Set(all.map(({ type }) => type))).toEqual(
      new Set([
        'deployment.queued',
        'deployment.started',
        'deployment.step',
        'deployment.log',
        'deployment.progress',
        'deployment.rolling-back',
        'result',
      ]),
    );
    const results = all.filter(({ type }) => type === 'result');
    expect(results).toHaveLength(1);
    expect(results[0]).toMatchObject({
      exitCode: 1,
      deployment: { status: 'failed', cleanup: 'none' },
      error: { kind: 'unhealthy', code: expect.stringMatching(/^(exited|crash-loop)$/), step: 'health' },
    });
  });

  it('rolls back on Ctrl-C during the wait for health, and exits with 130', async () => {
    const before = await site.containers();
    const running = inTerminal(['deploy', 'shop', 'dev', 'mute'], site);
    await running.shows(/health {2}/);
    expect(await site.containers()).toHaveLength(before.length + 1);
    running.child.stdin.write('\x03');
    const { code, stdout } = await running.ended;
    const text = shown(stdout).lines.join('\n');
    expect(code, text).toBe(130);
    expect(text).toContain('Cancelling: what it made is undone.');
    expect(text).toMatch(/✖ shop\/dev mute was cancelled after .* and was rolled back; v2 goes on serving/);
    expect(await site.containers()).toEqual(before);
    expect(await site.ask(DEFAULT)).toEqual({ status: 200, body: 'v2' });
  });

  it('does the same for SIGTERM in a pipe', async () => {
    const before = await site.containers();
    const running = start(['deploy', 'shop', 'dev', 'mute'], site);
    await running.shows(/^start: done/m);
    running.child.kill('SIGTERM');
    const { code, stderr } = await running.ended;
    expect(code).toBe(130);
    expect(stderr).toContain('Cancelling');
    expect(await site.containers()).toEqual(before);
  });

  it('tells the verdict at once, then says what it waits for', async () => {
    const running = start(['deploy', 'shop', 'dev', 'v3'], site);
    await running.shows(/✔ shop\/dev v3 is live/);
    const verdictMs = performance.now();
    expect(await site.ask(DEFAULT)).toEqual({ status: 200, body: 'v3' });
    const { code, stdout, stderr } = await running.ended;
    expect(code).toBe(0);
    // v1 ignores its stop signal for the two seconds of grace.
    expect(performance.now() - verdictMs).toBeGreaterThan(1_500);
    expect(stderr).toBe('Waiting for v1 to finish and go, at most 30 s; Ctrl-C leaves it to the next start.\n');
    expect(stdout).toMatch(/^v1 is gone$/m);
  });

  it('has waited for the one that it evicted, and it is gone', async () => {
    const { stdout } = await quayside(['ps', '--json'], site);
    expect(objects(stdout).map(({ tag, isDefault, state }) => [tag, isDefault, state])).toEqual([
      ['v3', true, 'running'],
      ['v2', false, 'running'],
    ]);
    expect(await site.containers()).toHaveLength(2);
    expect((await site.ask('stage-dev-shop-v1.apps.test')).status).toBe(404);
  });

  it('plans without touching anything', async () => {
    const { code, stdout } = await quayside(['plan', 'shop', 'dev', 'v1'], site);
    expect(code).toBe(0);
    expect(stdout).toContain('shop/dev v1: a new instance');
    expect(stdout).toMatch(/goes +v2 \(\w+\), evicted/);
    expect(stdout).toContain('stage-dev-shop-v1.apps.test (tagged)');
    expect(await site.containers()).toHaveLength(2);
  });

  it('rolls back to the one before', async () => {
    const { code, stdout } = await quayside(['rollback', 'shop', 'dev'], site);
    expect(code).toBe(0);
    expect(stdout).toMatch(/✔ shop\/dev v2 is live after/);
    expect(await site.ask(DEFAULT)).toEqual({ status: 200, body: 'v2' });
  });

  it('has it all in the history, with who and why', async () => {
    const { stdout } = await quayside(['history', 'shop', 'dev'], site);
    expect(stdout).toMatch(/^DEPLOYMENT +WHEN +STAGE +TAG +STATUS +TOOK +BY +WHY$/m);
    expect(stdout).toMatch(/v2 +succeeded \(rollback\)/);
    expect(stdout).toMatch(/broken +failed .*its process ended with exit code 3/);
    expect(stdout).toMatch(/mute +cancelled/);
    const failed = await quayside(['history', '--status', 'failed', '-n', '1', '--json'], site);
    expect(objects(failed.stdout).map(({ status }) => status)).toEqual(['failed']);
    const narrow = shown((await inTerminal(['history'], site, { columns: 50 }).ended).stdout);
    expect(narrow.widest).toBeLessThanOrEqual(50);
    expect(narrow.lines[0]).toMatch(/^DEPLOYMENT +STAGE +TAG +STATUS$/);
  });

  it('goes on when nobody reads any more, and says nothing about it', async () => {
    const running = start(['deploy', 'shop', 'dev', 'v3', '--force'], site);
    await running.shows(/shop\/dev v3: deploy/);
    running.child.stdout.destroy();
    expect(await running.ended).toMatchObject({ code: 0, stderr: '' });
    expect(await site.ask(DEFAULT)).toEqual({ status: 200, body: 'v3' });
    const listing = start(['logs', 'shop', 'dev', '-f'], site);
    await listing.shows(/app v3 starts/);
    listing.child.stdout.destroy();
    listing.child.kill('SIGINT');
    expect(await listing.ended).toMatchObject({ code: 0, stderr: '' });
    expect((await quayside(['rollback', 'shop', 'dev', '--to', 'v2'], site)).code).toBe(0);
  });

  it("shows a deployment's log, and a container's own output", async () => {
    const [last] = objects(
      (await quayside(['history', 'shop', 'dev', '--status', 'failed', '-n', '1', '--json'], site)).stdout,
    );
    const log = await quayside(['logs', String(last?.['id']), '-f'], site);
    expect(log.stdout).toMatch(/error health +.*is not healthy/);
    expect(log.stdout).toMatch(/Everything it made is gone again\./);
    const own = await quayside(['logs', 'shop', 'dev'], site);
    expect(own.stdout).toBe('app v2 starts\n');
    const followed = start(['logs', 'shop', 'dev', 'v3', '-f'], site);
    await followed.shows(/app v3 starts/);
    followed.child.kill('SIGINT');
    expect(await followed.ended).toMatchObject({ code: 0, stderr: '' });
  });

  it('removes an instance, not the one that serves, and then the stage', async () => {
    const instances = objects((await quayside(['ps', '--json'], site)).stdout);
    const idOf = (tag: string) => String(instances.find((each) => each['tag'] === tag)?.['id']);
    const refused = await quayside(['remove', idOf('v2'), '--yes'], site);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('The default route points to instance');
    const one = await quayside(['remove', idOf('v3'), '-y'], site);
    expect(one.code, one.stderr).toBe(0);
    expect(await site.containers()).toHaveLength(1);
    const asked = inTerminal(['remove', 'shop', 'dev'], site);
    await asked.shows(/Remove shop\/dev with its 1 instances and routes\? \[y\/N\]/);
    asked.child.stdin.write('y\r');
    expect((await asked.ended).code).toBe(0);
    expect(await site.containers()).toEqual([]);
    expect((await site.ask(DEFAULT)).status).toBe(404);
  });

  it('ends serving on SIGTERM, by itself', async () => {
    const server = await site.serve();
    server.child.kill('SIGTERM');
    expect(await server.ended).toMatchObject({ code: 0, stderr: '' });
  });
});
