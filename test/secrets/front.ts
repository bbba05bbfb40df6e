/**
 * What a host mounts around its deployer, as the example platform does it: the API, webhooks, signing in and the page, over a real socket, and
 * telemetry beside them. Then everything that a visitor, a script, a registry and a scraper could be told of it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { apiHandler } from '@quayside/api-adapter';
import { type Deployer, type DeployerOptions, unwrap } from '@quayside/core';
import type { Registry, Store } from '@quayside/core/ports';
import { telemetry } from '@quayside/telemetry-adapter';
import { triggers } from '@quayside/trigger-adapter';
import type { Result } from 'neverthrow';
import { platformApp } from '../../examples/platform/server/app.js';
import { listen } from '../../examples/platform/server/listen.js';
import { openPage, type Page } from '../../examples/platform/server/page.js';
import { sessions } from '../../examples/platform/server/sessions.js';
import { routes } from '../../packages/api-adapter/src/routes/index.js';
import { IMAGE, type Site } from './site.js';
import { looked, type Seen, type Surface } from './surfaces.js';
import { deliveries } from './webhooks.js';

/** How long a stream is read that has no end. */
const STREAM_MS = 150;
const LIMIT_MS = 3_000;

/** The page, built for this run alone: another one may be building it at the same time. */
export async function builtPage(): Promise<Page> {
  const platform = fileURLToPath(new URL('../../examples/platform/', import.meta.url));
  const folder = await mkdtemp(join(tmpdir(), 'quayside-page-'));
  try {
    const { build } = await import('vite');
    await build({
      root: `${platform}web`,
      configFile: `${platform}vite.config.ts`,
      logLevel: 'error',
      build: { outDir: folder, emptyOutDir: true },
    });
    return openPage(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** For a short run: the page as it is before it is built, from the same server. */
export const plainPage = (): Page => openPage(fileURLToPath(new URL('../../examples/platform/web/', import.meta.url)));

export interface Front extends AsyncDisposable {
  /** Asks for everything that there is to be read. */
  look(): Promise<void>;
  /** Makes calls that fail: by what is wrong with them, and by what the ports say. */
  fail(): Promise<void>;
}

export async function openFront(
  deployer: Deployer,
  options: DeployerOptions,
  site: Site,
  page: Page,
  seen: Seen,
): Promise<Front> {
  const { canaries, isOpen } = site;
  const store = portOf<Store>(options.store);
  const registry = portOf<Registry>(options.registry ?? site.faults.registry.port);
  const projects = typeof options.projects === 'function' ? {} : options.projects;
  const told = (what: unknown) => seen.add('what the host is told', looked(what));

  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const metrics = unwrap(
    telemetry({
      store,
      tracer: provider.getTracer('canaries'),
      stateEvery: 0,
      stateTimeout: 500,
      ...(isOpen ? { stageLabel: () => canaries.written.value } : {}),
    }),
  );
  metrics.observe(deployer);

  const known = sessions(canaries.host.value);
  const api = unwrap(
    apiHandler({
      deployer,
      projects,
      registry,
      authorize: (request) => known.visitorOf(request) ?? null,
      reauthorize: '50ms',
      heartbeat: '60ms',
      answerTimeout: '2s',
      onError: told,
    }),
  );
  const hooks = unwrap(
    triggers({
      deployer,
      registry,
      store,
      gather: 0,
      watch: [{ project: 'shop', stage: 'dev', image: IMAGE, tags: { glob: '*' }, poll: false }],
      sources: {
        hub: { kind: 'quay', secret: canaries.path.value, registry: 'registry.test' },
        ci: { kind: 'signed', secret: canaries.sender.value },
      },
      onReport: (report) => seen.add('webhooks', looked(report)),
    }),
  );
  const app = platformApp({ api, hooks, sessions: known, page, visit: 'http://{domain}', onError: told });
  const listening = await listen(app.fetch, { host: '127.0.0.1', port: 0 });
  const token = { authorization: `Bearer ${canaries.host.value}` };

  /** As a script calls it, past the socket. */
  const byScript = (path: string, init: RequestInit = {}) =>
    api.fetch(
      new Request(`http://host.test${path}`, {
        ...init,
        headers: { ...token, ...(init.body ? { 'content-type': 'application/json' } : {}), ...init.headers },
      }),
    );
  const add = async (surface: Surface, answered: Promise<Response>) => seen.add(surface, await wholeOf(await answered));

  return {
    async look() {
      seen.add('metrics', await metrics.metrics());
      seen.add('spans', looked(exporter.getFinishedSpans().map(spanOf)));
      const ids = await idsOf(deployer);
      const paths = reading(ids);
      const cookie = await signIn(listening.url, site, seen);
      const byBrowser = (path: string, accept: string) =>
        fetch(`${listening.url}${path}`, { headers: { cookie, accept, 'sec-fetch-site': 'same-origin' } });
      await add('web page', byBrowser('/', 'text/html'));
      await add('web page', byBrowser('/deployments/x', 'text/html'));
      await Promise.all(
        paths.flatMap(({ path, isStream }) => [
          add('API', byScript(path, { headers: { accept: 'application/json' } })),
          add('web page', byBrowser(path, 'application/json')),
          ...(isStream
            ? [
                add('API streams', byScript(`${path}${path.includes('?') ? '&' : '?'}follow=1`)),
                add('web page', byBrowser(path, 'text/event-stream')),
              ]
            : []),
        ]),
      );
    },

    async fail() {
      const { faults } = site;
      const fault = (error: unknown) => ({ kind: 'fail-before', error }) as never;
      // What a registry was never told it cannot repeat, whoever asks it.
      faults.registry.clear();
      faults.registry.inject('tags', fault(site.refusalOfRegistry('registry-unreachable')), 1_000);
      faults.registry.inject('resolve', fault(site.refusalOfRegistry('registry-denied')), 1_000);
      faults.runtime.inject('logs', fault(site.refusalNow('engine-refused')), 1_000);
      const ids = await idsOf(deployer);
      for (const { method, path, ...init } of failing(site, ids))
        await add('API problems', byScript(path, { method, ...init }));
      const streams = reading(ids).filter(({ isStream }) => isStream);
      await Promise.all(
        streams.map(({ path }) => add('API problems', byScript(path, { headers: { accept: 'text/event-stream' } }))),
      );
      for (const delivery of deliveries(site)) {
        const response = await fetch(`${listening.url}${delivery.path}`, { method: 'POST', ...delivery });
        seen.add('webhooks', await wholeOf(response));
      }
      await hooks.idle({ signal: AbortSignal.timeout(250) });
    },

    async [Symbol.asyncDispose]() {
      await hooks.close({ timeoutMs: 200 });
      await Promise.all([api.close(), listening.close(100)]);
      metrics.close();
      await provider.shutdown();
    },
  };
}

const portOf = <Port extends object>(port: Port | Result<Port, unknown>): Port =>
  'isErr' in port ? port._unsafeUnwrap() : port;

interface Ids {
  readonly deployments: readonly string[];
  readonly instances: readonly string[];
}

async function idsOf(deployer: Deployer): Promise<Ids> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const ids = <T extends { readonly id: string }>(page: { readonly items: readonly T[] }) =>
    page.items.map(({ id }) => id);
  const deployments = await deployer.deployments.list({ signal });
  const instances = await deployer.instances.list({ signal });
  return {
    deployments: deployments.map(ids).unwrapOr([]),
    instances: instances.map(ids).unwrapOr([]),
  };
}

/** Everything that the API's own table has to be read, whatever that will be. */
function reading({ deployments, instances }: Ids) {
  return routes
    .filter(({ method }) => method === 'GET')
    .flatMap(({ path, answers }) => {
      const named = path.replace('{project}', 'shop').replace('{stage}', 'dev');
      const ids = path.startsWith('/instances') ? instances : deployments;
      const each = path.includes('{id}') ? ids.map((id) => named.replace('{id}', id)) : [named];
      const isEvents = path === '/events';
      return each.map((at) => ({
        path: `/v1${at}${isEvents ? '?after=0' : ''}`,
        isStream: answers.stream !== undefined,
      }));
    });
}

interface Failing {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly headers?: Record<string, string>;
}

/** Secrets in the wrong places of a request, and requests that fail of what somebody else says. */
function failing({ canaries, request }: Site, { deployments, instances }: Ids): readonly Failing[] {
  const { override } = canaries;
  const asked = request('v3');
  const posts = (path: string, body: unknown): Failing => ({ method: 'POST', path, body: JSON.stringify(body) });
  const bodies = [
    { ...asked, env: { A: `${override.value}\0` } },
    { ...asked, env: { 'A B': override.value } },
    { ...asked, env: override.value },
    { ...asked, env: [override.value] },
    { ...asked, env: { A: { secret: override.value } } },
    { ...asked, stage: 'nowhere' },
    { ...asked, project: 'shopp' },
    { ...asked, more: override.value },
  ];
  return [
    ...bodies.flatMap((body) => [posts('/v1/plan', body), posts('/v1/deployments', body)]),
    posts('/v1/plan', asked),
    posts('/v1/plan', `${JSON.stringify({ ...asked, env: { A: override.value } })}}`),
    { method: 'POST', path: '/v1/plan', body: `{"env":{"A":${JSON.stringify(override.value)}` },
    { ...posts('/v1/plan', asked), headers: { 'content-type': 'text/plain' } },
    { ...posts('/v1/plan', asked), headers: { authorization: `Bearer ${canaries.host.value}x` } },
    { ...posts('/v1/plan', asked), headers: { 'sec-fetch-site': 'cross-site' } },
    posts('/v1/rollbacks', { project: 'shop', stage: 'dev', to: 'v9', env: { A: override.value } }),
    posts('/v1/rollbacks', { project: 'shop', stage: 'dev', to: 'v9' }),
    ...deployments.slice(0, 2).map((id) => posts(`/v1/deployments/${id}/cancel`, { reason: 'late' })),
    ...instances.map((id) => ({ method: 'GET', path: `/v1/instances/${id}/log` })),
    ...instances.slice(0, 1).flatMap((id) => [
      { method: 'PUT', path: `/v1/instances/${id}/pin` },
      { method: 'DELETE', path: `/v1/instances/${id}` },
    ]),
    { method: 'GET', path: '/v1/projects/shop/tags' },
    { method: 'GET', path: '/v1/nothing' },
    { method: 'PATCH', path: '/v1/deployments' },
  ];
}

/** A session as a browser opens it; what it is told on the way is the page's, too. */
async function signIn(url: string, { canaries }: Site, seen: Seen): Promise<string> {
  const post = (token: string) =>
    fetch(`${url}/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: url },
      body: JSON.stringify({ token, name: 'Ada' }),
    });
  const [refused, opened] = [await post(`${canaries.host.value}x`), await post(canaries.host.value)];
  seen.add('web page', await wholeOf(refused), await wholeOf(opened));
  const cookie = opened.headers.get('set-cookie')?.split(';')[0] ?? '';
  seen.add('web page', await wholeOf(await fetch(`${url}/session`, { headers: { cookie } })));
  return cookie;
}

/** Status, headers and body; of a stream what comes within a while. */
async function wholeOf(response: Response): Promise<string> {
  const head = `${response.status} ${JSON.stringify([...response.headers])}`;
  if (!response.body) return head;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const isStream = response.headers.get('content-type') === 'text/event-stream';
  const stop = setTimeout(() => void reader.cancel().catch(() => {}), isStream ? STREAM_MS : LIMIT_MS);
  let text = '';
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read())
      text += decoder.decode(part.value, { stream: true });
  } catch {
    // Cut off: what came counts.
  } finally {
    clearTimeout(stop);
  }
  return `${head}\n${text}`;
}

/** All that an exporter would send. */
const spanOf = (span: ReturnType<InMemorySpanExporter['getFinishedSpans']>[number]) => ({
  name: span.name,
  attributes: span.attributes,
  status: span.status,
  events: span.events,
  links: span.links,
  resource: span.resource.attributes,
});
