/** What people do on the page, by the names that a screen reader has for things. */
import type { Locator, Page } from 'playwright-core';

export const button = (page: Page | Locator, name: string | RegExp): Locator =>
  page.getByRole('button', { name, exact: typeof name === 'string' });
export const region = (page: Page, name: string): Locator => page.getByRole('region', { name, exact: true });
export const dialog = (page: Page): Locator => page.getByRole('dialog');

export async function openStage(page: Page, project: string, stage: string): Promise<void> {
  await page.goto(`/p/${project}/${stage}`);
  await page.getByRole('heading', { level: 1, name: `${project} / ${stage}` }).waitFor();
}

/** From the stage's page to the plan. */
export async function plan(page: Page, tag: string): Promise<Locator> {
  await page.getByRole('combobox', { name: 'Tag' }).fill(tag);
  await page.keyboard.press('Escape');
  await button(page, 'Show the plan').click();
  const shown = region(page, 'Plan');
  await shown.waitFor();
  return shown;
}

/** From the stage's page to the deployment's. */
export async function deploy(page: Page, project: string, stage: string, tag: string): Promise<void> {
  await plan(page, tag);
  await button(page, `Deploy ${tag} to ${project} ${stage}`).click();
  await page.waitForURL('**/d/*');
}

/** On a deployment's page. */
export const status = (page: Page, text: string): Promise<void> =>
  page.locator('main .facts .status', { hasText: text }).waitFor();

/** One tag after the other, each to its success. */
export async function deployEach(page: Page, project: string, stage: string, tags: readonly string[]): Promise<void> {
  for (const tag of tags) {
    await openStage(page, project, stage);
    await deploy(page, project, stage, tag);
    await status(page, 'Succeeded');
  }
}
