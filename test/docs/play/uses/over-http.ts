/** Pages about what is mounted in a server: it is asked over a real socket. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { apiHandler } from '@quayside/api-adapter';
import type { memoryRegistry } from '@quayside/core/testing';
import { triggers } from '@quayside/trigger-adapter';
import type { Site } from '../site.js';
import type { Exports, Uses } from '../use.js';
import { eventually, KEY } from './hosts.js';

const SHOP = 'registry.example.com/shop';
const TOKEN = { API_TOKEN: 'correct-horse' };
const bearer = { headers: { authorization: `Bearer ${TOKEN.API_TOKEN}` } };

const UNSIGNED = {
  method: 'POST',
  body: '{}',
  headers: { 'content-type': 'application/json', 'x-github-event': 'registry_package' },
};

/** Somebody with the token may, nobody else. */
async function isGuarded(ask: (init?: RequestInit) => Promise<Response>): Promise<void> {
  assert.equal((await ask()).status, 401);
  const answer = await ask(bearer);
  assert.equal(answer.status, 200, await answer.text());
}

const withDeployer = { env: TOKEN, given: async (site: Site) => ({ deployer: await site.deployer() }) };
const withApi = async (site: Site): Promise<Exports> => {
  const deployer = await site.deployer();
  const authorize = (request: Request) =>
    request.headers.get('authorization') === bearer.headers.authorization ? { by: 'ci' } : ('unauthenticated' as const);
  return { api: apiHandler({ deployer, authorize })._unsafeUnwrap() };
};

type Handler = (request: never, response: never, next: () => void) => void;

export const OVER_HTTP: Uses = {
  'docs/api.md#the-http-api': {
    ...withDeployer,
    async shows({ api }, site) {
      await isGuarded((init) => api.fetch(new Request('http://ops.test/v1/projects', init)));
      site.push(`${SHOP}:v1`);
      const tags = await api.fetch(new Request('http://ops.test/v1/projects/shop/tags', bearer));
      assert.match(await tags.text(), /"v1"/);
      await api.close();
    },
  },
  'docs/api.md#mounting': {
    given: withApi,
    shows: async (_exports, site) => {
      const at = await site.address();
      await isGuarded((init) => fetch(`${at}/v1/instances`, init));
    },
  },
  'docs/api.md#mounting-2': {
    given: withApi,
    shows: ({ app }) => isGuarded((init) => app.request('/v1/instances', init)),
  },
  'docs/api.md#mounting-3': {
    async given(site) {
      const app = {
        use(handler: Handler) {
          const gone = (_: unknown, response: { writeHead(status: number): { end(): void } }) => () =>
            response.writeHead(404).end();
          createServer((request, response) => {
            handler(request as never, response as never, gone(request, response));
          }).listen(3000);
        },
      };
      return { ...(await withApi(site)), app };
    },
    async shows(_exports, site) {
      const at = await site.address();
      await isGuarded((init) => fetch(`${at}/v1/instances`, init));
      assert.equal((await fetch(`${at}/elsewhere`)).status, 404);
    },
  },
  'docs/api.md#who-may-do-what': {
    given: () => ({
      sessionOf: async (cookie: string | null) => (cookie === 'ada' ? { user: 'ada', projects: ['shop'] } : undefined),
    }),
    async shows({ authorize }, site) {
      const deployer = await site.deployer();
      const api = apiHandler({ deployer, authorize })._unsafeUnwrap();
      const status = async (path: string, cookie: string, init: RequestInit = {}) =>
        (await api.fetch(new Request(`http://ops.test/v1${path}`, { ...init, headers: { cookie } }))).status;
      assert.equal(await status('/deployments', 'eve'), 401);
      assert.equal(await status('/deployments', 'ada'), 200);
      assert.equal(await status('/projects/other/stages/dev', 'ada', { method: 'DELETE' }), 403);
      assert.notEqual(await status('/projects/shop/stages/dev', 'ada', { method: 'DELETE' }), 403);
      await api.close();
    },
  },
  'docs/api.md#streams': {
    given() {
      return {
        EventSource: class extends EventTarget {
          constructor(readonly url: string) {
            super();
            setTimeout(() => {
              const data = JSON.stringify({ message: 'Started.' });
              this.dispatchEvent(Object.assign(new Event('log'), { data }));
              this.dispatchEvent(new Event('end'));
            });
          }
          close() {
            console.log(`closed ${this.url}`);
          }
        },
      };
    },
    async shows(_exports, { printed }) {
      await eventually('it was closed', () => printed.length > 1);
      const at = '/v1/deployments/01k3v9x2m7q4ab8cde/log?follow=1';
      assert.deepEqual(printed, ['Started.\n', `closed ${at}\n`]);
    },
  },
  'packages/api-adapter/README.md#quaysideapi-adapter': {
    ...withDeployer,
    shows: ({ default: server }) =>
      isGuarded((init) => server.fetch(new Request('http://ops.test/v1/instances', init))),
  },
  'docs/telemetry.md#metrics-and-traces': {
    async shows({ start }, site) {
      const { store: _store, ...options } = site.options();
      await start(options);
      const metrics = await (await fetch(await site.address())).text();
      assert.match(metrics, /^quayside_state_up 1$/m);
    },
  },
  'packages/telemetry-adapter/README.md#quaysidetelemetry-adapter': {
    async shows({ observed }, site) {
      const { metrics } = await observed(site.options());
      const answer = await metrics(new Request('http://ops.test/metrics'));
      assert.match(await answer.text(), /^quayside_state_up 1$/m);
    },
  },
  'docs/triggers.md#triggers': {
    env: { GHCR_HOOK_SECRET: 'correct-horse-battery' },
    async shows({ serve }, site) {
      const { store: _store, registry: _registry, projects: _projects, ...ports } = site.options();
      const { hooks } = await serve(ports);

      const answer = await fetch(`${await site.address()}/hooks/ghcr`, UNSIGNED);
      assert.equal(answer.status, 401);
      await hooks.close();
    },
  },
  'docs/triggers.md#anything-that-can-sign': {
    async shows({ announce }, site) {
      site.push(`${SHOP}:v1.4.2`);
      const [deployer, { store, registry }] = [await site.deployer(), site.options()];
      const secret = `whsec_${KEY}`;
      const hooks = triggers({
        deployer,
        registry: registry as ReturnType<typeof memoryRegistry>,
        store: store as never,
        watch: [{ project: 'shop', stage: 'dev', image: SHOP, tags: { semver: '*' } }],
        sources: { ci: { kind: 'signed', secret } },
      })._unsafeUnwrap();
      createServer(getRequestListener(hooks.fetch)).listen(8080);
      const at = await site.address();
      const status = await announce(`${at}/hooks/ci`, secret);
      assert.ok(status >= 200 && status < 300, `it was answered ${status}`);
      const other = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
      assert.equal(await announce(`${at}/hooks/ci`, other), 401);
      await hooks.close();
    },
  },
  'packages/trigger-adapter/README.md#quaysidetrigger-adapter': {
    env: { HOOK_SECRET: 'correct-horse-battery' },
    async shows({ hooksOf }, site) {
      const { registry, store } = site.options();
      const hooks = hooksOf(await site.deployer(), registry, store)._unsafeUnwrap();
      const answer = await hooks.fetch(new Request('http://ops.test/hooks/ghcr', UNSIGNED));
      assert.equal(answer.status, 401);
      await hooks.close();
    },
  },
};
