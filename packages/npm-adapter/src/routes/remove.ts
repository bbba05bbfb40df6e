/**
 * Removing a route. A delete that was answered with 500 is recorded, and nginx may go on serving what no list has any more: so the
 * front door is asked whether it is gone, now and whenever somebody asks to remove it again.
 */
import { aborted, type ProxyError } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import type { About } from '../api/hosts.js';
import { stillServed } from '../errors.js';
import type { Serving } from '../front-door/front-door.js';
import { labelOf } from './ours.js';
import { errorOf, type Work } from './put.js';

type Removed = 'removed' | 'absent' | 'foreign';

/** How long nginx may take to stop serving it; a reload takes 0.1 s, under load more. */
const GONE_WITHIN_MS = 3_000;
const RELOAD_MS = 500;

export async function removeRoute(
  { domain, mark }: { readonly domain: string; readonly mark: string },
  work: Work,
): Promise<Result<Removed, ProxyError>> {
  const { hosts, limits } = work;
  const about = { what: `Removing ${domain}`, domain };
  const found = await hosts.find(domain, about, limits);
  if (found.isErr()) return err(errorOf(found.error, about));
  const held = found.value;
  if (!held) return gone('absent', mark, 0, about, work);
  if (labelOf(held)?.mark !== mark) return ok('foreign');
  if (!work.isWanted()) return err({ ...aborted(about.what), outcome: 'refused' });

  for (let attempt = 1; ; attempt += 1) {
    const removed = await hosts.remove(held.id, about, limits);
    if (removed.isOk()) return gone('removed', mark, GONE_WITHIN_MS, about, work);
    const fault = removed.error;
    if (fault.kind === 'missing') return gone(attempt === 1 ? 'absent' : 'removed', mark, GONE_WITHIN_MS, about, work);
    if (fault.kind !== 'unclear') return err(errorOf(fault, about));
    const there = await hosts.get(held.id, about, limits);
    if (there.isErr() && there.error.kind === 'missing') return gone('removed', mark, GONE_WITHIN_MS, about, work);
    if (there.isErr() || !fault.canRepeat || attempt > 1) return err({ ...fault.error, outcome: 'unknown' });
  }
}

/** Whether nobody is sent to one of our instances there any more. A front door that is not there sends nobody anywhere. */
async function gone(
  answer: Removed,
  mark: string,
  withinMs: number,
  about: About,
  work: Work,
): Promise<Result<Removed, ProxyError>> {
  const { frontDoor, limits } = work;
  const { domain } = about;
  const isGone = (serving: Serving) => serving.kind === 'nothing' || serving.instance === undefined;
  const within = (ms: number) => {
    const endMs = performance.now() + ms;
    return { signal: limits.signal, leftMs: () => Math.min(endMs - performance.now(), limits.leftMs()) };
  };
  if (withinMs === 0 && isGone(await frontDoor.serving(domain, within(GONE_WITHIN_MS)))) return ok(answer);
  // A reload that is under way has its workers from before for a moment more.
  if ((await frontDoor.steadily(domain, isGone, within(Math.max(withinMs, RELOAD_MS)))).held) return ok(answer);
  if (work.isWanted() && (await reload(mark, about, work))) {
    if ((await frontDoor.steadily(domain, isGone, within(GONE_WITHIN_MS))).held) return ok(answer);
  }
  return err(stillServed(domain));
}

/**
 * Has nginx read its configuration again, from which the route is gone already: a change reloads it, so a host of the same store is
 * written as it is. False where there is none, or nginx takes nothing yet.
 */
async function reload(mark: string, about: About, { hosts, limits }: Work): Promise<boolean> {
  const listed = await hosts.list(about, limits);
  if (listed.isErr()) return false;
  const store = mark.slice(0, STORE_ID_LENGTH);
  const ours = listed.value.find((host) => host.enabled && labelOf(host)?.mark.startsWith(store));
  if (!ours) return false;
  return (await hosts.update(ours.id, { forward_port: ours.forward_port }, about, limits)).isOk();
}

/** Every mark begins with the store's id. */
const STORE_ID_LENGTH = 12;
