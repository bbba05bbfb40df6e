import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { button, openStage, region, status } from '../support/acts.js';
import type { Visit } from '../support/browser.js';
import { expect, expectEqual, inMemory, type Scenario } from '../support/scenario.js';
import type { Yard } from '../support/yard.js';

const PHONE = { width: 360, height: 740 } as const;
const STAGE = { project: 'shop', stage: 'prod' } as const;

/** A stage with a past: two that serve, one that failed, one that was rolled back to. */
async function furnish(yard: Yard): Promise<{ readonly good: string; readonly failed: string }> {
  const { deployer } = yard.host();
  for (const tag of ['2024.1', '2024.2', '2025.1', 'latest']) yard.push('docs', tag);
  for (const tag of ['v1.4.0', 'v1.4.1', 'v1.5.0'])
    yard.push('shop', tag, { listensAfterMs: 420, lines: [`shop ${tag} starts`, 'listening on 0.0.0.0:3000'] });
  yard.push('shop', 'v1.6.0-rc.1', {
    listensAfterMs: null,
    exitsAfterMs: 350,
    exitCode: 78,
    lines: ['shop v1.6.0-rc.1 starts', 'looking for the database', 'DATABASE_URL is not set, and I will not guess'],
  });
  const ids: string[] = [];
  const HOUR_MS = 3_600_000;
  const put = async (hoursAgo: number, project: string, stage: string, tag: string, by: string) => {
    yard.ago(hoursAgo * HOUR_MS);
    const handle = (await deployer.submit({ project, stage, tag, by }))._unsafeUnwrap();
    await handle.result;
    ids.push(handle.id);
  };
  await put(190, 'docs', 'prod', '2025.1', 'webhook hub');
  await put(140, 'shop', 'prod', 'v1.4.0', 'Ada');
  await put(92, 'shop', 'prod', 'v1.4.1', 'Ada');
  await put(29, 'shop', 'dev', 'v1.5.0', 'Grace');
  await put(27, 'shop', 'pr-118', 'v1.5.0', 'webhook ghcr');
  await put(4, 'shop', 'prod', 'v1.5.0', 'Grace');
  await put(0.3, 'shop', 'prod', 'v1.6.0-rc.1', 'Ada');
  yard.ago(0);
  const failed = ids.at(-1) ?? '';
  return { good: ids.at(-2) ?? '', failed };
}

async function eachView(
  { page }: Visit,
  { good, failed }: { readonly good: string; readonly failed: string },
  see: (name: string) => Promise<void>,
) {
  await page.goto('/');
  await region(page, 'Recent deployments').getByText('Failed').first().waitFor();
  await see('overview');
  await openStage(page, STAGE.project, STAGE.stage);
  await region(page, 'History').getByText('Failed').waitFor();
  await page.getByRole('combobox', { name: 'Tag' }).fill('v1.4.1');
  await page.keyboard.press('Escape');
  await button(page, 'Show the plan').click();
  await region(page, 'Plan').waitFor();
  await see('stage');
  await page.goto(`/d/${failed}`);
  await status(page, 'Failed');
  await region(page, 'Log').getByText('complete').waitFor();
  await see('failed');
  await page.goto(`/d/${good}`);
  await status(page, 'Succeeded');
  await region(page, 'Log').getByText('complete').waitFor();
  await see('deployment');
  await page.goto(`/i/${good}`);
  await page.getByRole('log', { name: 'Output' }).getByText('listening').waitFor();
  await see('instance');
  await page.goto('/nowhere');
  await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
  await see('nowhere');
}

/** How far the content goes beyond the window, in pixels. */
const overflow = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');

const background = (page: Page): Promise<string> =>
  page.evaluate('getComputedStyle(document.documentElement).backgroundColor');

export const looking: readonly Scenario[] = [
  inMemory(
    'every view is clean in light and dark, on a desk and on a phone, where nothing scrolls sideways',
    async ({ yard, visitors, pictures }) => {
      const ids = await furnish(yard);
      for (const theme of ['light', 'dark'] as const) {
        for (const size of [{ width: 1280, height: 860 }, PHONE]) {
          const visit = await visitors.visit(yard, { theme, ...size });
          const where = `${theme} ${size.width}`;
          await eachView(visit, ids, async (name) => {
            await visit.audit(`${name}, ${where}`);
            expectEqual(await overflow(visit.page), 0, `${name}, ${where}: pixels beyond the window`);
            const picture = PICTURES[`${name} ${where}`];
            if (pictures !== null && picture !== undefined) {
              await visit.page.evaluate('scrollTo(0, 0), document.activeElement?.blur()');
              await visit.page.screenshot({ path: join(pictures, picture) });
            }
          });
          await visitors.leave();
        }
      }
    },
    { slowMs: 60 },
  ),
  inMemory('the page is dark where the system is, and as it was chosen to be', async ({ yard, visitors }) => {
    const { page } = await visitors.visit(yard, { theme: 'dark' });
    await page.goto('/');
    await page.getByRole('heading', { level: 1, name: 'Projects' }).waitFor();
    const dark = await background(page);
    await button(page, 'System theme').click();
    const light = await background(page);
    expect(dark !== light, `light and dark are both ${light}`);
    await page.reload();
    await button(page, 'Light theme').waitFor();
    expectEqual(await background(page), light, 'the choice after a reload');
    await button(page, 'Light theme').click();
    expectEqual(await background(page), dark, 'dark by choice');
  }),
  inMemory(
    'the history has each with its verdict and how long it took, page after page',
    async ({ yard, visitors }) => {
      const { deployer } = yard.host();
      yard.push('shop', 'v1', { listensAfterMs: 300 });
      const first = (await deployer.deploy({ project: 'shop', stage: 'dev', tag: 'v1', by: 'Ada' }))._unsafeUnwrap();
      for (let count = 0; count < 20; count += 1) await deployer.deploy({ project: 'shop', stage: 'dev', tag: 'v1' });
      const { page, audit } = await visitors.visit(yard);
      let pages = 0;
      page.on('request', (request) => {
        if (request.url().includes('/v1/deployments?project=')) pages += 1;
      });
      await openStage(page, 'shop', 'dev');
      const rows = region(page, 'History').getByRole('listitem');
      await rows.nth(14).waitFor();
      expectEqual(await rows.count(), 15, 'rows of the first page');
      await button(page, 'Show older ones').click();
      await rows.nth(20).waitFor();
      expectEqual(await rows.count(), 21, 'rows of both');
      expectEqual(await button(page, 'Show older ones').count(), 0, 'ways to see more where there is no more');
      const last = rows.nth(20);
      await last.getByText('Succeeded').waitFor();
      await last.getByText('by Ada').waitFor();
      await last.getByText(`${first.durationMs} ms`).waitFor();
      await rows.first().getByText('Unchanged').waitFor();
      await audit('history');
      expectEqual(pages, 2, 'pages that were asked for');
    },
  ),
];

const PICTURES: Readonly<Record<string, string>> = {
  'overview light 1280': 'platform-overview.png',
  'stage light 1280': 'platform-stage.png',
  'deployment dark 1280': 'platform-deployment-dark.png',
  'failed light 1280': 'platform-failed.png',
  'stage dark 360': 'platform-phone-dark.png',
};
