/** The host: a deployer with what surrounds it, opened in order, and closed the other way round. */
import { apiHandler } from '@quayside/api-adapter';
import { type AnyError, createDeployer, type Deployer, type DeployerOptions, unwrap } from '@quayside/core';
import type { Registry, Store } from '@quayside/core/ports';
import { type Triggers, triggers } from '@quayside/trigger-adapter';
import { platformApp } from './app.js';
import type { PlatformConfig } from './config.js';
import { type Listening, listen } from './listen.js';
import { openPage } from './page.js';
import { sessions } from './sessions.js';

/** Of a deployer: whatever its configuration does not say. */
export type Ports = Omit<DeployerOptions, 'settings' | 'projects' | 'store' | 'registry'> & {
  readonly store: Store;
  readonly registry: Registry;
};

export interface HostOptions {
  readonly ports: Ports;
  readonly config: PlatformConfig;
  readonly token: string;
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** The folder of the built page. */
  readonly pageFolder: string;
  /** Begins to serve what is deployed, once the deployer has its store; answers where domains are visited. */
  readonly openFront: () => Promise<string>;
  /** Told of what failed, in one line each. */
  readonly report: (line: string) => void;
}

export interface PlatformHost extends AsyncDisposable {
  readonly url: string;
  readonly deployer: Deployer;
  /** Finishes what runs, up to `timeoutMs` (default 60 000); what is deployed goes on without it. Twice is fine. */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}

const ACTED: ReadonlySet<string> = new Set(['submitted', 'failed', 'refused', 'backed-off']);

/** @throws QuaysideError where a port, the configuration or the triggers are wrong */
export async function openHost(options: HostOptions): Promise<PlatformHost> {
  const { ports, config, token, pageFolder, report } = options;
  const page = openPage(pageFolder);
  const opened: (() => Promise<void>)[] = [];
  const closeAll = async () => {
    for (let close = opened.pop(); close; close = opened.pop()) await close();
  };
  let timeoutMs = 60_000;
  const { settings, projects } = config;
  const deployer = await unwrap(createDeployer({ ...ports, projects, ...(settings ? { settings } : {}) }));
  opened.push(() => deployer.close({ timeoutMs }));
  try {
    const visit = await options.openFront();
    const watch = await deployer.watch();
    if (watch.isErr()) report(`Containers are not watched: ${watch.error.message} ${watch.error.hint}`);

    const known = sessions(token);
    const api = unwrap(
      apiHandler({
        deployer,
        projects,
        registry: ports.registry,
        authorize: (request) => known.visitorOf(request) ?? null,
        onError: (error, { method, url }) => report(`${method} ${new URL(url).pathname}: ${inOneLine(error)}`),
      }),
    );
    opened.push(() => api.close());
    const hooks = config.triggers && openTriggers(deployer, ports, config.triggers, report);
    if (hooks) opened.push(() => hooks.close());
    const onError = (thrown: unknown) =>
      report(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
    const app = platformApp({ api, hooks, sessions: known, page, visit, onError });
    const listening: Listening = await listen(app.fetch, options);
    // Streams end by the API's own close, which has to come before connections are waited for.
    opened.push(async () => {
      await Promise.all([api.close(), listening.close()]);
    });
    hooks?.start();
    let closing: Promise<void> | undefined;
    const close: PlatformHost['close'] = (given = {}) => {
      timeoutMs = given.timeoutMs ?? timeoutMs;
      closing ??= closeAll();
      return closing;
    };
    return { url: listening.url, deployer, close, [Symbol.asyncDispose]: () => close() };
  } catch (thrown) {
    await closeAll();
    throw thrown;
  }
}

function openTriggers(
  deployer: Deployer,
  { registry, store }: Ports,
  given: NonNullable<PlatformConfig['triggers']>,
  report: HostOptions['report'],
): Triggers {
  const onReport = (told: { readonly type: string }) => {
    if (ACTED.has(told.type)) report(`trigger ${JSON.stringify(told)}`);
  };
  return unwrap(triggers({ ...given, deployer, registry, store, onReport }));
}

const inOneLine = ({ kind, message, hint }: AnyError): string => `${kind}: ${message} ${hint}`;
