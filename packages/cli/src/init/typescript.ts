/** A new configuration in TypeScript, with a comment beside what one looks for first. */
import type { Answers } from './answers.js';

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** A name of a field, as a formatter would leave it. */
const key = (text: string): string => (/^[A-Za-z_$][\w$]*$/.test(text) ? text : quoted(text));

const PROXY: { readonly [Name in Answers['proxy']]: readonly [imports: string, code: string] } = {
  embedded: [
    "import { embeddedProxy } from '@quayside/proxy-adapter';",
    `  // Our own reverse proxy. \`quayside serve\` runs it, in as many processes as you like.
  proxy: embeddedProxy(),`,
  ],
  npm: [
    "import { nginxProxyManager } from '@quayside/npm-adapter';",
    `  // Nginx Proxy Manager: a user of its own that may manage proxy hosts. Its password comes from the environment.
  proxy: nginxProxyManager({
    url: 'http://127.0.0.1:81',
    identity: 'quayside@example.com',
    secret: process.env['NPM_SECRET'] ?? '',
  }),`,
  ],
  haproxy: [
    "import { haproxy } from '@quayside/haproxy-adapter';",
    `  // HAProxy over its runtime socket. \`quayside proxy-config\` prints the configuration that it needs once.
  proxy: haproxy({ socket: '/run/haproxy/admin.sock', proofKey: process.env['HAPROXY_KEY'] ?? '' }),`,
  ],
};

const STORE: { readonly [Name in Answers['store']]: readonly [imports: string, code: string] } = {
  sqlite: [
    "import { sqliteStore } from '@quayside/sql-adapter';",
    `  // Records, history, queue and leases: one file beside this one, which several processes of this machine may share.
  store: sqliteStore({ path: 'quayside.db' }),`,
  ],
  postgres: [
    "import { postgresStore } from '@quayside/sql-adapter';",
    `  // Records, history, queue and leases, for hosts on several machines.
  store: postgresStore({ connectionString: process.env['DATABASE_URL'] ?? '' }),`,
  ],
};

export function typescriptConfig({ image, project, stage, port, health, domain, proxy, store }: Answers): string {
  const [proxyImport, proxyCode] = PROXY[proxy];
  const [storeImport, storeCode] = STORE[store];
  const imports = [
    "import { defineConfig } from '@quayside/cli';",
    "import { dockerRuntime } from '@quayside/docker-adapter';",
    "import { httpProbe } from '@quayside/http-adapter';",
    proxyImport,
    storeImport,
  ].sort((a, b) => (a.slice(a.indexOf('@')) < b.slice(b.indexOf('@')) ? -1 : 1));
  return `${imports.join('\n')}

export default defineConfig({
  // The Docker engine of this machine. Instances are attached to this network, which is made where it is missing.
  runtime: dockerRuntime({ network: 'apps' }),

${proxyCode}

${storeCode}

  // GET healthcheckPath, until it answers 2xx or 3xx.
  probe: httpProbe(),

  // Seals what the store keeps of environments and other secrets: \`openssl rand -base64 32\` makes a key.
  ...(process.env['QUAYSIDE_KEY'] ? { secrets: { keys: [process.env['QUAYSIDE_KEY']] } } : {}),

  settings: {
    // Every tag gets stage-{stage}-{project}-{tag} below it, and the stage stage-{stage}-{project}:
    // let *.${domain} point to the proxy.
    domain: ${quoted(domain)},
  },

  projects: {
    ${key(project)}: {
      image: ${quoted(image)},
      stages: {
        ${key(stage)}: {
          port: ${port},
          healthcheckPath: ${quoted(health)},
          // So many tags side by side; the oldest go first.
          maxInstances: 3,
          // env: { LOG_LEVEL: 'info' },
          // domains: ['shop.example.com'],
        },
        // A stage per pull request, which goes by itself:
        // 'pr-*': { port: ${port}, maxInstances: 1, ttl: '7d' },
      },
    },
  },
});
`;
}
