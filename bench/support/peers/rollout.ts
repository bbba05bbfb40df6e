/**
 * docker-rollout over Docker Compose, as its documentation has it for deployments that lose nothing: a health check that fails once the container
 * is to be drained, and a hook that begins this ten seconds before the stop. nginx follows what Compose runs.
 */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { engineVersion } from '../engine-calls.js';
import { versionOf } from '../front-proxies.js';
import { follow } from './follow.js';
import { startNginxFront } from './nginx.js';
import { APP_PORT, type Ground, type NotRun, type Peer } from './peer.js';
import { runs, runTool } from './tool.js';

const NAME = 'docker-rollout';
const SERVICE = 'web';

export async function openRollout({
  field,
  image,
  signal,
  rollout,
  own,
  healthIntervalS,
}: Ground): Promise<Peer | NotRun> {
  if (!rollout) return { name: NAME, why: 'its script is not here: fetch it, and name it with --rollout PATH' };
  const script = resolve(rollout);
  if (!existsSync(script)) return { name: NAME, why: 'there is no file where --rollout says' };
  const env = { DOCKER_HOST: `unix://${field.bench.socketPath}` };
  if (!(await runs(['docker', '--version'], signal))) return { name: NAME, why: 'there is no docker command' };
  // What the script itself looks for, in its order.
  const composes = [['docker', 'compose'], ['docker-compose']];
  let compose: readonly string[] | undefined;
  for (const each of composes) if (!compose && (await runs([...each, 'version'], signal))) compose = each;
  if (!compose) return { name: NAME, why: 'there is no Docker Compose: install docker-compose' };
  const metadata = await runTool(['sh', script, 'docker-cli-plugin-metadata'], { signal });

  const project = `${field.bench.prefix}-rollout`;
  const folder = join(field.folder, 'rollout');
  const file = join(folder, 'docker-compose.yml');
  await mkdir(folder);
  const labels = [`com.docker.compose.project=${project}`, `com.docker.compose.service=${SERVICE}`];
  const nginx = await own(startNginxFront());
  const following = await own(
    follow(
      {
        docker: field.bench.docker,
        labels,
        server({ NetworkSettings }) {
          const [network] = Object.values(NetworkSettings.Networks);
          return network?.IPAddress ? `${network.IPAddress}:${APP_PORT}` : undefined;
        },
      },
      nginx,
    ),
  );
  const run = (command: readonly string[]) =>
    runTool(command, { signal, cwd: folder, env: { ...env, COMPOSE_PROJECT_NAME: project } });
  return {
    name: NAME,
    isOurs: false,
    isInProcess: false,
    versions: {
      [NAME]: (JSON.parse(metadata.output) as { Version: string }).Version.replace(/^v/, ''),
      [compose.join(' ')]: await versionOf([...compose, 'version']),
      ...(await engineVersion(field.bench.docker)),
      docker: await versionOf(['docker', '--version']),
      nginx: await versionOf(['nginx', '-v']),
    },
    door: { port: nginx.port, within: [] },
    async deploy(tag) {
      // Whoever deploys has changed the file, and pulled: Compose pulls only what is not there.
      await writeFile(file, composeFile(`${image}:${tag}`, healthIntervalS));
      return (await run(['sh', script, 'rollout', '-f', file, SERVICE])).seconds;
    },
    async running() {
      const { length } = await field.bench.docker.listContainers({ all: true, filters: { label: labels } });
      // Until nginx leads to the first one there is nothing to look at.
      return following.servers.length === 0 ? 0 : length;
    },
  };
}

/** JSON is YAML. */
function composeFile(reference: string, healthIntervalS: number): string {
  const answers = `wget -q -O /dev/null http://127.0.0.1:${APP_PORT}/`;
  const web = {
    image: reference,
    restart: 'unless-stopped',
    healthcheck: {
      test: `test ! -f /tmp/drain && ${answers}`,
      interval: `${healthIntervalS}s`,
      retries: 1,
    },
    labels: { 'docker-rollout.pre-stop-hook': 'touch /tmp/drain && sleep 10' },
  };
  return JSON.stringify({ services: { [SERVICE]: web } }, null, 2);
}
