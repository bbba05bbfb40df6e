import { deploy, openStage, region, status } from '../support/acts.js';
import { onEngine } from '../support/ground.js';
import { expectEqual, type Scenario } from '../support/scenario.js';

export const engineScenarios: readonly Scenario[] = [
  onEngine(
    'a tag of a real registry is deployed with its live log, and its domain answers',
    async ({ ground, visitors }) => {
      await ground.push('v1', { listensAfterMs: 700 });
      await ground.start();
      const { page, context } = await visitors.visit(ground);
      await openStage(page, 'shop', 'dev');
      await page.getByRole('combobox', { name: 'Tag' }).click();
      await page.getByRole('option', { name: 'v1' }).waitFor();
      await deploy(page, 'shop', 'dev', 'v1');
      await region(page, 'Steps').getByRole('listitem').filter({ hasText: 'health' }).getByText('runs').waitFor();
      await status(page, 'Succeeded');
      await page.getByRole('log', { name: 'Log' }).getByText('v1 is live on shop/dev').waitFor();
      await page.getByRole('link', { name: 'Its instance' }).click();
      await page.getByRole('log', { name: 'Output' }).getByText('app v1 starts').waitFor();
      await openStage(page, 'shop', 'dev');
      const href = await page.locator('.serves a').getAttribute('href');
      const app = await context.newPage();
      await app.goto(href ?? '');
      expectEqual((await app.locator('body').textContent())?.trim(), 'v1', 'what the domain answers');
      // What is deployed goes on without the host.
      expectEqual(await ground.stop(), 0, 'how the host ended');
      expectEqual((await ground.bench.leftovers()).containers.length, 1, 'containers without the host');
    },
  ),
  onEngine("a container's last words are those that it wrote", async ({ ground, visitors }) => {
    await ground.push('v2', {
      listensAfterMs: null,
      exitsAfterMs: 150,
      exitCode: 78,
      lastLines: ['looking for the database', 'DATABASE_URL is not set'],
    });
    await ground.start();
    const { page } = await visitors.visit(ground);
    await openStage(page, 'shop', 'dev');
    await deploy(page, 'shop', 'dev', 'v2');
    await status(page, 'Failed');
    await page.locator('.failure pre').getByText('DATABASE_URL is not set').waitFor();
    await page.locator('.failure').getByText('exit code 78').first().waitFor();
    expectEqual((await ground.bench.leftovers()).containers, [], 'containers');
  }),
  onEngine(
    'a host that is killed amid a deployment comes back, and the page tells how it ended',
    async ({ ground, visitors }) => {
      await ground.push('v1', { listensAfterMs: null });
      await ground.start();
      const { page } = await visitors.visit(ground);
      await openStage(page, 'shop', 'dev');
      await deploy(page, 'shop', 'dev', 'v1');
      await region(page, 'Steps').getByRole('listitem').filter({ hasText: 'health' }).getByText('runs').waitFor();
      await ground.kill();
      await page.locator('header').getByText('Reconnecting').waitFor();
      await ground.start();
      await page.locator('header').getByText('Live').waitFor();
      await page.locator('main .facts .status', { hasText: 'Failed' }).waitFor({ timeout: 30_000 });
      await page.locator('.failure .message').waitFor();
      await region(page, 'Log').getByText('complete').waitFor();
      expectEqual((await ground.bench.leftovers()).containers, [], 'containers');
    },
  ),
];
