/** What others do at the engine and the proxy, and a receiver that hangs. */

import { eventually } from '../../support/engine.js';
import type { FaultCase } from '../case.js';
import type { Site } from '../site.js';

const CREATE = { port: 'runtime', method: 'create', when: 'before' } as const;

/** Somebody's container, under the name that the new one is to have. */
async function takeName({ ground }: Site, [spec]: readonly unknown[]): Promise<void> {
  const { name } = spec as { readonly name: string };
  const container = await ground.bench.docker.createContainer({ name, Image: `${ground.image}:v1` });
  foreign.set(ground, container.id);
}
const foreign = new WeakMap<object, string>();

async function stillThere({ ground }: Site): Promise<readonly string[]> {
  const container = ground.bench.docker.getContainer(foreign.get(ground) ?? '');
  const found = await container.inspect().catch(() => undefined);
  await container.remove({ force: true }).catch(() => undefined);
  return found ? [] : ['the foreign container is gone'];
}

const foreignHost = (site: Site, domain: string) =>
  site.npm?.asPerson('POST', '/nginx/proxy-hosts', {
    domain_names: [domain],
    forward_scheme: 'http',
    forward_host: '127.0.0.1',
    forward_port: 9,
  });
const taggedOf = (site: Site, tag: string) => `stage-${site.stage}-shop-${tag}.${site.suffix}`;
const removeHost = async (site: Site, domain: string) => {
  for (const { id, domain_names } of [...(site.npm?.records.hosts.values() ?? [])])
    if (domain_names.includes(domain)) await site.npm?.asPerson('DELETE', `/nginx/proxy-hosts/${id}`);
};
const hostStays = (tag: string) => async (site: Site) => {
  const domain = taggedOf(site, tag);
  const host = [...(site.npm?.records.hosts.values() ?? [])].find(({ domain_names }) => domain_names.includes(domain));
  return host?.forward_port === 9 ? [] : [`the foreign host is ${host ? `changed to ${host.forward_port}` : 'gone'}`];
};

const removeNetwork = async ({ ground }: Site, name: string) => {
  await ground.bench.docker.getNetwork(name).remove();
};

export const otherCases: readonly FaultCase[] = [
  {
    name: 'a foreign container has our name',
    isShort: true,
    fault: { at: CREATE, strike: takeName },
    ends: { status: ['failed'], kinds: ['name-taken'], step: 'create' },
    look: stillThere,
  },
  {
    name: 'a foreign host has our domain',
    proxy: 'npm',
    fault: { strike: (site) => foreignHost(site, taggedOf(site, 'v2')) },
    ends: { status: ['failed'], kinds: ['domain-taken'] },
    look: hostStays('v2'),
  },
  {
    name: 'a foreign host takes our domain between claim and route',
    proxy: 'npm',
    fault: {
      at: { port: 'proxy', method: 'put', when: 'before' },
      strike: (site) => foreignHost(site, taggedOf(site, 'v2')),
    },
    ends: { status: ['failed'], kinds: ['domain-taken', 'proxy-refused'], step: 'route' },
    look: hostStays('v2'),
  },
  {
    name: 'somebody removes our host before the cutover',
    proxy: 'npm',
    // Nobody can be served by a host that is gone: the cutover makes it anew.
    isOutage: true,
    fault: {
      at: { port: 'proxy', method: 'put', call: 2, when: 'before' },
      strike: (site) => removeHost(site, site.domain),
    },
    ends: { status: ['succeeded'] },
  },
  {
    name: 'somebody removes the network before create',
    before: [],
    stage: { networks: ['faults-gone-1'] },
    async prepare({ ground }) {
      await ground.bench.docker.createNetwork({ Name: 'faults-gone-1', CheckDuplicate: true });
    },
    fault: { at: CREATE, strike: (site) => removeNetwork(site, 'faults-gone-1') },
    ends: { status: ['succeeded'] },
  },
  {
    name: 'somebody removes the network between create and start',
    before: [],
    stage: { networks: ['faults-gone-2'] },
    async prepare({ ground }) {
      await ground.bench.docker.createNetwork({ Name: 'faults-gone-2', CheckDuplicate: true });
    },
    fault: {
      at: { port: 'runtime', method: 'start', when: 'before' },
      strike: (site) => removeNetwork(site, 'faults-gone-2'),
    },
    ends: { status: ['succeeded'] },
  },
  {
    name: 'somebody removes the image between pull and create',
    pulls: true,
    isShort: true,
    fault: {
      at: CREATE,
      async strike({ ground }, [spec]) {
        const { image } = spec as { readonly image: string };
        await ground.bench.docker.getImage(image).remove({ force: true });
      },
    },
    ends: { status: ['succeeded'] },
  },
  {
    name: 'somebody removes the new container in its health check',
    tag: 'slow',
    stage: { healthcheck: { retries: 5, interval: '1s', timeout: '2s' } },
    fault: {
      at: { port: 'probe', method: 'check', call: 4, when: 'before' },
      async strike({ ground, deployer }) {
        const label = [`dev.quayside.store=${deployer.storeId}`, 'dev.quayside.tag=slow'];
        for (const { Id } of await ground.bench.docker.listContainers({ all: true, filters: { label } }))
          await ground.bench.docker.getContainer(Id).remove({ force: true });
      },
    },
    ends: { status: ['failed'], kinds: ['unhealthy'], step: 'health' },
  },
  {
    name: 'the receiver of webhooks hangs',
    isShort: true,
    hasReceiver: true,
    fault: {
      strike: ({ receiver }) => receiver.hang(true),
      mend: ({ receiver }) => receiver.hang(false),
    },
    ends: { status: ['succeeded'] },
    async look({ receiver }) {
      // What it has not taken is told again, after five seconds.
      const told = () => receiver.taken.filter((type) => type === 'deployment.succeeded').length;
      await eventually('the receiver is told of all three', () => told() >= 3, 15_000).catch(() => undefined);
      return [
        ...(receiver.hung === 0 ? ['the receiver never hung'] : []),
        ...(told() >= 3 ? [] : [`the receiver was told of ${told()} of 3 deployments`]),
      ];
    },
  },
  ...(['pull', 'start'] as const).map(
    (step): FaultCase => ({
      name: `the engine's disk is full at ${step}`,
      breaks: 'engine',
      pulls: step === 'pull',
      fault: {
        at: { port: 'runtime', method: step === 'pull' ? 'pull' : 'create', when: 'before' },
        strike: ({ ground }) => ground.engine.fill(step === 'pull' ? 2_000_000 : 0),
        mend: ({ ground }) => ground.engine.empty(),
      },
      ends: { status: ['failed'], kinds: ['image-unusable', 'engine-refused', 'start-failed'] },
    }),
  ),
];
