/** A real engine and registry with a deployer, once through each proxy that can weigh; each scenario has a stage of its own. */
import { DOORS } from '../../bench/support/doors.js';
import { unwrap } from '../../packages/core/src/index.js';
import { openField } from '../support/field.js';
import { pushApp } from '../support/images.js';
import { type Site, STAGE, VERSIONS } from './deployments.js';
import { openVisitors } from './visitors.js';

export const SITES = ['embedded', 'haproxy'] as const;

/** At once: each of their requests starts a process, and with more of them the machine would be what is slow. */
const VISITORS = 8;

/** Whose v1 is live, of a stage by that name. */
export type OpenSite = (stage: string) => Promise<Site>;

/** Calls `work` with what opens sites behind that proxy, and takes everything down afterwards. */
export async function withSites(proxy: (typeof SITES)[number], work: (open: OpenSite) => Promise<void>): Promise<void> {
  await using field = await openField('shares');
  await using door = await DOORS[proxy](field);
  const image = `${field.registry.host}/shop`;
  for (const [version, behaviour] of Object.entries(VERSIONS))
    await pushApp(field.bench, `${image}:${version}`, { version, work: behaviour });
  const deployer = await field.deployer({ shop: { image, stages: { 's*': STAGE } } }, door.options);
  const { docker, prefix } = field.bench;
  await work(async (stage) => {
    await unwrap(deployer.deploy({ project: 'shop', stage, tag: 'v1' }));
    const visitors = openVisitors(door.frontDoor().port, `stage-${stage}-shop.bench.test`, VISITORS);
    const kill = async (tag: string) => {
      const label = [`quayside.test=${prefix}`, `dev.quayside.stage=${stage}`];
      for (const { Id, Names } of await docker.listContainers({ filters: { label } }))
        if (Names.some((name) => name.startsWith(`/shop-${stage}-${tag}-`))) await docker.getContainer(Id).kill();
    };
    return { deployer, stage, visitors, kill };
  });
  // Before the proxy goes.
  await deployer.close();
}
