/** The engine dies and comes back, or stands still, at each step of a deployment. Containers live on meanwhile, unless a case says otherwise. */
import type { Ending, Fault, FaultCase } from '../case.js';
import type { Moment } from '../moments.js';
import type { Site } from '../site.js';

const kill = ({ ground }: Site) => ground.engine.kill();
const start = ({ ground }: Site) => ground.engine.start(true);

interface Step {
  readonly at: Moment;
  readonly also?: Partial<FaultCase>;
  readonly ends: Ending;
}

const KINDS = ['engine-unreachable', 'timeout'];
const failed = (step: string, ...kinds: string[]): Ending => ({
  status: ['failed'],
  kinds: [...KINDS, ...kinds],
  step,
});
const succeeded: Ending = { status: ['succeeded'] };
/** As quick as the engine is back, it may be either. */
const either = (...kinds: string[]): Ending => ({ status: ['failed', 'succeeded'], kinds: [...KINDS, ...kinds] });

const STEPS: { readonly [step: string]: Step } = {
  pull: { at: { port: 'runtime', method: 'pull', when: 'during' }, also: { pulls: true }, ends: failed('pull') },
  create: { at: { port: 'runtime', method: 'create', when: 'during', delayMs: 4 }, ends: either() },
  'create, when it has worked': { at: { port: 'runtime', method: 'create', when: 'after' }, ends: failed('start') },
  start: { at: { port: 'runtime', method: 'start', when: 'during', delayMs: 60 }, ends: either('start-failed') },
  'start, when it has worked': { at: { port: 'runtime', method: 'start', when: 'after' }, ends: either('unhealthy') },
  connect: {
    at: { port: 'runtime', method: 'connect', when: 'during', delayMs: 5 },
    // Made by the deployer, as they are missing.
    also: { stage: { networks: ['faults-first', 'faults-more'] } },
    ends: either('unhealthy'),
  },
  'the route': { at: { port: 'proxy', method: 'put', when: 'before' }, ends: either('unhealthy') },
  'the health check': {
    at: { port: 'probe', method: 'check', call: 3, when: 'before' },
    also: { tag: 'slow', stage: { healthcheck: { retries: 5, interval: '1s', timeout: '2s' } } },
    ends: either('unhealthy'),
  },
  'the cutover': { at: { port: 'proxy', method: 'put', call: 2, when: 'before' }, ends: either('unhealthy') },
  'the undo': {
    at: { port: 'runtime', method: 'remove', when: 'during', delayMs: 5 },
    also: { tag: 'silent' },
    ends: failed('health', 'unhealthy'),
  },
};

/** Behind the commit: the deployment has succeeded, whatever becomes of what it leaves to do. */
const RETIRING: Step = {
  at: { port: 'runtime', method: 'stop', when: 'during', delayMs: 20 },
  also: { stage: { maxInstances: 1 } },
  ends: succeeded,
};

const struck = (name: string, { at, also, ends }: Step, fault: Omit<Fault, 'at'>, more: Partial<FaultCase> = {}) =>
  ({ name, breaks: 'engine', ...also, ...more, fault: { at, ...fault }, ends }) satisfies FaultCase;

const killed: readonly FaultCase[] = Object.entries(STEPS).flatMap(([name, step]) => [
  struck(
    `dockerd is killed in ${name}, and back after a second`,
    step,
    { strike: kill, mend: start, mendAfterMs: 1_000 },
    { isShort: name === 'start' },
  ),
  struck(
    `dockerd is killed in ${name}, and back when the deployment is over`,
    step,
    { strike: kill, mend: start },
    { isShort: name === 'the undo' },
  ),
]);

const retiring: readonly FaultCase[] = [
  struck('dockerd is killed in retire, and back after a second', RETIRING, {
    strike: kill,
    mend: start,
    mendAfterMs: 1_000,
  }),
  struck('dockerd is killed in retire, and away for longer than a step takes', RETIRING, {
    strike: kill,
    mend: start,
    mendAfterMs: 6_000,
  }),
];

/** It takes every connection and answers nothing: each call meets its limit. */
const frozen: readonly FaultCase[] = [
  ...['create', 'start, when it has worked', 'the undo'].map((name) => {
    const step = STEPS[name] as Step;
    return struck(
      `the engine stands still in ${name}`,
      step,
      {
        strike: ({ ground }) => ground.engine.freeze(),
        mend: ({ ground }) => ground.engine.thaw(),
      },
      { isShort: name === 'create' },
    );
  }),
  struck('the engine stands still in retire', RETIRING, {
    strike: ({ ground }) => ground.engine.freeze(),
    mend: ({ ground }) => ground.engine.thaw(),
    mendAfterMs: 7_000,
  }),
];

/**
 * Containers end with the engine and are started again with it, at other addresses perhaps: the host that watches leads their routes there.
 * What is said of the engine's memory is Docker's own: killed, it takes a container for stopped by hand that was to run `unless-stopped`.
 */
const restarted: readonly FaultCase[] = [
  ...(['the health check', 'the cutover'] as const).map((name) =>
    struck(
      `the engine is restarted in order in ${name}, with all containers`,
      STEPS[name] as Step,
      {
        async strike({ ground }) {
          await ground.engine.terminate();
          await ground.engine.start(false);
        },
        mend: restore,
      },
      { isOutage: true, watches: true },
    ),
  ),
  ...(['always', 'unless-stopped'] as const).map((restart) =>
    struck(
      `dockerd is killed when the deployment has succeeded, and ends all containers at its start (${restart})`,
      { at: { event: 'deployment.succeeded' }, also: { stage: { restart } }, ends: succeeded },
      {
        async strike({ ground }) {
          await ground.engine.kill();
          await ground.engine.start(false);
        },
        mend: restore,
      },
      { isOutage: true, watches: true },
    ),
  ),
];

/** For the cases that follow containers live on without the engine again. */
async function restore({ ground }: Site): Promise<void> {
  await ground.engine.terminate();
  await ground.engine.start(true);
}

export const engineCases: readonly FaultCase[] = [...killed, ...retiring, ...frozen, ...restarted];
