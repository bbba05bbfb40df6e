/**
 * Keeps an nginx in line with the healthy containers of an engine, as nginx-proxy does: the engine's events say when to look again, and what has
 * changed is a reload. It looks at once, where nginx-proxy waits 100 to 500 ms for more to come, and leaves out what is called unhealthy,
 * which nginx-proxy does not: both are to the advantage of who is followed.
 */
import type Docker from 'dockerode';
import type { ContainerInfo } from 'dockerode';
import type { NginxFront } from './nginx.js';

export interface Followed {
  readonly docker: Docker;
  /** `name=value`: which containers. */
  readonly labels: readonly string[];
  /** Where nginx reaches one. */
  server(container: ContainerInfo): string | undefined;
}

export interface Following extends AsyncDisposable {
  /** What nginx was told last. */
  readonly servers: readonly string[];
}

const EVENTS = ['start', 'die', 'health_status', 'destroy'];

export async function follow({ docker, labels, server }: Followed, nginx: NginxFront): Promise<Following> {
  const stop = new AbortController();
  let servers: readonly string[] = [];
  const look = async () => {
    const filters = { label: [...labels], status: ['running'], health: ['healthy'] };
    const healthy = await docker.listContainers({ filters });
    const found = healthy.flatMap((each) => server(each) ?? []).sort();
    // With none of them it stays as it is: who was there until now may yet answer.
    if (found.length === 0 || found.join() === servers.join()) return;
    servers = found;
    await nginx.serve(found);
  };
  let isDue = true;
  let looking: Promise<void> | undefined;
  const lookAgain = () => {
    isDue = true;
    looking ??= (async () => {
      while (isDue && !stop.signal.aborted) {
        isDue = false;
        // One that goes while it is listed has an event of its own to come.
        await look().catch(() => {});
      }
      looking = undefined;
    })();
  };
  const events = await docker.getEvents({
    filters: { type: ['container'], event: EVENTS, label: [...labels] },
    abortSignal: stop.signal,
  });
  events.on('data', lookAgain);
  events.on('error', () => {});
  lookAgain();
  return {
    get servers() {
      return servers;
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await looking;
    },
  };
}
