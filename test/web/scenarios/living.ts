import { createHmac } from 'node:crypto';
import { eventOf } from '@quayside/core/testing';
import { button, deploy, deployEach, dialog, openStage, region, status } from '../support/acts.js';
import { expectEqual, inMemory, type Scenario } from '../support/scenario.js';

const HOOK_KEY = Buffer.alloc(32, 7);
const slow = { listensAfterMs: 2_500 } as const;

export const living: readonly Scenario[] = [
  inMemory('a page that is loaded again amid a deployment has all of it', async ({ yard, visitors }) => {
    yard.push('shop', 'v1', slow);
    const { page } = await visitors.visit(yard);
    await openStage(page, 'shop', 'dev');
    await deploy(page, 'shop', 'dev', 'v1');
    const log = page.getByRole('log', { name: 'Log' });
    await log.getByText('Started').first().waitFor();
    const before = await log.locator('p').allInnerTexts();
    await page.reload();
    await status(page, 'Running');
    await log.getByText('Started').first().waitFor();
    expectEqual((await log.locator('p').allInnerTexts()).slice(0, before.length), before, 'the log after the reload');
    await status(page, 'Succeeded');
    await region(page, 'Log').getByText('complete').waitFor();
  }),
  inMemory(
    'a page outlives a restart of the host amid a deployment, without a line lost or doubled',
    async ({ yard, visitors }) => {
      yard.push('shop', 'v1', slow);
      const { page } = await visitors.visit(yard);
      await openStage(page, 'shop', 'dev');
      await deploy(page, 'shop', 'dev', 'v1');
      const log = page.getByRole('log', { name: 'Log' });
      await log.getByText('Started').first().waitFor();
      const stopping = yard.stop();
      await page.locator('header').getByText('Reconnecting').waitFor();
      // It finishes what runs; the page knows nothing of that yet.
      await stopping;
      await yard.start();
      await status(page, 'Succeeded');
      await page.locator('header').getByText('Live').waitFor();
      await region(page, 'Log').getByText('complete').waitFor();
      const id = page.url().split('/').at(-1) ?? '';
      const wanted: string[] = [];
      for await (const { message } of yard.host().deployer.logs(id)) wanted.push(message);
      const shown = (await log.locator('p .text').allInnerTexts()).map((text) => text.replace(/…/g, ''));
      expectEqual(
        shown.map((text) => text.slice(0, 30)),
        wanted.map((text) => text.slice(0, 30)),
        'the log',
      );
      // And it is as live as before.
      yard.push('shop', 'v2');
      await yard.host().deployer.submit({ project: 'shop', stage: 'dev', tag: 'v2' });
      await page.goto('/p/shop/dev');
      await page.locator('.serves', { hasText: 'v2 serves' }).waitFor();
    },
  ),
  inMemory(
    'a push that a webhook tells of is deployed, and every page sees it',
    async ({ yard, visitors }) => {
      yard.push('shop', 'v1.2.0');
      const { page } = await visitors.visit(yard);
      await openStage(page, 'shop', 'dev');
      const body = JSON.stringify({ image: 'registry.example.com/shop:v1.2.0' });
      const [id, time] = ['push-1', String(Math.floor(Date.now() / 1_000))];
      const signature = createHmac('sha256', HOOK_KEY).update(`${id}.${time}.${body}`).digest('base64');
      const tell = (signed: string) =>
        fetch(`${yard.url}/hooks/builds`, {
          method: 'POST',
          headers: {
            'webhook-id': id,
            'webhook-timestamp': time,
            'webhook-signature': `v1,${signed}`,
            'content-type': 'application/json',
          },
          body,
        });
      expectEqual((await tell(signature.replace(/./, '_'))).status, 401, 'what a wrong signature is answered with');
      expectEqual((await tell(signature)).ok, true, 'whether it is taken');
      const row = region(page, 'History').getByRole('listitem').first();
      await row.getByText('Succeeded').waitFor();
      await row.getByText('by webhook builds').waitFor();
      await page.locator('.serves', { hasText: 'v1.2.0 serves' }).waitFor();
    },
    {
      triggers: {
        watch: [{ project: 'shop', stage: 'dev', image: 'registry.example.com/shop', tags: { semver: '^1' } }],
        sources: { builds: { kind: 'signed', secret: `whsec_${HOOK_KEY.toString('base64')}` } },
        poll: false,
        gather: 0,
      },
    },
  ),
  inMemory("two browsers see each other's deployment, and who asked for it", async ({ yard, visitors }) => {
    yard.push('shop', 'v1', slow);
    const ada = await visitors.visit(yard, { name: 'Ada' });
    const grace = await visitors.visit(yard, { name: 'Grace' });
    await openStage(grace.page, 'shop', 'dev');
    await grace.page.getByText('Nothing serves yet.').waitFor();
    await openStage(ada.page, 'shop', 'dev');
    await deploy(ada.page, 'shop', 'dev', 'v1');
    const row = region(grace.page, 'History').getByRole('listitem').first();
    await row.getByText('Running').waitFor();
    await row.getByText('by Ada').waitFor();
    await row.getByText('Succeeded').waitFor();
    await grace.page.locator('.serves', { hasText: 'v1 serves' }).waitFor();
    await row.getByRole('link').click();
    await status(grace.page, 'Succeeded');
  }),
  inMemory('rolling back leads the traffic to what served before', async ({ yard, visitors }) => {
    yard.push('shop', 'v1');
    yard.push('shop', 'v2');
    const { page, audit } = await visitors.visit(yard);
    await deployEach(page, 'shop', 'dev', ['v1', 'v2']);
    await openStage(page, 'shop', 'dev');
    await page.locator('.serves', { hasText: 'v2 serves' }).waitFor();
    await button(page, 'Roll back').click();
    await dialog(page).getByText('The traffic goes to what served before').waitFor();
    await audit('roll back');
    await button(dialog(page), 'Roll back').click();
    await page.waitForURL('**/d/*');
    await status(page, 'Succeeded');
    await page.getByText('roll back', { exact: true }).waitFor();
    await openStage(page, 'shop', 'dev');
    await page.locator('.serves', { hasText: 'v1 serves' }).waitFor();
    // And forth again, to a chosen one.
    await button(page, 'Roll back to v2').click();
    await button(dialog(page), 'Roll back').click();
    await page.waitForURL('**/d/*');
    await status(page, 'Succeeded');
    await openStage(page, 'shop', 'dev');
    await page.locator('.serves', { hasText: 'v2 serves' }).waitFor();
    // And to one of the history, whose container is gone.
    await button(page, 'Remove v1').click();
    await button(dialog(page), 'Remove it').click();
    await region(page, 'Instances').getByRole('link', { name: 'v1', exact: true }).waitFor({ state: 'detached' });
    await region(page, 'History').getByRole('link').filter({ hasText: 'v1' }).last().click();
    await button(page, 'Roll back to this').click();
    await dialog(page).getByText('a new one is started').waitFor();
    await button(dialog(page), 'Roll back').click();
    await page.getByText('roll back', { exact: true }).waitFor();
    await status(page, 'Succeeded');
    await page.getByRole('link', { name: 'shop / dev' }).click();
    await page.locator('.serves', { hasText: 'v1 serves' }).waitFor();
  }),
  inMemory('removing asks first: an instance, and, with its name typed, a whole stage', async ({ yard, visitors }) => {
    yard.push('shop', 'v1');
    yard.push('shop', 'v2');
    const { page, audit } = await visitors.visit(yard);
    await deployEach(page, 'shop', 'dev', ['v1', 'v2']);
    await openStage(page, 'shop', 'dev');
    const instances = region(page, 'Instances');
    await button(instances, 'Remove v1').click();
    await button(dialog(page), 'Keep as it is').click();
    await dialog(page).waitFor({ state: 'detached' });
    expectEqual(yard.engine.containers.size, 2, 'containers after having changed one’s mind');
    await button(instances, 'Remove v1').click();
    await page.keyboard.press('Escape');
    await dialog(page).waitFor({ state: 'detached' });
    await button(instances, 'Remove v1').click();
    await audit('remove an instance');
    await button(dialog(page), 'Remove it').click();
    await instances.getByRole('link', { name: 'v1', exact: true }).waitFor({ state: 'detached' });
    await button(page, 'Remove the stage').click();
    const remove = button(dialog(page), 'Remove all of it');
    expectEqual(await remove.isDisabled(), true, 'the button before the name is typed');
    await dialog(page).getByRole('textbox').fill('dev');
    await audit('remove a stage');
    await remove.click();
    await instances.getByText('Nothing runs here yet.').waitFor();
    await page.getByText('Nothing serves yet.').waitFor();
    expectEqual(yard.engine.containers.size, 0, 'containers');
  }),
  inMemory('an instance is pinned and unpinned', async ({ yard, visitors }) => {
    yard.push('shop', 'v1');
    const { page } = await visitors.visit(yard);
    await openStage(page, 'shop', 'dev');
    await deploy(page, 'shop', 'dev', 'v1');
    await status(page, 'Succeeded');
    await openStage(page, 'shop', 'dev');
    const pin = button(region(page, 'Instances'), 'Pin v1');
    await pin.click();
    await region(page, 'Instances').getByText('pinned').waitFor();
    expectEqual(await pin.getAttribute('aria-pressed'), 'true', 'the button');
    await pin.click();
    await region(page, 'Instances').getByText('pinned').waitFor({ state: 'detached' });
  }),
  inMemory('a stage is put into maintenance and out of it', async ({ yard, visitors }) => {
    yard.push('shop', 'v1');
    const { page, audit } = await visitors.visit(yard);
    await openStage(page, 'shop', 'dev');
    await deploy(page, 'shop', 'dev', 'v1');
    await status(page, 'Succeeded');
    await openStage(page, 'shop', 'dev');
    await button(page, 'Maintenance').click();
    await dialog(page).getByLabel('What they are told').fill('Back at noon.');
    await audit('put a stage into maintenance');
    await button(dialog(page), 'Hold visitors').click();
    await page.getByText('in maintenance').waitFor();
    await button(page, 'End the maintenance').click();
    await page.getByText('in maintenance').waitFor({ state: 'detached' });
  }),
  inMemory('an instance that dies is told of without a reload', async ({ yard, visitors }) => {
    yard.push('shop', 'v1');
    const { page, audit } = await visitors.visit(yard);
    await openStage(page, 'shop', 'dev');
    await deploy(page, 'shop', 'dev', 'v1');
    await status(page, 'Succeeded');
    await openStage(page, 'shop', 'dev');
    const instances = region(page, 'Instances');
    await instances.getByText('Running').waitFor();
    for (const [name, container] of yard.engine.containers) {
      yard.engine.containers.delete(name);
      yard.engine.emit(eventOf(container, 'removed', null));
    }
    await instances.getByText('Lost').waitFor();
    await audit('stage with a lost instance');
  }),
];
