/** A new configuration in JSON, which has no comments. */
import type { Answers } from './answers.js';

const PROXY: { readonly [Name in Answers['proxy']]: object } = {
  embedded: { adapter: 'embedded' },
  npm: { adapter: 'npm', url: 'http://127.0.0.1:81', identity: 'quayside@example.com', secret: '$NPM_SECRET' },
  haproxy: { adapter: 'haproxy', socket: '/run/haproxy/admin.sock', proofKey: '$HAPROXY_KEY' },
};

const STORE: { readonly [Name in Answers['store']]: object } = {
  sqlite: { adapter: 'sqlite', path: 'quayside.db' },
  postgres: { adapter: 'postgres', connectionString: '$DATABASE_URL' },
};

export function jsonConfig({ image, project, stage, port, health, domain, proxy, store }: Answers): string {
  const config = {
    runtime: { adapter: 'docker', network: 'apps' },
    proxy: PROXY[proxy],
    store: STORE[store],
    probe: 'http',
    settings: { domain },
    projects: { [project]: { image, stages: { [stage]: { port, healthcheckPath: health, maxInstances: 3 } } } },
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
