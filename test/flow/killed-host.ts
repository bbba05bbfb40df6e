/**
 * A host that dies in the midst of a deployment: SIGKILL to itself, as soon as the deployment's log has a line that begins so, or, as
 * `proof`, when its routes have moved and are proved, and nothing of that is committed yet.
 *
 *   node --import tsx test/flow/killed-host.ts '{"database":…,"image":…,"network":…,"settings":…,"stage":…,"tag":…,"dieAt":"Started"}'
 */
import { createDeployer, unwrap } from '../../packages/core/src/index.js';
import { dockerRuntime } from '../../packages/docker-adapter/src/index.js';
import { httpProbe } from '../../packages/http-adapter/src/index.js';
import { embeddedProxy } from '../../packages/proxy-adapter/src/index.js';
import { sqliteStore } from '../../packages/sql-adapter/src/index.js';

export interface Death {
  readonly database: string;
  readonly image: string;
  readonly network: string;
  readonly settings: { readonly [name: string]: string | number };
  readonly stage: string;
  readonly tag: string;
  readonly dieAt: string;
}

const { database, image, network, settings, stage, tag, dieAt } = JSON.parse(process.argv[2] ?? '') as Death;
const die = () => process.kill(process.pid, 'SIGKILL');
const proxy = unwrap(embeddedProxy());
const { prove } = proxy;
/** The tagged route and the default one: the first is proved while the other is moved. */
let unproved = 2;
const onProved = () => {
  unproved -= 1;
  if (unproved === 0) die();
};
if (dieAt === 'proof')
  Object.assign(proxy, { prove: (...args: Parameters<typeof prove>) => prove.apply(proxy, args).andTee(onProved) });

const deployer = await unwrap(
  createDeployer({
    runtime: dockerRuntime({ network }),
    // It listens nowhere: who serves is the process that outlives this one.
    proxy,
    store: sqliteStore({ path: database }),
    probe: httpProbe(),
    settings,
    projects: { shop: { image, port: 3000, stages: { '*': {} } } },
  }),
);
deployer.on('deployment.log', ({ entry }) => {
  if (entry.message.startsWith(dieAt)) die();
});
const answer = await deployer.deploy({ project: 'shop', stage, tag });
console.log(answer.isOk() ? answer.value.status : `${answer.error.message} ${answer.error.hint}`);
await deployer.close();
