/** Pages for those who embed: a deployer is made as the page makes it, and deploys. */
import assert from 'node:assert/strict';
import type { Deployer, DeployerOptions } from '@quayside/core';
import type { Site } from '../site.js';
import type { Uses } from '../use.js';

const SHOP = 'registry.example.com/shop';
export const KEY = Buffer.alloc(32, 7).toString('base64');

/** What a page's configuration has to be good for. */
export async function deploys(site: Site, deployer: Deployer | undefined, stage = 'dev'): Promise<void> {
  assert.ok(deployer, 'it has made no deployer');
  site.push(`${SHOP}:v1`);
  const ended = await deployer.deploy({ project: 'shop', stage, tag: 'v1' });
  if (ended.isErr()) throw new Error(`${ended.error.message} ${ended.error.hint}`);
  assert.equal(ended.value.status, 'succeeded');
}

export async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (let waitedMs = 0; !holds(); waitedMs += 20) {
    if (waitedMs > 5_000) throw new Error(`Not within 5 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export const HOSTS: Uses = {
  'README.md#quayside': {
    async env(site) {
      const { url } = await site.receiver();
      return { NPM_SECRET: 'secret', HOOK_URL: url, HOOK_SECRET: `whsec_${KEY}`, SEAL_KEY: KEY };
    },
    before: (site) => site.push(`${SHOP}:v1.4.2`),
    shows(_exports, { printed }) {
      const domains = ['stage-dev-shop.apps.example.com', 'shop.example.com', 'stage-dev-shop-v1-4-2.apps.example.com'];
      assert.ok(printed.includes(`v1.4.2 is live on ${domains.join(', ')}\n`), printed.join(''));
      assert.ok(printed.some((line) => /^health Healthy/.test(line)));
    },
  },
  'README.md#try-it': {
    argv: ['registry.example.com/shop', 'v1', '80'],
    before: (site) => site.push(`${SHOP}:v1`),
    async shows(_exports, { printed, engine }) {
      assert.equal(printed.at(-1), 'succeeded: http://stage-dev-web.apps.localhost:8080\n');
      assert.equal(engine.containers.size, 1);
      process.emit('SIGINT');
      await eventually('its container is gone', () => engine.containers.size === 0);
    },
  },
  'README.md#the-command': {
    async shows({ default: options }, site) {
      await deploys(site, await site.deployer(options));
    },
  },
  'packages/cli/README.md#configuration': {
    async shows({ default: options }, site) {
      await deploys(site, await site.deployer(options), 'pr-7');
    },
  },
  'docs/configuration.md#stages': {
    async shows(_exports, site) {
      const [deployer] = site.deployers;
      await deploys(site, deployer);
      const planned = await deployer?.plan({ project: 'shop', stage: 'prod', tag: 'v1' });
      assert.ok(planned?.isOk(), JSON.stringify(planned));
      assert.deepEqual(
        planned.value.domains.filter(({ kind }) => kind === 'custom').map(({ domain }) => domain),
        ['shop.example.com'],
      );
    },
  },
  'docs/configuration.md#progressive-cutover': {
    async shows({ dev }, site) {
      const { projects } = { projects: { shop: { image: SHOP, stages: { dev } } } };
      await site.deployer({ projects, proxy: weighing(site) });
    },
  },
  'docs/errors.md#errors': {
    async shows({ deploy, deployOrThrow }, site) {
      const deployer = await site.deployer();
      assert.match(await deploy(deployer), /v1\.4\.2/);
      assert.notEqual(await deployOrThrow(deployer), 'succeeded');
      site.push(`${SHOP}:v1.4.2`);
      assert.equal(await deploy(deployer), 'succeeded');
      assert.equal(await deployOrThrow(deployer), 'unchanged');
    },
  },
  'docs/events.md#events': {
    async shows({ listen, tail }, site) {
      const deployer = await site.deployer();
      const off = listen(deployer);
      const tailing = tail(deployer, 0).catch(() => {});
      assert.ok((await deployer.deploy({ project: 'shop', stage: 'dev', tag: 'none' })).isErr());
      assert.ok(site.printed.some((line) => line.startsWith('shop/dev none: ')));
      await eventually('it was told', () => site.printed.some((line) => line.includes('deployment.failed')));
      off();
      await deployer.close();
      await tailing;
    },
  },
  'docs/guides/embed.md#choose-the-parts': {
    env: { SEAL_KEY: KEY },
    shows: ({ deployer }, site) => deploys(site, deployer, 'pr-7'),
  },
  'docs/guides/embed.md#projects-of-your-own': {
    async shows({ projects }, site) {
      const deployer = await site.deployer({ projects });
      await deploys(site, deployer);
      const other = await deployer.deploy({ project: 'other', stage: 'dev', tag: 'v1' });
      assert.equal(other.isErr() && other.error.kind, 'unknown-project');
    },
  },
  'docs/guides/embed.md#take-requests': {
    async shows({ onWebhook }, site) {
      site.push(`${SHOP}:v1`);
      const deployer = await site.deployer();
      const body = { project: 'shop', stage: 'dev', tag: 'v1' };
      const id = await onWebhook(deployer, body, 'delivery-1');
      assert.equal(await onWebhook(deployer, body, 'delivery-1'), id);
      await assert.rejects(onWebhook(deployer, { project: 'shop', stage: 7 }, 'delivery-2'), /stage[\s\S]*tag/);
      assert.ok((await deployer.result(id)).isOk());
    },
  },
  'docs/guides/embed.md#errors-are-values': {
    async shows({ deploy }, site) {
      const quick = { healthcheck: { retries: 0, interval: 100, timeout: 100 } };
      const projects = { shop: { image: SHOP, stages: { dev: { port: 3000, ...quick } } } };
      const deployer = await site.deployer({ projects });
      site.push(`${SHOP}:v1`);
      site.push(`${SHOP}:v2`, { status: 500 });
      assert.equal(await deploy(deployer, 'v1'), 'v1 is live');
      assert.match(await deploy(deployer, 'v2'), /^v2 did not answer: .* What served before still does\.$/);
      assert.match(await deploy(deployer, 'v3'), /v3/);
    },
  },
  'docs/guides/replace-clock-ids-sealer.md#replace-clock-ids-or-sealer': {
    async shows({ deployer }) {
      assert.ok((await deployer).isOk());
    },
  },
  'docs/guides/security.md#secrets': {
    given: () => ({ vault: { read: async (path: string) => `postgres://${path}` } }),
    env: { SESSION_KEY: 'a key of sessions' },
    async shows({ stage }, site) {
      const projects = { shop: { image: SHOP, stages: { dev: stage } } };
      await site.deployer({ projects });
      const asked = { project: 'shop', stage: 'dev', signal: new AbortController().signal };
      assert.equal(await stage.env.DATABASE_URL(asked), 'postgres://shop/dev/database-url');
      // The command of a password manager that is not here: an error that says so, and no empty password.
      await assert.rejects(async () => stage.env.SMTP_PASSWORD(asked), /op/);
    },
  },
  'docs/guides/security.md#changing-the-key': {
    env: { NEW_KEY: KEY, OLD_KEY: Buffer.alloc(32, 8).toString('base64') },
    async shows({ secrets }, site) {
      await deploys(site, await site.deployer({ secrets }));
    },
  },
  'docs/guides/security.md#what-is-shown': {
    async shows({ pager }, site) {
      const notifier = pager('correct-horse-battery');
      assert.deepEqual([...notifier.secrets()], ['correct-horse-battery']);
      await deploys(site, await site.deployer({ notifiers: [notifier] }));
    },
  },
};

const weighing = ({ proxy }: Site): NonNullable<DeployerOptions['proxy']> => ({
  ...proxy,
  capabilities: { ...proxy.capabilities, weights: true, sticky: true },
});
