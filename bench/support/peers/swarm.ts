/**
 * A service of a swarm of one node, updated start-first. The engine is one of its own, in a network of its own: whichever engine this machine
 * has never becomes a node. Its port is published at the host and nginx follows the tasks, since the routing mesh needs IPVS, which not every
 * kernel has; nginx and the visitors are in that network, too.
 */
import { openWorkbench } from '../../../test/support/engine.js';
import { canHaveEngine, startPrivateEngine } from '../../../test/support/private-engine.js';
import { startRegistry } from '../../../test/support/registry.js';
import { pushVersions } from '../cutover/image.js';
import { engineVersion } from '../engine-calls.js';
import { versionOf } from '../front-proxies.js';
import { follow } from './follow.js';
import { startNginxFront } from './nginx.js';
import { APP_ENV, APP_PORT, type Ground, type NotRun, type Peer, VERSIONS } from './peer.js';
import { runs, runTool } from './tool.js';

const NAME = 'swarm';
const SERVICE = 'web';
const LABELS = [`com.docker.swarm.service.name=${SERVICE}`];
/** The image's files are there as a build's context, as a layer and once more while they are pushed. */
const DISK_BYTES = 1024 * 1024 * 1024;

export async function openSwarm({ signal, own, healthIntervalS }: Ground): Promise<Peer | NotRun> {
  if (!canHaveEngine()) return { name: NAME, why: 'it needs an engine of its own: dockerd, and root on Linux' };
  for (const needed of [
    ['docker', '--version'],
    ['ip', '-V'],
    ['nsenter', '--version'],
  ])
    if (!(await runs(needed, signal))) return { name: NAME, why: `there is no ${needed[0]} command` };
  const engine = await own(startPrivateEngine({ isApart: true, diskBytes: DISK_BYTES }));
  const { within } = engine;
  const registry = await own(startRegistry({ within }));
  const bench = await own(openWorkbench('swarm', engine.socketPath));
  const { docker } = bench;
  const image = `${registry.host}/shop`;
  await pushVersions(bench, image, VERSIONS, APP_ENV);
  await docker.swarmInit({ ListenAddr: '127.0.0.1:2377', AdvertiseAddr: '127.0.0.1' });
  // Not as a node any more before its containers are removed: it would start them anew.
  await own({ [Symbol.asyncDispose]: () => docker.swarmLeave({ force: true }) });

  const nginx = await own(startNginxFront(within));
  const following = await own(
    follow(
      {
        docker,
        labels: LABELS,
        server({ Ports }) {
          const port = Ports.find(({ PrivatePort }) => PrivatePort === APP_PORT)?.PublicPort;
          return port === undefined ? undefined : `127.0.0.1:${port}`;
        },
      },
      nginx,
    ),
  );
  const run = (...args: readonly string[]) =>
    runTool(['docker', 'service', ...args], { signal, env: { DOCKER_HOST: `unix://${engine.socketPath}` } });
  let isThere = false;
  return {
    name: NAME,
    isOurs: false,
    isInProcess: false,
    versions: {
      ...(await engineVersion(docker)),
      docker: await versionOf(['docker', '--version']),
      nginx: await versionOf(['nginx', '-v']),
    },
    door: { port: nginx.port, within },
    async deploy(tag) {
      const reference = `${image}:${tag}`;
      const { seconds } = await (isThere
        ? run('update', '--quiet', '--update-order', 'start-first', '--image', reference, SERVICE)
        : run(
            'create',
            '--quiet',
            '--name',
            SERVICE,
            ...OPTIONS,
            '--health-interval',
            `${healthIntervalS}s`,
            reference,
          ));
      isThere = true;
      const [service] = await docker.listServices({ filters: { name: [SERVICE] } });
      const state = (service as { UpdateStatus?: { State?: string } } | undefined)?.UpdateStatus?.State;
      if (state !== undefined && state !== 'completed') throw new Error(`the update of the service is ${state}`);
      return seconds;
    },
    async running() {
      const { length } = await docker.listContainers({ filters: { label: LABELS } });
      // Until nginx leads to the first one there is nothing to look at.
      return following.servers.length === 0 ? 0 : length;
    },
  };
}

/** Beside them the defaults: one replica, a pause of 10 s between SIGTERM and SIGKILL, 5 s in which a new task is watched. */
const OPTIONS = [
  ...['--update-order', 'start-first', '--update-failure-action', 'rollback'],
  ...['--publish', `mode=host,target=${APP_PORT}`],
  ...['--health-cmd', `wget -q -O /dev/null http://127.0.0.1:${APP_PORT}/`],
];
