/**
 * What people write themselves: pull, create, start, wait for a 200, lead nginx there, reload it, stop the old one, remove it. It keeps no record,
 * takes nothing back, and two of it at once break each other: it is the floor for the time, not a way to deploy.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { engineVersion, pull, statusOf } from '../engine-calls.js';
import { versionOf } from '../front-proxies.js';
import { startNginxFront } from './nginx.js';
import { APP_PORT, type Ground, type Peer } from './peer.js';

const ANSWER_LIMIT_MS = 10_000;

export async function openBare({ field, image, signal, own }: Ground): Promise<Peer> {
  const { docker, prefix } = field.bench;
  const nginx = await own(startNginxFront());
  let count = 0;
  let current: string | undefined;
  return {
    name: 'bare',
    isOurs: false,
    isInProcess: true,
    versions: { ...(await engineVersion(docker)), nginx: await versionOf(['nginx', '-v']) },
    door: { port: nginx.port, within: [] },
    async deploy(tag) {
      signal.throwIfAborted();
      const reference = `${image}:${tag}`;
      await pull(docker, reference);
      count += 1;
      const name = `${prefix}-bare-${count}`;
      const container = await docker.createContainer({
        name,
        Image: reference,
        HostConfig: { NetworkMode: field.network, RestartPolicy: { Name: 'unless-stopped' } },
      });
      await container.start();
      const { NetworkSettings } = await container.inspect();
      const address = NetworkSettings.Networks[field.network]?.IPAddress ?? '';
      const untilMs = performance.now() + ANSWER_LIMIT_MS;
      while ((await statusOf(address, APP_PORT)) !== 200) {
        if (performance.now() > untilMs) throw new Error(`${tag} does not answer within ${ANSWER_LIMIT_MS} ms`);
        await pause(2, undefined, { signal });
      }
      await nginx.serve([`${address}:${APP_PORT}`]);
      const previous = current;
      current = name;
      if (!previous) return undefined;
      await docker.getContainer(previous).stop({ t: 10 });
      await docker.getContainer(previous).remove();
      return undefined;
    },
    running: () => Promise.resolve(current ? 1 : 0),
  };
}
