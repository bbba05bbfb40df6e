/** How a deployment may end, and who says too much on the way. */
import { join } from 'node:path';
import { fromCommand } from '@quayside/cli';
import { createDeployer, type Deployer, type DeployerOptions, unwrap } from '@quayside/core';
import { dockerRuntime } from '@quayside/docker-adapter';
import { distributionRegistry, webhookNotifier } from '@quayside/http-adapter';
import { nginxProxyManager } from '@quayside/npm-adapter';
import { postgresStore, sqliteStore } from '@quayside/sql-adapter';
import { errAsync } from 'neverthrow';
import { echoDatabase, echoServer } from './receiver.js';
import { COMMAND_VALUE, IMAGE, type Site } from './site.js';

export interface Outcome {
  readonly name: string;
  /** Something beside it that has to be there, and goes with it. */
  readonly beside?: (site: Site) => Promise<AsyncDisposable & { readonly port: number }>;
  /** The host's options, as this outcome needs them. */
  readonly options?: (options: DeployerOptions, site: Site, port: number) => DeployerOptions;
  /** What strikes, once v1 runs. */
  readonly strike?: (site: Site) => void;
  /** Whether v1 is deployed before it; default true. */
  readonly isFirst?: boolean;
  /** Default: v2 is deployed. */
  readonly act?: (deployer: Deployer, site: Site) => unknown;
}

type Port = keyof Site['faults'];
/** Until it is taken back: every call of the method says too much. */
const says = (port: Port, method: string, kind: string, name = `${port}.${method} fails`): Outcome => ({
  name,
  strike: (site) => inject(site, port, method, { kind: 'fail-before', error: site.refusal(kind) }),
});
/** Before the environment is gathered. */
const saysEarly = (port: Port, method: string, kind: string): Outcome => ({
  name: `${port}.${method} fails`,
  strike: (site) => inject(site, port, method, { kind: 'fail-before', error: site.early(kind) }),
});
const throws = (port: Port, method: string): Outcome => ({
  name: `${port}.${method} throws`,
  strike: (site) => inject(site, port, method, { kind: 'throw', thrown: site.thrown() }),
});
const inject = (site: Site, port: Port, method: string, fault: object): void =>
  (site.faults[port].inject as (method: string, fault: object, times: number) => void)(method, fault, 1_000);

/** A tag that behaves so. */
const behaves = (name: string, behaviour: (site: Site) => Parameters<Site['engine']['push']>[1]): Outcome => ({
  name,
  strike: (site) => void site.engine.push(`${IMAGE}:v2`, behaviour(site)),
});

const withEnv = (name: string, env: (site: Site) => NonNullable<DeployerOptions['settings']>['env']): Outcome => ({
  name,
  isFirst: false,
  options: (options, site) => ({ ...options, settings: { ...options.settings, env: env(site) } }) as DeployerOptions,
});

const REPEATS = `
  const value = process.env.${COMMAND_VALUE};
  process.stdout.write(value);
  console.error('no ' + value + ' here');
  process.exit(1);
`;
const leaky = (site: Site) => site.leak.split(' | ');

/** A proxy at this port, with the site's login. */
const behindProxy: NonNullable<Outcome['options']> = (options, site, port) => ({
  ...options,
  proxy: nginxProxyManager({
    url: `http://127.0.0.1:${port}`,
    identity: 'me@example.com',
    secret: site.canaries.proxy.value,
    frontDoor: `http://127.0.0.1:${port}`,
    answerTimeout: 800,
  } as never),
});

