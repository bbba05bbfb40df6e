import { openStage, region, status } from '../support/acts.js';
import { expectEqual, inMemory, type Scenario } from '../support/scenario.js';

const MARKUP = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>';
/** Names are what a person would write in one line, and no more is asked of them: markup is such a line. */
const PROJECT = '<b>shop</b>&"\'';

export const hostile: readonly Scenario[] = [
  inMemory(
    'names, log lines, reasons and errors that are markup are shown as they are, and nothing of them runs',
    async ({ yard, visitors }) => {
      const { deployer } = yard.host();
      yard.push('evil', 'v1', { lines: [MARKUP] });
      yard.push('evil', 'v2', { lines: [MARKUP], exitsAfterMs: 100, exitCode: 1, listensAfterMs: null });
      const stage = { project: PROJECT, stage: 'dev' };
      const good = (await deployer.deploy({ ...stage, tag: 'v1', by: MARKUP }))._unsafeUnwrap();
      const failed = (await deployer.submit({ ...stage, tag: 'v2', by: MARKUP }))._unsafeUnwrap();
      await failed.result;
      const { page, context } = await visitors.visit(yard, { name: MARKUP });
      const requests: string[] = [];
      context.on('request', (request) => requests.push(request.url()));
      const innocent = async (view: string) => {
        expectEqual(
          await page.locator('img, main b, body script:not([src])').count(),
          0,
          `elements of a name in ${view}`,
        );
        expectEqual((await page.title()).includes('owned'), false, `a script has run in ${view}`);
      };
      await page.goto('/');
      await page.getByRole('heading', { level: 2, name: PROJECT }).waitFor();
      await region(page, 'Recent deployments').getByText(MARKUP.slice(0, 40)).first().waitFor();
      await innocent('the overview');
      await page.getByRole('link', { name: /^dev/ }).click();
      await page.getByRole('heading', { level: 1, name: `${PROJECT} / dev` }).waitFor();
      await innocent('the stage');
      await page.goto(`/d/${failed.id}`);
      await status(page, 'Failed');
      await page.locator('.failure pre').getByText(MARKUP).waitFor();
      await innocent('the failed deployment');
      await page.goto(`/i/${good.id}`);
      await page.getByRole('log', { name: 'Output' }).getByText(MARKUP).waitFor();
      await innocent('the output');
      for (const url of requests) expectEqual(new URL(url).origin, yard.url, 'where requests go');
    },
    { projects: { [PROJECT]: { image: 'registry.example.com/evil', port: 3000, stages: { dev: {} } } } },
  ),
  inMemory('addresses that are no addresses of the page do no harm', async ({ yard, visitors }) => {
    const { page, context, audit } = await visitors.visit(yard);
    for (const path of [
      '/p/%3Cimg%20src%3Dx%3E/dev',
      '/d/..%2f..%2fetc%2fpasswd',
      '/i/%00',
      '/p/%E0%A4%A/dev',
      '/%2e%2e/%2e%2e/etc/passwd',
    ]) {
      const answer = await context.request.get(path);
      expectEqual((await answer.text()).includes('root:'), false, `${path} leads to a file`);
      await page.goto(path).catch(() => {});
      expectEqual(await page.locator('img').count(), 0, `elements of ${path}`);
    }
    await openStage(page, 'shop', 'no-such-stage');
    await region(page, 'Instances').getByText('Nothing runs here yet.').waitFor();
    await page.goto('/d/01aaaaaaaaaaaaaaaa');
    await page.getByRole('alert').waitFor();
    await audit('unknown deployment');
  }),
];
