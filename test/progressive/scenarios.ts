import { type TargetStatistics, unwrap } from '../../packages/core/src/ports.js';
import { type Ground, open } from './ground.js';
import type { Scenario } from './scenario.js';
import type { Visit } from './visitors.js';

/** Of the share that was asked for. */
const SHARE_TOLERANCE = 0.03;
const FIRST_TOLERANCE = 0.3;

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'shares of 10, 50 and 90 in a hundred hold, and changing them fails nobody',
    async run({ app, put, visitors }, { requests }) {
      const [before, next] = [await app('before'), await app('next')];
      await put(false, before);
      const problems: string[] = [];
      for (const share of [10, 50, 90]) {
        await put(false, { ...before, weight: 100 - share }, { ...next, weight: share });
        // From the first on: a version that is not known yet is not to get all of them for a while.
        const [first, others] = [await visitors.crowd(200), await visitors.crowd(requests - 200)];
        problems.push(
          ...wrongShare(first, share / 100, FIRST_TOLERANCE),
          ...wrongShare([...first, ...others], share / 100),
        );
        problems.push(...failedIn([...first, ...others]));
      }
      const during = visitors.crowd(requests);
      for (const share of [10, 25, 50, 75])
        await put(false, { ...before, weight: 100 - share }, { ...next, weight: share });
      await put(false, next);
      problems.push(...failedIn(await during));
      const after = await visitors.crowd(100);
      if (after.some(({ by }) => by !== 'next')) problems.push('the one before is sent requests after the last step');
      return problems;
    },
  },
  {
    name: 'visitors stay with whoever answered them first, through every step',
    async run({ app, put, visitors }, { visitors: count }) {
      const [before, next] = [await app('before'), await app('next')];
      const problems: string[] = [];
      const known: Visit[] = [];
      for (const share of [10, 50, 90]) {
        await put(true, { ...before, weight: 100 - share }, { ...next, weight: share });
        const fresh = await visitors.crowd(count);
        problems.push(...failedIn(fresh));
        if (fresh.some(({ cookie }) => cookie === undefined)) problems.push(`at ${share}: a visitor got no cookie`);
        known.push(...fresh);
        const moved = await Promise.all(
          known.map(async (first) => (await visitors.visit('/', first.cookie)).by !== first.by),
        );
        const gone = moved.filter(Boolean).length;
        if (gone > 0) problems.push(`at ${share}: ${gone} of ${known.length} visitors were answered by the other one`);
      }
      await put(true, next);
      const last = await Promise.all(known.map(({ cookie }) => visitors.visit('/', cookie)));
      if (last.some(({ by, status }) => by !== 'next' || status !== 200))
        problems.push('not everybody was moved at the end');
      return problems;
    },
  },
  {
    name: 'what is counted is what visitors saw, through every change of the route',
    async run(ground, { requests }) {
      const { app, put, visitors } = ground;
      const [before, next] = [await app('before'), await app('next')];
      const path = (index: number) => (index % 10 === 0 ? '/500' : index % 7 === 0 ? '/slow/60' : '/');
      await put(false, before);
      const load = visitors.crowd(requests, path);
      for (const share of [10, 50, 90]) {
        await put(false, { ...before, weight: 100 - share }, { ...next, weight: share });
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      await put(false, { ...before, weight: 0 }, { ...next, weight: 1 });
      const visits = await load;
      const problems = [...unanswered(visits)];
      for (const instance of ['before', 'next']) {
        const seen = visits.filter(({ by }) => by === instance);
        const counted = await statisticsOf(ground, instance);
        const errors = seen.filter(({ status }) => status >= 500).length;
        if (counted.requests !== seen.length)
          problems.push(`${instance} answered ${seen.length}, counted are ${counted.requests}`);
        if (counted.errors !== errors)
          problems.push(`${instance} answered ${errors} errors, counted are ${counted.errors}`);
        const boundMs = counted.latencies.find(({ upToMs }) => upToMs >= 50)?.upToMs ?? 0;
        const slow = counted.latencies
          .filter(({ upToMs }) => upToMs > boundMs)
          .reduce((sum, { count }) => sum + count, 0);
        const asked = seen.filter((visit) => visit.path.startsWith('/slow')).length;
        // A visitor waits for the proxy's own work too, and sees no less than it does.
        const waited = seen.filter(({ tookMs }) => tookMs > boundMs).length;
        if (slow < asked || slow > waited)
          problems.push(
            `${instance}: ${slow} slow ones are counted, of ${asked} that were asked for and ${waited} that were waited for`,
          );
      }
      return problems;
    },
  },
  {
    name: 'the errors of a bad version are those that are counted, and nobody else meets one',
    async run(ground, { requests }) {
      const { app, put, visitors } = ground;
      const [before, next] = [await app('before'), await app('next', 503)];
      await put(false, { ...before, weight: 90 }, { ...next, weight: 10 });
      const visits = await visitors.crowd(requests);
      await put(false, before);
      const after = await visitors.crowd(100);
      const problems = [...unanswered(visits), ...wrongShare(visits, 0.1), ...failedIn(after)];
      const bad = visits.filter(({ status }) => status !== 200);
      if (bad.some(({ by }) => by !== 'next')) problems.push('somebody met an error that the bad version did not make');
      return problems;
    },
  },
  {
    name: 'a version that dies in the middle fails nobody who comes after',
    async run({ app, put, visitors }, { requests }) {
      const [before, next] = [await app('before'), await app('next')];
      await put(false, { ...before, weight: 50 }, { ...next, weight: 50 });
      const problems = failedIn(await visitors.crowd(100));
      await next.die();
      const after = await visitors.crowd(Math.min(requests, 500));
      return [...problems, ...failedIn(after), ...wrongShare(after, 0)];
    },
  },
];

async function statisticsOf({ proxy }: Ground, instance: string): Promise<TargetStatistics> {
  if (!proxy.statistics) throw new Error(`${proxy.name} cannot count.`);
  return unwrap(proxy.statistics(instance, open()));
}

/** @param most how far it may be off, as a part of the lesser of the two shares; default: 3 % of the share itself */
function wrongShare(visits: readonly Visit[], share: number, most?: number): string[] {
  const is = visits.filter(({ by }) => by === 'next').length / visits.length;
  const mostOff = most === undefined ? share * SHARE_TOLERANCE : Math.min(share, 1 - share) * most;
  return Math.abs(is - share) <= mostOff + 1e-9 ? [] : [`a share of ${share} became ${is.toFixed(4)}`];
}

const failedIn = (visits: readonly Visit[]): string[] => told(visits.filter(({ status }) => status !== 200));
const unanswered = (visits: readonly Visit[]): string[] => told(visits.filter(({ status }) => status === 0));

function told(failed: readonly Visit[]): string[] {
  const [first] = failed;
  return first ? [`${failed.length} requests failed, the first with ${first.status} ${first.by.slice(0, 60)}`] : [];
}
