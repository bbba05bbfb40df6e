/**
 * A place of one's own on a shared engine: whatever a test makes there can be found, counted and removed again, and nothing
 * else is.
 *
 * Containers and images are known by a label of the base image (containers inherit it, whatever they are called), networks
 * and volumes by the prefix of their names.
 */
import { randomBytes } from 'node:crypto';
import Docker from 'dockerode';

/** The label that everything built or run in a workbench carries. */
export const WORKBENCH_LABEL = 'quayside.test';

export interface Leftovers {
  readonly containers: readonly string[];
  readonly images: readonly string[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
}

export interface Workbench extends AsyncDisposable {
  readonly docker: Docker;
  readonly socketPath: string;
  /** Unique to this workbench, at most 24 characters of `[a-z0-9-]`. */
  readonly prefix: string;
  /** Those that run an image of it, running or not, and nobody else's: others use the engine meanwhile. */
  containers(): Promise<readonly Docker.ContainerInfo[]>;
  /** What is still on the engine of all that was made here. */
  leftovers(): Promise<Leftovers>;
  /** Removes all of it, running or not. May be called again. */
  cleanUp(): Promise<void>;
}

/**
 * @param what a short word for whose it is: at most 12 characters of `[a-z0-9-]`
 * @param socketPath default: the machine's engine
 */
export function openWorkbench(what: string, socketPath = theMachines()): Workbench {
  const prefix = `qt-${what.slice(0, 12)}-${randomBytes(4).toString('hex')}`;
  // The empty host keeps docker-modem from preferring DOCKER_HOST to the socket.
  const docker = new Docker({ socketPath, host: '' });
  const label = [`${WORKBENCH_LABEL}=${prefix}`];
  const isMine = (name: string) => name.startsWith(prefix);

  const containers = () => docker.listContainers({ all: true, filters: { label } });
  const images = () => docker.listImages({ all: true, filters: { label } });
  const networks = async () => (await docker.listNetworks()).filter(({ Name }) => isMine(Name));
  const volumes = async () => ((await docker.listVolumes()).Volumes ?? []).filter(({ Name }) => isMine(Name));

  const cleanUp = async () => {
    for (const { Id } of await containers()) await gone(docker.getContainer(Id).remove({ force: true, v: true }));
    for (const { Id } of await networks()) await gone(docker.getNetwork(Id).remove());
    for (const { Name } of await volumes()) await gone(docker.getVolume(Name).remove({ force: true }));
    // An image goes only after those that were built on it; each round removes at least the outermost.
    for (let round = 0, left = await images(); left.length > 0; left = await images(), round += 1) {
      if (round > 20) throw new Error(`Images that cannot be removed: ${left.map(({ Id }) => Id).join(', ')}`);
      for (const { Id } of left) await gone(docker.getImage(Id).remove({ force: true }));
    }
  };

  return {
    docker,
    socketPath,
    prefix,
    containers,
    cleanUp,
    async leftovers() {
      return {
        containers: (await containers()).map(({ Names, Id }) => Names[0]?.slice(1) ?? Id),
        images: (await images()).map(({ RepoTags, Id }) => RepoTags?.[0] ?? Id),
        networks: (await networks()).map(({ Name }) => Name),
        volumes: (await volumes()).map(({ Name }) => Name),
      };
    },
    [Symbol.asyncDispose]: cleanUp,
  };
}

/** The set-up names another one where the usual one does not answer. */
const theMachines = (): string =>
  /^unix:\/\/(.+)$/.exec(process.env['DOCKER_HOST'] ?? '')?.[1] ?? '/var/run/docker.sock';

/**
 * Gone already, going, or still held by what the next round removes: the caller's listing decides. An engine whose caller was killed amid a
 * start may hold on to a network (403) until it is started anew.
 */
async function gone(removal: Promise<unknown>): Promise<void> {
  try {
    await removal;
  } catch (error) {
    const status = (error as { statusCode?: number }).statusCode;
    if (status === undefined || ![403, 404, 409].includes(status)) throw error;
  }
}

/** Waits until the condition gives something, asking every 20 ms; fails after `limitMs` (default 10 000) with what was waited for. */
export async function eventually<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  limitMs = 10_000,
): Promise<T> {
  const endMs = performance.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > endMs) throw new Error(`Not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
