import type { Store } from '@quayside/core';
import type { Check } from './checks.js';
import { type Finding, failed, failure, good, skipped, warning } from './finding.js';
import { portOf } from './ports.js';

/** How long a server of the embedded proxy may take to answer anything at all. */
const DOOR_MS = 2_000;

export const checkProxy: Check = async ({ deployer, options }, signal) => {
  const proxy = portOf(options.proxy);
  if (!proxy) return [skipped('proxy', 'none is configured: no stage has a port')];
  const described = await proxy.describe({ signal });
  if (described.isErr()) return [failure('proxy', described.error)];
  const listed = await proxy.list({ storeId: deployer.storeId }, { signal });
  if (listed.isErr()) return [failure('proxy', listed.error)];
  const count = listed.value.length === 1 ? '1 route' : `${listed.value.length} routes`;
  const found = good('proxy', `${proxy.name} (${described.value.identity}) answers, and has ${count} of ours`);
  const store = portOf(options.store);
  // Its routes are the store's: that they can be read does not mean that somebody serves them.
  if (!described.value.identity.startsWith('embedded:') || !store) return [found];
  return [found, await servers(store, described.value.identity.split('/').at(-1) ?? '', signal)];
};

async function servers(store: Store, name: string, signal: AbortSignal): Promise<Finding> {
  const listed = await store.list('proxyServers', { where: { proxy: name } }, { signal });
  if (listed.isErr()) return failure('proxy', listed.error);
  const doors = listed.value.map(({ value }) => value.frontDoor);
  const answers = await Promise.all(doors.map((door) => isOpen(door, signal)));
  const open = doors.filter((_, index) => answers[index]);
  const hint = 'Run `quayside serve`, and keep it running: a service of systemd, or a container.';
  if (open.length === 0) return failed('proxy', 'nobody serves the routes', hint);
  const text = `${open.length === 1 ? '1 process serves' : `${open.length} processes serve`} them: ${open.join(', ')}`;
  if (open.length === doors.length) return good('proxy', text);
  const gone = doors.filter((_, index) => !answers[index]).join(', ');
  return warning(
    'proxy',
    `${text}; no answer at ${gone}`,
    'Those that are dead are forgotten by themselves in a while.',
  );
}

/** Whatever it answers: it is there. */
async function isOpen(door: string, signal: AbortSignal): Promise<boolean> {
  try {
    const answer = await fetch(door, {
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(DOOR_MS)]),
    });
    await answer.body?.cancel();
    return true;
  } catch {
    return false;
  }
}
