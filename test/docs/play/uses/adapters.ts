/** Pages of adapters: their options are checked by the adapters themselves, and what can be tried without the real thing is tried. */
import assert from 'node:assert/strict';
import type { Deployer } from '@quayside/core';
import type { Uses } from '../use.js';
import { deploys, KEY } from './hosts.js';

export const ADAPTERS: Uses = {
  'packages/docker-adapter/README.md#quaysidedocker-adapter': {
    shows: (_exports, { factories }) => assert.equal(factories.length, 1),
  },
  'packages/npm-adapter/README.md#quaysidenpm-adapter': {
    env: { NPM_SECRET: 'secret' },
    shows: (_exports, { factories }) => assert.equal(factories.length, 1),
  },
  'packages/sql-adapter/README.md#quaysidesql-adapter': {
    shows: (_exports, { factories }) => assert.equal(factories.length, 1),
  },
  'packages/haproxy-adapter/README.md#quaysidehaproxy-adapter': {
    env: { PROOF_KEY: KEY },
    async shows({ deployerWith }, site) {
      const { proxy: _proxy, ...others } = site.options();
      await deploys(site, (await deployerWith(others)) as Deployer);
    },
  },
  'packages/haproxy-adapter/README.md#quaysidehaproxy-adapter-2': {
    env: { PROOF_KEY: KEY },
    shows(_exports, { printed }) {
      assert.match(printed.join(''), /^frontend [\s\S]*bind :80[\s\S]*\/etc\/haproxy\/certs/m);
    },
  },
  'packages/proxy-adapter/README.md#quaysideproxy-adapter': {
    async shows({ serve }, site) {
      const { proxy: _proxy, ...others } = site.options();
      await deploys(site, await serve(others));
    },
  },
  'packages/proxy-adapter/README.md#tls': {
    given: () => ({ find: async () => undefined }),
    async shows({ proxy, listen }) {
      assert.equal(proxy.hasCertificates, true);
      await listen(proxy);
    },
  },
  'packages/http-adapter/README.md#quaysidehttp-adapter': {
    env: { HOOK_SECRET: `whsec_${KEY}`, SLACK_WEBHOOK: 'https://hooks.slack.com/services/T0/B0/x', GHCR_TOKEN: 'ghp' },
    async shows({ overHttp }, site) {
      const { probe: _probe, registry: _registry, ...options } = site.options();
      await site.deployer({ ...options, ...overHttp });
    },
  },
  'packages/mail-adapter/README.md#quaysidemail-adapter': {
    env: { SMTP_PASSWORD: 'secret' },
    async shows({ byMail }, site) {
      await site.deployer(byMail);
    },
  },
  'docs/notifications.md#notifications': {
    env: {
      SLACK_URL: 'https://hooks.slack.com/services/T0/B0/x',
      DISCORD_URL: 'https://discord.com/api/webhooks/1/x',
      TEAMS_URL: 'https://prod-1.westeurope.logic.azure.com/workflows/x',
      TELEGRAM_TOKEN: '123456:abcdefghijklmnopqrstuvwxyz0123456789',
      NTFY_TOPIC: 'quayside',
      HOOK_URL: 'https://ops.example.com/hooks/quayside',
      HOOK_SECRET: `whsec_${KEY}`,
    },
    async shows({ notifiers }, site) {
      await site.deployer({ notifiers });
    },
  },
  'packages/create-quayside-adapter/README.md#create-quayside-adapter': {
    shows(_exports, { printed, folder }) {
      const [line = ''] = printed;
      assert.match(line, /^\d+ files in /);
      assert.ok(line.includes(folder), line);
    },
  },
};
