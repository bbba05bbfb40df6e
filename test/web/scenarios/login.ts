import { button } from '../support/acts.js';
import { expect, expectEqual, inMemory, type Scenario } from '../support/scenario.js';

export const login: readonly Scenario[] = [
  inMemory(
    'a wrong token is refused, the right one is let in, and no script can read the cookie',
    async ({ yard, visitors }) => {
      const { page, context, audit } = await visitors.visit(yard, { signedIn: false });
      await page.goto('/p/shop/dev');
      await page.getByLabel('Host token').fill('not the token of this host');
      await audit('login');
      await button(page, 'Sign in').click();
      await page.getByRole('alert').getByText('That is not the token of this host.').waitFor();
      await audit('login refused');
      expectEqual((await context.cookies()).length, 0, 'cookies after a wrong token');
      await page.getByLabel('Host token').fill(yard.token);
      await page.getByLabel('Your name').fill('Grace');
      await page.keyboard.press('Enter');
      // Where they wanted to go.
      await page.getByRole('heading', { level: 1, name: 'shop / dev' }).waitFor();
      const [cookie] = await context.cookies();
      expectEqual([cookie?.httpOnly, cookie?.sameSite], [true, 'Strict'], 'the cookie');
      expect(!JSON.stringify(cookie).includes(yard.token), 'the cookie does not hold the token');
      expectEqual(await page.evaluate('document.cookie + JSON.stringify(localStorage)'), '{}', 'what scripts can read');
    },
  ),
  inMemory('a session that has ended leads to signing in, and back to where one was', async ({ yard, visitors }) => {
    const { page, context } = await visitors.visit(yard);
    await page.goto('/p/shop/dev');
    await page.locator('header').getByText('Live').waitFor();
    await context.clearCookies();
    // The stream breaks off, and is refused when it comes back.
    await yard.stop();
    await yard.start();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor({ timeout: 15_000 });
    await page.getByLabel('Host token').fill(yard.token);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'shop / dev' }).waitFor();
  }),
  inMemory('signing out ends it, and what the page knew is gone', async ({ yard, visitors }) => {
    yard.push('shop', 'v1');
    const { page, context } = await visitors.visit(yard);
    await page.goto('/');
    await page.getByRole('heading', { name: 'shop', exact: true }).waitFor();
    await button(page, 'Sign out').click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expectEqual((await context.request.get('/v1/projects')).status(), 401, 'the API afterwards');
  }),
];