export const OUTCOMES: readonly Outcome[] = [
  { name: 'success' },
  behaves('success, and the app prints its environment', (site) => ({ body: 'v2', lines: leaky(site) })),
  { name: 'the same again, unchanged', act: (deployer, site) => deployer.deploy(site.request('v1')) },
  {
    name: 'a roll back',
    async act(deployer, site) {
      await deployer.deploy(site.request('v2'));
      return deployer.rollBack({ project: 'shop', stage: 'dev', to: 'v1' });
    },
  },
  { name: 'a removal', act: (deployer) => deployer.remove({ project: 'shop', stage: 'dev' }) },
  saysEarly('registry', 'resolve', 'registry-denied'),
  saysEarly('runtime', 'describe', 'engine-unreachable'),
  saysEarly('runtime', 'image', 'engine-refused'),
  says('runtime', 'pull', 'registry-denied'),
  says('runtime', 'ensureNetwork', 'engine-refused'),
  says('runtime', 'create', 'engine-refused'),
  says('runtime', 'start', 'start-failed'),
  says('runtime', 'inspect', 'engine-refused'),
  says('proxy', 'get', 'proxy-refused'),
  says('proxy', 'put', 'proxy-denied'),
  says('proxy', 'prove', 'route-unproved'),
  says('probe', 'check', 'probe-failed'),
  {
    name: 'registry.resolve throws',
    strike: (site) => inject(site, 'registry', 'resolve', { kind: 'throw', thrown: site.thrownEarly() }),
  },
  throws('runtime', 'create'),
  throws('runtime', 'start'),
  throws('proxy', 'put'),
  throws('proxy', 'prove'),
  throws('probe', 'check'),
  {
    name: 'runtime.create fails, and removing what it made as well',
    strike(site) {
      inject(site, 'runtime', 'start', { kind: 'fail-after', error: site.refusal('engine-refused') });
      inject(site, 'runtime', 'remove', { kind: 'fail-before', error: site.refusal('engine-refused') });
    },
  },
  {
    name: 'retiring fails after the commit',
    strike(site) {
      inject(site, 'runtime', 'stop', { kind: 'fail-before', error: site.refusal('engine-refused') });
      inject(site, 'runtime', 'remove', { kind: 'throw', thrown: site.thrown() });
    },
    async act(deployer, site) {
      await deployer.deploy(site.request('v2'));
      await deployer.deploy(site.request('v3'));
    },
  },
  behaves('the app prints its environment and exits', (site) => ({
    listensAfterMs: null,
    exitsAfterMs: 5,
    exitCode: 1,
    lines: leaky(site),
  })),
  behaves('the app answers 500 with its environment', (site) => ({
    status: 500,
    body: leaky(site).join('\n').slice(0, 6_000),
    lines: leaky(site),
  })),
  behaves('the app redirects to a place with a login', (site) => ({
    status: 302,
    location: `http://x/?${new URLSearchParams({ token: site.canaries.written.value })}`,
  })),
  behaves('the engine cannot start it, and says with what', (site) => ({ startFails: site.leak })),
  behaves('the app never listens', (site) => ({ listensAfterMs: null, lines: leaky(site) })),
  {
    name: 'a cancel',
    strike: (site) => inject(site, 'probe', 'check', { kind: 'hang' }),
    async act(deployer, site) {
      const handle = await unwrap(deployer.submit(site.request('v2')));
      setTimeout(() => void deployer.cancel(handle.id, { by: 'me', reason: 'wrong version' }), 200);
      return handle.result;
    },
  },
  {
    name: 'an abort, for a reason that says too much',
    strike: (site) => inject(site, 'runtime', 'start', { kind: 'hang' }),
    act(deployer, site) {
      const stop = new AbortController();
      setTimeout(() => stop.abort(site.thrown()), 200);
      return deployer.deploy(site.request('v2'), { signal: stop.signal });
    },
  },
  { name: 'a call that hangs until its limit', strike: (site) => inject(site, 'proxy', 'put', { kind: 'hang' }) },
  withEnv('an env function throws', (site) => ({ PASSWORD: () => Promise.reject(site.thrown()) })),
  withEnv('an env function of all throws', (site) => () => Promise.reject(site.thrown())),
  withEnv('an env function answers nonsense', (site) => ({ PASSWORD: () => ({ [site.leak]: site.leak }) as never })),
  withEnv('an env command fails, and repeats what it printed', () => ({
    PASSWORD: fromCommand([process.execPath, '-e', REPEATS]),
  })),
  {
    name: 'a host whose look-up of projects throws',
    isFirst: false,
    options: (options, site) =>
      ({ ...options, projects: () => Promise.reject(site.thrownOfPorts()) }) as DeployerOptions,
  },
  {
    name: 'a sealer that says what it seals',
    isFirst: false,
    options: (options, site) =>
      ({
        ...options,
        secrets: undefined as never,
        sealer: {
          seal: (value: string) => {
            throw new Error(`cannot seal ${value}`);
          },
          open: () => errAsync(site.refusalOfPorts('secret-unreadable')),
          fingerprint: (text: string) => {
            throw new Error(`cannot hash ${text}`);
          },
        },
      }) as DeployerOptions,
  },
  {
    name: 'a store that says what it was told',
    options(options, site) {
      const store = (options.store as ReturnType<typeof sqliteStore>)._unsafeUnwrap();
      let commits = 0;
      return {
        ...options,
        store: {
          ...store,
          commit(changes, call) {
            if (site.isStruck && ++commits === 3) throw site.thrown();
            return store.commit(changes, call);
          },
        },
      };
    },
    strike: (site) => {
      site.isStruck = true;
    },
  },
  {
    name: 'a listener that throws',
    act(deployer, site) {
      deployer.on('deployment.started', () => {
        throw site.thrown();
      });
      return deployer.deploy(site.request('v2'));
    },
  },
  {
    name: 'a receiver that repeats what it was sent',
    strike(site) {
      site.receiver.repeats = true;
      site.receiver.status = 500;
    },
  },
  {
    name: 'a configuration with secrets in the wrong places',
    isFirst: false,
    options: (options, site) =>
      ({
        ...options,
        runtime: dockerRuntime({ credentials: site.leak } as never),
        proxy: nginxProxyManager({ url: 'no address', identity: 7, secret: [site.leak], frontDoor: 'x' } as never),
        notifiers: [
          webhookNotifier({
            url: `ftp://${site.canaries.webhook.value}`,
            secret: site.canaries.signing.value.slice(6),
            headers: { 'bad header': site.canaries.header.value },
          }),
        ],
        store: postgresStore({ connectionString: `postgres:/me:${site.canaries.database.value}@db/x` }),
        secrets: { keys: [site.canaries.key.value.slice(1)] },
        settings: {
          ...options.settings,
          env: { TOKEN: `${site.canaries.written.value}\0`, 'BAD NAME': site.canaries.marked.value },
        },
      }) as DeployerOptions,
  },
  {
    name: 'a request with secrets in the wrong places',
    act: async (deployer, site) => {
      await deployer.deploy({
        project: 'shop',
        stage: 'dev',
        tag: 'v2',
        env: { A: `${site.canaries.override.value}\0` },
      });
      return deployer.deploy({
        project: 'shop',
        stage: 'dev',
        tag: 'v2',
        env: { 'A B': site.canaries.override.value },
      });
    },
  },
  {
    name: 'a registry that repeats the login',
    isFirst: false,
    beside: () =>
      echoServer(({ headers }, said) =>
        headers.authorization
          ? { status: 403, body: JSON.stringify({ errors: [{ code: 'DENIED', message: said, detail: said }] }) }
          : { status: 401, body: '{}', headers: { 'www-authenticate': 'Basic realm="x"' } },
      ),
    options: (options, site, port) =>
      ({
        ...options,
        registry: distributionRegistry({
          credentials: { [`127.0.0.1:${port}`]: { username: 'me', password: site.canaries.registry.value } },
          attempts: 1,
          timeout: 800,
        }),
        projects: { shop: { image: `127.0.0.1:${port}/shop`, stages: { dev: { port: 3000 } } } },
      }) as DeployerOptions,
  },
  {
    name: 'a proxy that repeats its token',
    isFirst: false,
    beside: (site) =>
      echoServer(({ url = '' }, said) =>
        url.endsWith('/tokens')
          ? { status: 200, body: JSON.stringify({ token: site.canaries.token.value, expires: '2099-01-01T00:00:00Z' }) }
          : {
              status: 400,
              body: JSON.stringify({ error: { code: 400, message: `${said} ${site.canaries.proxy.value}` } }),
            },
      ),
    options: behindProxy,
  },
  {
    name: 'a proxy that does not let us in, and says with what',
    isFirst: false,
    beside: (site) =>
      echoServer((_request, said) => ({
        status: 401,
        body: JSON.stringify({ error: { code: 401, message: `${said} ${site.canaries.proxy.value}` } }),
      })),
    options: behindProxy,
  },
  {
    name: 'an engine that repeats the login at the registry',
    isFirst: false,
    beside: () =>
      echoServer(({ url = '' }, said) => {
        if (url.includes('/info'))
          return {
            status: 200,
            body: JSON.stringify({
              ID: 'canary',
              Name: 'n',
              OSType: 'linux',
              Architecture: 'x86_64',
              LoggingDriver: 'json-file',
            }),
          };
        if (url.includes('/version'))
          return { status: 200, body: JSON.stringify({ ApiVersion: '1.44', Version: '25.0.0' }) };
        if (url.includes('/_ping')) return { status: 200, body: 'OK', headers: { 'api-version': '1.44' } };
        return { status: 500, body: JSON.stringify({ message: said }) };
      }),
    options: (options, site, port) =>
      ({
        ...options,
        runtime: dockerRuntime({
          host: `tcp://127.0.0.1:${port}`,
          network: 'apps',
          answerTimeout: 800,
          credentials: () => ({ username: 'me', password: site.canaries.registry.value }),
        }),
        registry: undefined as never,
      }) as DeployerOptions,
  },
  {
    name: 'a database that repeats the password',
    isFirst: false,
    beside: () => echoDatabase(),
    options: (options, site, port) => ({
      ...options,
      store: postgresStore({
        connectionString: `postgresql://me:${site.canaries.database.value}@127.0.0.1:${port}/x?sslmode=disable`,
        timeout: 800,
      }),
    }),
  },
  {
    name: 'a host that dies, and another one that recovers what it can',
    strike: (site) => inject(site, 'probe', 'check', { kind: 'hang' }),
    async act(_deployer, site) {
      const store = sqliteStore({ path: join(site.folder, 'quayside.db') })._unsafeUnwrap();
      let isDead = false;
      const dying = {
        ...store,
        commit: ((changes, call) =>
          isDead ? new Promise(() => {}) : store.commit(changes, call)) as typeof store.commit,
      };
      const first = await unwrap(createDeployer(site.options((options) => ({ ...options, store: dying }))));
      const handle = await unwrap(first.submit(site.request('v2')));
      await new Promise((resolve) => setTimeout(resolve, 400));
      isDead = true;
      site.faults.probe.clear();
      inject(site, 'runtime', 'remove', { kind: 'fail-before', error: site.refusal('engine-refused') });
      const second = await unwrap(createDeployer(site.options()));
      site.more.push(first, second);
      await second.recover({ signal: AbortSignal.timeout(9_000) });
      return second.result(handle.id, { signal: AbortSignal.timeout(1_000) });
    },
  },
];
