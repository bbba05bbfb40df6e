/** Blocks of data and of calls: what they name is there. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ok } from 'neverthrow';
import type { Uses } from '../use.js';
import { KEY } from './hosts.js';

export const TYPED: Uses = {
  'json:packages/cli/README.md#configuration': {
    env: { NPM_SECRET: 'secret', HOOK_URL: 'https://ops.example.com/hooks/quayside', QUAYSIDE_KEY: KEY },
  },
  'json:docs/guides/plugins.md#adapters-for-a-configuration-in-json': {
    given: (site) => ({ traefik: () => ok(site.proxy) }),
    before({ folder }) {
      const there = join(folder, 'node_modules/@acme/quayside-traefik');
      mkdirSync(there, { recursive: true });
      writeFileSync(
        join(there, 'package.json'),
        '{ "name": "@acme/quayside-traefik", "type": "module", "main": "i.js" }',
      );
      const adapters = '{ proxy: { traefik: (options) => globalThis.traefik(options) } }';
      const plugin = `{ name: 'traefik', version: '1.0.0', after: [], adapters: ${adapters}, setup() {} }`;
      writeFileSync(join(there, 'i.js'), `export default ${plugin};\n`);
    },
  },
  'sh:docs/api.md#routes': { env: { API_TOKEN: 'correct-horse' } },
  'sh:docs/platform.md#how-it-is-made': { env: { QUAYSIDE_TOKEN: 'correct-horse' } },
};
