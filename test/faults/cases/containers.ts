/** The container ends, is killed for want of memory or turns unhealthy: before, while and after its check, right before the cutover, right after the commit. */
import type { Ending, FaultCase } from '../case.js';
import type { Moment } from '../moments.js';
import type { Site } from '../site.js';

/** The new instance's, by its label. */
async function appOf({ ground, deployer }: Site, tag: string) {
  const label = [`dev.quayside.store=${deployer.storeId}`, `dev.quayside.tag=${tag}`];
  const [found] = await ground.bench.docker.listContainers({ all: true, filters: { label } });
  if (!found) throw new Error(`There is no container of ${tag}.`);
  return ground.bench.docker.getContainer(found.Id);
}

/** Tells the app (see test/support/images.ts) to end, to take memory, or to listen no more, and waits until that is so. */
const told = (signal: 'HUP' | 'USR1' | 'USR2', tag: string) => async (site: Site) => {
  const container = await appOf(site, tag);
  const before = await container.inspect();
  const exec = await container.exec({ Cmd: ['sh', '-c', `kill -${signal} 1`] });
  await exec.start({ Detach: true });
  for (let look = 0; look < 100; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { State, RestartCount } = await container.inspect();
    const hasEnded = !State.Running || RestartCount > before.RestartCount || State.StartedAt !== before.State.StartedAt;
    if (signal === 'USR2' ? look > 4 : hasEnded) return;
  }
  throw new Error(`The app of ${tag} does not do what ${signal} tells it.`);
};

interface Point {
  readonly name: string;
  readonly at: Moment;
  readonly tag: string;
  readonly ends: Ending;
  readonly stage?: FaultCase['stage'];
}

const PATIENT = { healthcheck: { retries: 5, interval: '1s', timeout: '2s' } } as const;
const unhealthy: Ending = { status: ['failed'], kinds: ['unhealthy'] };
/** What does not answer any more cannot be proved. */
const unproved: Ending = { status: ['failed'], kinds: ['unhealthy', 'route-unproved'] };

const POINTS: readonly Point[] = [
  {
    name: 'before its health check',
    at: { port: 'runtime', method: 'start', when: 'after' },
    tag: 'slow',
    stage: PATIENT,
    ends: unhealthy,
  },
  {
    name: 'in its health check',
    at: { port: 'probe', method: 'check', call: 4, when: 'before' },
    tag: 'slow',
    stage: PATIENT,
    ends: unhealthy,
  },
  {
    name: 'right before the cutover',
    at: { port: 'proxy', method: 'put', call: 2, when: 'before' },
    tag: 'v2',
    stage: { proveTimeout: '3s' },
    ends: unproved,
  },
];

const ENDS = [
  { what: 'ends', signal: 'HUP', restart: 'no' },
  { what: 'ends, and is started again by the engine,', signal: 'HUP', restart: 'unless-stopped' },
  { what: 'is killed for want of memory', signal: 'USR1', restart: 'no' },
] as const;

const ended: readonly FaultCase[] = ENDS.flatMap(({ what, signal, restart }) =>
  POINTS.map(
    ({ name, at, tag, stage, ends }): FaultCase => ({
      name: `the container ${what} ${name}`,
      isShort: signal === 'USR1' && name === 'in its health check',
      tag,
      stage: { ...stage, restart },
      fault: { at, strike: told(signal, tag) },
      ends,
      // From the cutover until its end is seen it is what serves.
      isOutage: name.includes('cutover'),
    }),
  ),
);

const sick: readonly FaultCase[] = [
  {
    name: 'the container listens no more right before the cutover',
    // From the cutover until the proof has failed it is what serves.
    isOutage: true,
    stage: { proveTimeout: '3s' },
    fault: { at: { port: 'proxy', method: 'put', call: 2, when: 'before' }, strike: told('USR2', 'v2') },
    ends: unproved,
  },
  {
    name: 'the container turns unhealthy by its own check in its health check',
    before: ['checked'],
    tag: 'checkedToo',
    next: 'checked',
    stage: { healthcheck: { kind: 'image' } },
    fault: { at: { port: 'runtime', method: 'start', when: 'after' }, strike: told('USR2', 'checkedToo') },
    ends: unhealthy,
  },
];

/** After the commit it is what serves. The engine starts it again. */
const committed: readonly FaultCase[] = (['HUP', 'USR1'] as const).map((signal) => ({
  name: `the container ${signal === 'HUP' ? 'ends' : 'is killed for want of memory'} right after the commit`,
  isShort: signal === 'HUP',
  fault: { at: { event: 'deployment.succeeded' }, strike: told(signal, 'v2') },
  ends: { status: ['succeeded'] },
  isOutage: true,
  watches: true,
}));

export const containerCases: readonly FaultCase[] = [...ended, ...sick, ...committed];
