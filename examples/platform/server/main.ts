/** `npm start`: the host with real ports, told by its environment (settings.ts) and a file (config.ts). */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { QuaysideError, unwrap } from '@quayside/core';
import { dockerConfigCredentials, dockerRuntime } from '@quayside/docker-adapter';
import { distributionRegistry, httpProbe } from '@quayside/http-adapter';
import { nginxProxyManager } from '@quayside/npm-adapter';
import { embeddedProxy } from '@quayside/proxy-adapter';
import { sqliteStore } from '@quayside/sql-adapter';
import { readConfig } from './config.js';
import { openHost, type Ports } from './host.js';
import { type PlatformSettings, readSettings, SettingsError } from './settings.js';

const say = (line: string) => console.log(`${new Date().toISOString()} ${line}`);

try {
  const settings = readSettings(process.env);
  const config = await readConfig(settings.QUAYSIDE_CONFIG);
  const { proxy, openFront } = frontOf(settings);
  const host = await openHost({
    ports: portsOf(settings, proxy),
    config,
    token: settings.QUAYSIDE_TOKEN,
    host: settings.HOST,
    port: settings.PORT,
    pageFolder: fileURLToPath(new URL('../dist/web', import.meta.url)),
    openFront,
    report: say,
  });
  say(`Quayside is at ${host.url}`);
  // What runs is finished; a second signal leaves at once, and the next start takes up what was left.
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => {
      process.once(signal, () => process.exit(code));
      say(`${signal}: finishes what runs`);
      void host.close();
    });
  }
} catch (thrown) {
  console.error(explain(thrown));
  process.exitCode = 1;
}

function portsOf(settings: PlatformSettings, proxy: Ports['proxy']): Ports {
  mkdirSync(settings.QUAYSIDE_DATA, { recursive: true });
  const keys = settings.QUAYSIDE_KEYS?.split(',').map((key) => key.trim());
  return {
    runtime: dockerRuntime(settings.NETWORK === undefined ? {} : { network: settings.NETWORK }),
    ...(proxy ? { proxy } : {}),
    probe: httpProbe(settings.ON_NETWORK === 'yes' ? { network: settings.NETWORK } : {}),
    store: unwrap(sqliteStore({ path: join(settings.QUAYSIDE_DATA, 'quayside.db') })),
    registry: unwrap(distributionRegistry({ credentials: dockerConfigCredentials() })),
    ...(keys ? { secrets: { keys } } : {}),
  };
}

/** Nginx Proxy Manager where there is one, else the proxy in this process. */
function frontOf(settings: PlatformSettings): { proxy: Ports['proxy']; openFront: () => Promise<string> } {
  const { NPM_URL: url, NPM_IDENTITY: identity = '', NPM_SECRET: secret = '', NPM_FRONT_DOOR: frontDoor } = settings;
  if (url !== undefined) {
    const proxy = nginxProxyManager({ url, identity, secret, ...(frontDoor === undefined ? {} : { frontDoor }) });
    return { proxy, openFront: async () => settings.VISIT_URL ?? 'https://{domain}' };
  }
  const { ON_NETWORK, NETWORK: network = '' } = settings;
  const proxy = unwrap(embeddedProxy(ON_NETWORK === 'yes' ? { reaches: [{ kind: 'name', network }] } : {}));
  const openFront = async () => {
    const front = await unwrap(proxy.listen({ host: settings.PROXY_HOST, port: settings.PROXY_PORT }));
    say(`What is deployed is served at ${front.url}`);
    return settings.VISIT_URL ?? `http://{domain}:${new URL(front.url).port || '80'}`;
  };
  return { proxy, openFront };
}

function explain(thrown: unknown): string {
  if (thrown instanceof SettingsError) return thrown.message;
  if (!(thrown instanceof QuaysideError))
    return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  const { error } = thrown;
  const issues = 'issues' in error ? (error.issues as readonly { path: string; expected: string }[]) : [];
  // One alone is in the message.
  if (issues.length === 1) return `${error.message} ${error.hint}`;
  return [error.message, error.hint, ...issues.map(({ path, expected }) => `  ${path}: expected ${expected}`)].join(
    '\n',
  );
}
