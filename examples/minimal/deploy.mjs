// node deploy.mjs nginx alpine 80 — puts that tag on a stage of this machine; Ctrl-C takes it off again.
import { createDeployer, unwrap } from '@quayside/core';
import { dockerRuntime } from '@quayside/docker-adapter';
import { httpProbe } from '@quayside/http-adapter';
import { embeddedProxy } from '@quayside/proxy-adapter';
import { sqliteStore } from '@quayside/sql-adapter';

const [image = 'nginx', tag = 'alpine', port = '80'] = process.argv.slice(2);
const proxy = unwrap(embeddedProxy());
const deployer = await unwrap(
  createDeployer({
    runtime: dockerRuntime(),
    proxy,
    store: sqliteStore({ path: 'quayside.db' }),
    probe: httpProbe(),
    settings: { domain: 'apps.localhost' },
    projects: { web: { image, stages: { dev: { port: Number(port) } } } },
  }),
);
const { url } = await unwrap(proxy.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) }));

deployer.on('deployment.log', ({ entry }) => console.log(`${entry.step ?? ''}\t${entry.message}`));
const deployment = await unwrap(deployer.deploy({ project: 'web', stage: 'dev', tag }));
console.log(`${deployment.status}: ${url.replace('127.0.0.1', 'stage-dev-web.apps.localhost')}`);

process.once('SIGINT', async () => {
  await unwrap(deployer.remove({ project: 'web', stage: 'dev' }));
  await deployer.close();
});
