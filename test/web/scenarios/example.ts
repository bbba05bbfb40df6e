import { fileURLToPath } from 'node:url';
import { startNode } from '../../support/child.js';
import { eventually } from '../../support/engine.js';
import { freePort } from '../../support/registry.js';
import { button, region } from '../support/acts.js';
import { expect, expectEqual, type Scenario } from '../support/scenario.js';

const MAIN = fileURLToPath(new URL('../../../examples/platform/demo/main.ts', import.meta.url));

/** `npm run example`, but for the set-up. */
export const example: Scenario = {
  name: 'the example serves its samples to whoever signs in with what it prints, and Ctrl-C leaves nothing (engine)',
  async run({ visitors }) {
    const ports = [`PORT=${await freePort()}`, `PROXY_PORT=${await freePort()}`];
    const child = startNode(['--import', 'tsx', MAIN], 90_000, ['env', '-u', 'QUAYSIDE_TOKEN', ...ports]);
    const said = () => `${child.lines.join('\n')}\n${child.errors()}`;
    const told = (what: RegExp) =>
      eventually(
        `the example tells ${what}`,
        () => {
          if (child.process.exitCode !== null) throw new Error(`It has ended: ${said()}`);
          return what.exec(said())?.[1];
        },
        60_000,
      );
    try {
      const [url, token] = [await told(/Quayside is at +(\S+)/), await told(/Sign in with +(\S+)/)];
      const { page, context, audit } = await visitors.visit({ url, token }, { signedIn: false });
      await page.goto('/');
      await page.getByLabel('Host token').fill(token);
      await button(page, 'Sign in').click();
      const recent = region(page, 'Recent deployments').getByRole('listitem');
      await recent.filter({ hasText: 'Succeeded' }).nth(1).waitFor({ timeout: 20_000 });
      await audit('example');
      await page.getByRole('link', { name: /^dev/ }).click();
      const app = await context.newPage();
      await app.goto((await page.locator('.serves a').getAttribute('href')) ?? '');
      expect((await app.locator('body').textContent())?.includes('v1.0.0'), 'the sample answers on its domain');
      await visitors.leave();
      child.process.kill('SIGINT');
      expectEqual(await child.ended, 0, 'how it ended');
      expect(said().includes('example: 0 containers, 0 images, 0 networks left'), `what it leaves: ${said()}`);
    } finally {
      child.process.kill('SIGKILL');
    }
  },
};
