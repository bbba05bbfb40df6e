/** A second Ctrl-C leaves at once, says what it leaves, and loses nothing: the next deployment undoes it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { inTerminal, objects, quayside, shown } from './support/cli.js';
import { openSite, type Site } from './support/site.js';

let site: Site;
beforeAll(async () => {
  // A lease that nobody renews any more is taken over after some seconds instead of minutes.
  site = await openSite('cli-twice', '', 'ttlMs: 5_000, renewMs: 1_000, effectTimeoutMs: 3_000');
  await site.push('mute', { listensAfterMs: null, ignoresTerm: true });
  await site.push('v1');
  await site.serve();
});
afterAll(() => site?.[Symbol.asyncDispose]());

it('says what is left and leaves with 3; the next deployment undoes it first', async () => {
  const running = inTerminal(['deploy', 'shop', 'dev', 'mute'], site);
  await running.shows(/health {2}/);
  running.child.stdin.write('\x03');
  await running.shows(/Cancelling/);
  const pressedMs = performance.now();
  running.child.stdin.write('\x03');
  const { code, stdout } = await running.ended;
  const text = shown(stdout).lines.join('\n');
  expect(code, text).toBe(3);
  expect(performance.now() - pressedMs).toBeLessThan(1_500);
  expect(text).toMatch(/^Left before shop\/dev mute \(\w+\) was rolled back\. Not undone: .*create/m);
  expect(text).toContain('The next deployment of shop/dev undoes it first.');
  // The cursor is back, also for who leaves in a hurry.
  expect(stdout.lastIndexOf('\x1b[?25h')).toBeGreaterThan(stdout.lastIndexOf('\x1b[?25l'));
  expect(await site.containers()).toHaveLength(1);

  const next = await quayside(['deploy', 'shop', 'dev', 'v1'], site);
  expect(next.code, next.stdout + next.stderr).toBe(0);
  expect((await site.containers()).join()).toMatch(/^shop-dev-v1-\w+$/);
  const all = objects((await quayside(['history', '--json'], site)).stdout);
  expect(all.map(({ tag, status, cleanup }) => [tag, status, cleanup])).toEqual([
    ['v1', 'succeeded', 'none'],
    ['mute', 'failed', 'none'],
  ]);
});
