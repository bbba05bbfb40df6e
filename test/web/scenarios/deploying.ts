import { button, deploy, dialog, openStage, plan, region, status } from '../support/acts.js';
import { expect, expectEqual, inMemory, type Scenario } from '../support/scenario.js';

export const deploying: readonly Scenario[] = [
  inMemory(
    'the tags come from the registry, the newest version first, and typing narrows them',
    async ({ yard, visitors }) => {
      for (const tag of ['v1.9', 'v1.10', 'latest', 'v2.0-rc.1']) yard.push('shop', tag);
      const { page, audit } = await visitors.visit(yard);
      await openStage(page, 'shop', 'dev');
      const field = page.getByRole('combobox', { name: 'Tag' });
      await field.click();
      const options = page.getByRole('option');
      await options.nth(3).waitFor();
      expectEqual(await options.allInnerTexts(), ['v2.0-rc.1', 'v1.10', 'v1.9', 'latest'], 'the list');
      await audit('tags');
      await field.fill('V1');
      expectEqual(await options.allInnerTexts(), ['v1.10', 'v1.9'], 'the list after typing');
      await options.first().click();
      expectEqual(await field.inputValue(), 'v1.10', 'the field');
    },
  ),
  inMemory('a plan says what would happen, and nothing has', async ({ yard, visitors }) => {
    yard.push('shop', 'v1');
    yard.push('shop', 'v2');
    const { page, audit } = await visitors.visit(yard);
    await openStage(page, 'shop', 'prod');
    await deploy(page, 'shop', 'prod', 'v1');
    await status(page, 'Succeeded');
    await openStage(page, 'shop', 'prod');
    const shown = await plan(page, 'v2');
    await shown.getByText('A new instance starts beside those that run.').waitFor();
    await shown.getByText('is pulled first').waitFor();
    await shown.getByText('stage-prod-shop-v2.apps.example.com').waitFor();
    await shown.getByText('shop.example.com', { exact: true }).waitFor();
    await shown.locator('div', { hasText: 'Serves until then' }).getByText('v1').waitFor();
    await audit('plan');
    expectEqual(yard.engine.containers.size, 1, 'containers after a plan');
    // Another tag: the plan is of the one before, and goes.
    await page.getByRole('combobox', { name: 'Tag' }).fill('v1');
    await shown.waitFor({ state: 'detached' });
    await plan(page, 'v1');
    await shown.getByText('Nothing changes: this image and configuration serve already.').waitFor();
    await page.getByRole('combobox', { name: 'Tag' }).fill('v9');
    await page.keyboard.press('Escape');
    await button(page, 'Show the plan').click();
    await page.getByRole('alert').getByText('v9').waitFor();
  }),
  inMemory(
    'a deployment tells its log and its steps while it runs, and then serves',
    async ({ yard, visitors }) => {
      yard.push('shop', 'v1', { listensAfterMs: 1_500, lines: ['shop v1 starts'] });
      const { page, audit } = await visitors.visit(yard);
      await openStage(page, 'shop', 'dev');
      await deploy(page, 'shop', 'dev', 'v1');
      await status(page, 'Running');
      const steps = region(page, 'Steps');
      await steps.getByRole('listitem').filter({ hasText: 'health' }).getByText('runs').waitFor();
      await steps.getByRole('listitem').filter({ hasText: 'cutover' }).getByText('to come').waitFor();
      const log = page.getByRole('log', { name: 'Log' });
      await log.getByText('Started').first().waitFor();
      await region(page, 'Log').getByText('live').waitFor();
      await audit('deployment that runs');
      await status(page, 'Succeeded');
      await steps.getByRole('listitem').filter({ hasText: 'cutover' }).getByText('done').waitFor();
      await region(page, 'Log').getByText('complete').waitFor();
      await audit('deployment');
      await page.getByRole('link', { name: 'shop / dev' }).click();
      const instances = region(page, 'Instances');
      await instances.getByText('Running').waitFor();
      await instances.getByText('serves', { exact: true }).waitFor();
      const link = instances.getByRole('link', { name: 'stage-dev-shop.apps.example.com', exact: true });
      expectEqual(await link.getAttribute('href'), 'http://stage-dev-shop.apps.example.com', 'the link');
      await audit('stage');
      await instances.getByRole('link', { name: 'v1', exact: true }).click();
      await page.getByRole('log', { name: 'Output' }).getByText('shop v1 starts').waitFor();
      await audit('instance');
    },
    { slowMs: 60 },
  ),
  inMemory(
    "a failed deployment shows the container's last words, and what served still does",
    async ({ yard, visitors }) => {
      yard.push('shop', 'v1');
      yard.push('shop', 'v2', {
        exitsAfterMs: 200,
        exitCode: 78,
        listensAfterMs: null,
        lines: ['looking for the database', 'DATABASE_URL is not set, and I will not guess'],
      });
      const { page, audit } = await visitors.visit(yard);
      await openStage(page, 'shop', 'dev');
      await deploy(page, 'shop', 'dev', 'v1');
      await status(page, 'Succeeded');
      await openStage(page, 'shop', 'dev');
      await deploy(page, 'shop', 'dev', 'v2');
      await status(page, 'Failed');
      const failure = region(page, 'Failed at health');
      await failure.getByText('DATABASE_URL is not set, and I will not guess').waitFor();
      await failure.getByText('exit code 78').first().waitFor();
      await region(page, 'Steps').getByText('undone').first().waitFor();
      await audit('failed deployment');
      await openStage(page, 'shop', 'dev');
      await page.locator('.serves', { hasText: 'v1 serves' }).waitFor();
    },
  ),
  inMemory('a deployment that runs is cancelled with a reason, and leaves nothing', async ({ yard, visitors }) => {
    yard.push('shop', 'v1', { listensAfterMs: 20_000 });
    const { page, audit } = await visitors.visit(yard);
    await openStage(page, 'shop', 'dev');
    await deploy(page, 'shop', 'dev', 'v1');
    await region(page, 'Steps').getByRole('listitem').filter({ hasText: 'health' }).getByText('runs').waitFor();
    await button(page, 'Cancel').click();
    await dialog(page).getByLabel('Why').fill('the wrong tag');
    await audit('cancel');
    await button(dialog(page), 'Cancel the deployment').click();
    await status(page, 'Cancelled');
    await page.getByRole('log', { name: 'Log' }).getByText('the wrong tag').first().waitFor();
    expectEqual(await button(page, 'Cancel').count(), 0, 'ways to cancel what has ended');
    expectEqual(yard.engine.containers.size, 0, 'containers');
  }),
  inMemory('the keyboard alone deploys', async ({ yard, visitors }) => {
    yard.push('shop', 'v1');
    yard.push('shop', 'v2');
    const { page } = await visitors.visit(yard);
    await page.goto('/');
    await page.getByRole('heading', { level: 1, name: 'Projects' }).waitFor();
    const { keyboard } = page;
    const focused = () =>
      page.evaluate(
        'document.activeElement?.textContent?.trim() || document.activeElement?.id || ""',
      ) as Promise<string>;
    const tabTo = async (what: RegExp) => {
      for (let count = 0; count < 40; count += 1) {
        if (what.test(await focused())) return;
        await keyboard.press('Tab');
      }
      throw new Error(`The keyboard does not come to ${what}: it is at "${await focused()}"`);
    };
    await tabTo(/^dev/);
    await keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'shop / dev' }).waitFor();
    expectEqual(await focused(), 'shop / dev', 'where the focus is in a new view');
    const field = page.getByRole('combobox', { name: 'Tag' });
    const role = () => page.evaluate('document.activeElement?.getAttribute("role")');
    for (let count = 0; count < 20 && (await role()) !== 'combobox'; count += 1) await keyboard.press('Tab');
    await page.getByRole('option', { name: 'v1', includeHidden: true }).waitFor({ state: 'attached' });
    await keyboard.press('ArrowDown');
    await keyboard.press('ArrowDown');
    const active =
      'document.getElementById(document.activeElement?.getAttribute("aria-activedescendant"))?.textContent?.trim()';
    expectEqual(await page.evaluate(active), 'v1', 'the active option');
    await keyboard.press('Enter');
    expectEqual(await field.inputValue(), 'v1', 'the field');
    await keyboard.press('Enter');
    await region(page, 'Plan').waitFor();
    // The focus waits on the button that goes on.
    await page.waitForFunction('document.activeElement?.textContent?.includes("Deploy v1 to shop dev")');
    await keyboard.press('Enter');
    await status(page, 'Succeeded');
    const said = await page.getByLabel('What happened').textContent();
    expect(said === 'shop dev v1: Succeeded', `a screen reader is told: ${said}`);
  }),
];
