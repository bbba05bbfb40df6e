/** A second Ctrl-C leaves at once, says what it leaves, and loses nothing: the next deployment undoes it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { inTerminal, objects, quayside, shown } from './support/cli.js';
import { openSite, type Site } from './support/site.js';

let site: Site;
beforeAll(async () => {
  // A lease that nobody renews any more is taken over after some seconds instead of minutes.
  site = await openSite('cli-twice', 'maxInstances: 1', 'ttlMs: 5_000, renewMs: 1_000, effectTimeoutMs: 3_000');
  await site.push('mute', { listensAfterMs: null, ignoresTerm: true });
  await site.push('v1');
  await site.push('slow', { ignoresTerm: true });
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
    // As it stood in the store: its cancelling was written down, or had not been yet.
    ['mute', expect.stringMatching(/^(cancelled|failed)$/), 'none'],
  ]);
});

it('leaves what retires to the next start, once the verdict is out', async () => {
  expect((await quayside(['deploy', 'shop', 'dev', 'slow'], site)).code).toBe(0);
  const running = inTerminal(['deploy', 'shop', 'dev', 'v1'], site);
  await running.shows(/Waiting for slow/);
  running.child.stdin.write('\x03');
  const { code, stdout } = await running.ended;
  const text = shown(stdout).lines.join('\n');
  expect(code, text).toBe(0);
  expect(text).toMatch(/^✔ shop\/dev v1 is live/m);
  expect(text).toContain('Left to the next start of quayside: slow.');
  expect(await site.containers()).toHaveLength(2);

  // It takes up what was left, also where it has nothing to do by itself.
  const next = await quayside(['deploy', 'shop', 'dev', 'v1'], site);
  expect(next.stdout).toContain('nothing has changed');
  expect((await site.containers()).join()).toMatch(/^shop-dev-v1-\w+$/);
  expect(objects((await quayside(['ps', '--json'], site)).stdout).map(({ tag }) => tag)).toEqual(['v1']);
});
