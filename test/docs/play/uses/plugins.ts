/** Pages about plugins: each is given to a deployer, which deploys. */
import assert from 'node:assert/strict';
import type { Deployer } from '@quayside/core';
import { type ApprovalGate, approvalGate } from '@quayside/plugins';
import { ok } from 'neverthrow';
import type { Site } from '../site.js';
import type { Uses } from '../use.js';
import { deploys, eventually, KEY } from './hosts.js';

const SHOP = 'registry.example.com/shop';

async function logOf(deployer: Deployer): Promise<readonly string[]> {
  const newest = (await deployer.deployments.list({ limit: 1 }))._unsafeUnwrap().items[0];
  const lines: string[] = [];
  for await (const { message } of deployer.logs(newest?.id ?? '')) lines.push(message);
  return lines;
}

/** What asks an instance asks the engine in memory. */
const fetchWithin = (site: Site) => async (address: string | URL) => {
  const { hostname, port, pathname } = new URL(address);
  const app = site.engine.connect(hostname, Number(port));
  if (!app) throw new TypeError('fetch failed');
  const { status, body } = app.answer(pathname);
  return new Response(body, { status });
};

export const PLUGINS: Uses = {
  'docs/guides/plugins.md#writing-a-plugin': {
    async shows({ withHours }, site) {
      const deployer = await site.deployer(withHours);
      await deploys(site, deployer);
      assert.ok((await logOf(deployer)).some((line) => /^office-hours: It is \d+ o'clock\.$/.test(line)));
    },
  },
  'docs/guides/plugins.md#writing-a-plugin-2': {
    async shows({ counter }, site) {
      const deployer = await site.deployer({ plugins: [counter] });
      await deploys(site, deployer);
      assert.equal(await (await fetch(await site.address())).text(), '1');
      await deployer.close();
      assert.equal(site.servers[0]?.listening, false);
    },
  },
  'docs/guides/plugins.md#options': {
    given: (site) => ({ fetch: fetchWithin(site) }),
    async shows({ plugins }, site) {
      const deployer = await site.deployer({ plugins });
      await deploys(site, deployer);
      const said = await logOf(deployer);
      for (const path of ['/', '/search']) assert.ok(said.includes(`warm-up: ${path} answered 200.`), said.join('\n'));
    },
  },
  'docs/guides/plugins.md#steps': {
    given: () => {
      const asked = (what: string) => async (about: string) => console.log(what, about);
      return { cdn: { purge: asked('purge'), reserve: asked('reserve'), release: asked('release') } };
    },
    async shows({ reservation }, site) {
      const deployer = await site.deployer({ plugins: [reservation] });
      await deploys(site, deployer, 'prod');
      await eventually('it was purged', () => site.printed.includes('purge shop\n'));
      assert.match(site.printed[0] ?? '', /^reserve \w{18}\n$/);
    },
  },
  'docs/guides/plugins.md#steps-2': {
    async shows({ smokeTest }, site) {
      const deployer = await site.deployer({ plugins: [smokeTest] });
      for (const [tag, exitCode] of [
        ['v1', 0],
        ['v2', 4],
      ] as const)
        site.push(`${SHOP}:${tag}`, { commands: () => ({ exitsAfterMs: 10, exitCode, lines: ['smoke'] }) });
      assert.ok((await deployer.deploy({ project: 'shop', stage: 'dev', tag: 'v1' })).isOk());
      const failed = await deployer.deploy({ project: 'shop', stage: 'dev', tag: 'v2' });
      assert.match(failed.isErr() ? failed.error.message : '', /The smoke test ended with 4\./);
    },
  },
  'docs/guides/plugins.md#adapters-for-a-configuration-in-json': {
    given: (site) => ({ traefik: () => ok(site.proxy) }),
    async shows({ default: plugin }, site) {
      assert.deepEqual(Object.keys(plugin.adapters.proxy), ['traefik']);
      await deploys(site, await site.deployer({ plugins: [plugin] }));
    },
  },
  'packages/plugins/README.md#quaysideplugins': {
    env: { PREVIEW_HOOK: 'https://ops.example.com/hooks/preview', PREVIEW_SECRET: `whsec_${KEY}` },
    async shows({ withPlugins }, site) {
      await site.deployer(withPlugins);
    },
  },
  'packages/plugins/README.md#approvalgate': {
    async given(site) {
      const gate = approvalGate({ stages: ['prod'] })._unsafeUnwrap();
      await site.deployer({ plugins: [gate] });
      return { gate };
    },
    async shows({ answer }, site) {
      const [deployer] = site.deployers;
      assert.ok(deployer);
      const gate = Reflect.get(globalThis, 'gate') as ApprovalGate;
      site.push(`${SHOP}:v1`);
      for (const isFine of [false, true]) {
        const ended = deployer.deploy({ project: 'shop', stage: 'prod', tag: 'v1' });
        let id: string | undefined;
        while (id === undefined) {
          id = (await gate.pending())._unsafeUnwrap()[0]?.deploymentId;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        await answer(id, 'ada', isFine);
        assert.equal((await ended).isOk(), isFine);
      }
      await answer('01k6v1c9q0n2f7abcd', 'ada', true);
      assert.match(site.printed.join(''), /does not wait for an approval/);
    },
  },
};
