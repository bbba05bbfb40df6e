/** Deployments on a real engine through a proxy that can weigh, while visitors ask: what becomes of versions that are good, bad, slow, or die. */
import { type Deployer, unwrap } from '../../packages/core/src/index.js';
import type { AppImage } from '../support/images.js';
import type { Visit, Visitors } from './visitors.js';

export const WINDOW_MS = 1_000;
/** Of the shop's stages `s*`. */
export const STAGE = {
  port: 3000,
  restart: 'no',
  drain: 0,
  stopGrace: 0,
  cutover: {
    steps: [
      { weight: 20, holdMs: 3_000 },
      { weight: 60, holdMs: 3_000 },
    ],
    abortOn: { errorRate: 0.05, p99Ms: 1_000, minRequests: 10, windowMs: WINDOW_MS },
  },
} as const;
/** How `/cgi-bin/work` of each is answered. */
export const VERSIONS: Readonly<Record<'v1' | 'v2' | 'bad' | 'slow', NonNullable<AppImage['work']>>> = {
  v1: {},
  v2: {},
  bad: { status: 503 },
  slow: { ms: 1_500 },
};

export interface Site {
  readonly deployer: Deployer;
  readonly stage: string;
  readonly visitors: Visitors;
  /** Ends the container of that version, as its own crash would. */
  kill(tag: string): Promise<void>;
}

export interface DeploymentScenario {
  readonly name: string;
  /** Answers what was otherwise. v1 is live. */
  run(site: Site): Promise<readonly string[]>;
}

/** Of answers that are under way when a verdict is found, and the engine calls and puts that take it back. */
const SLACK_MS = 1_000;
const WORK = () => '/cgi-bin/work';
/** After its health check, when it has its first share. */
const SHARED_MS = 1_500;

export const DEPLOYMENTS: readonly DeploymentScenario[] = [
  {
    name: 'a good version gets its shares and then all, and nobody meets an error',
    async run(site) {
      const { result, visits } = await deployed(site, 'v2');
      const by = await asked(site);
      return [
        ...(result === 'succeeded' ? [] : [`it ended ${result}`]),
        ...errors(visits, []),
        ...(visits.some((visit) => visit.by === 'v1') && visits.some((visit) => visit.by === 'v2')
          ? []
          : ['one of them was never asked']),
        ...(by === 'v2' ? [] : [`in the end ${by} answers`]),
      ];
    },
  },
  {
    name: 'a version that answers with errors is taken back within two windows',
    run: (site) => takenBack(site, 'bad', 'cutover-aborted', ['bad']),
  },
  {
    name: 'a version that is too slow is taken back within two windows of its first answers',
    run: (site) => takenBack(site, 'slow', 'cutover-aborted', []),
  },
  {
    name: 'a version that dies with its share is taken back, and only requests that it had fail',
    run: (site) =>
      takenBack(site, 'v2', 'unhealthy', ['v2', ''], async () => {
        await later(SHARED_MS);
        await site.kill('v2');
      }),
  },
  {
    name: 'a version whose predecessor dies gets all',
    async run(site) {
      const [{ result }] = await Promise.all([deployed(site, 'v2'), later(SHARED_MS).then(() => site.kill('v1'))]);
      const by = await asked(site);
      return [...(result === 'succeeded' ? [] : [`it ended ${result}`]), ...(by === 'v2' ? [] : [`${by} answers`])];
    },
  },
  {
    name: 'with too little traffic for a verdict there is none',
    async run(site) {
      const ended = ending(site, 'bad');
      const visits = await site.visitors.crowd(10, WORK);
      const result = await ended;
      return [...(result === 'succeeded' ? [] : [`it ended ${result} after ${visits.length} requests`])];
    },
  },
  {
    name: 'one that is cancelled amid its shares leaves all to the one before',
    async run(site) {
      const { deployer, stage } = site;
      const handle = await unwrap(deployer.submit({ project: 'shop', stage, tag: 'v2' }));
      const [visits] = await Promise.all([
        load(site, Promise.resolve(handle.result)),
        later(SHARED_MS).then(() => unwrap(deployer.cancel(handle.id))),
      ]);
      const error = (await handle.result).match(
        () => 'nothing',
        ({ kind }) => kind,
      );
      const by = await asked(site);
      return [
        ...(error === 'cancelled' ? [] : [`it ended with ${error}`]),
        ...errors(visits, []),
        ...(by === 'v1' ? [] : [`in the end ${by} answers`]),
      ];
    },
  },
];

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What a deployment ends with: its status, or the kind of its error. */
const ending = ({ deployer, stage }: Site, tag: string): Promise<string> =>
  Promise.resolve(deployer.deploy({ project: 'shop', stage, tag })).then((ended) =>
    ended.match(
      ({ status }) => status,
      ({ kind }) => kind,
    ),
  );

async function deployed(site: Site, tag: string) {
  const ended = ending(site, tag);
  const visits = await load(site, ended);
  return { result: await ended, visits };
}

/** Visitors, as long as something is under way. */
async function load({ visitors }: Site, work: Promise<unknown>): Promise<readonly Visit[]> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  void work.then(over, over);
  const visits: Visit[] = [];
  while (!isOver) visits.push(...(await visitors.crowd(16, WORK)));
  return visits;
}

/** Who answers ten visitors: one name, or several. */
async function asked({ visitors }: Site): Promise<string> {
  const visits = await visitors.crowd(10, WORK);
  return [...new Set(visits.map(({ by, status }) => (status === 200 ? by : String(status))))].join(' and ');
}

/** @param excused who may answer with an error; an empty name is a proxy that had nobody to ask */
function errors(visits: readonly Visit[], excused: readonly string[]): string[] {
  const failed = visits.filter(({ by, status }) => status !== 200 && !excused.some((each) => by.startsWith(each)));
  const [first] = failed;
  return first
    ? [`${failed.length} of ${visits.length} failed, the first with ${first.status} ${first.by.slice(0, 80)}`]
    : [];
}

async function takenBack(
  site: Site,
  tag: keyof typeof VERSIONS,
  kind: string,
  excused: readonly string[],
  meanwhile: () => Promise<void> = async () => {},
): Promise<readonly string[]> {
  let firstMs = 0;
  let lastMs = 0;
  const { visit } = site.visitors;
  const noted: Visitors['visit'] = async (path, cookie) => {
    const answered = await visit(path, cookie);
    const nowMs = performance.now();
    if (answered.by === tag) [firstMs, lastMs] = [firstMs || nowMs, nowMs];
    return answered;
  };
  const [{ result, visits }] = await Promise.all([
    deployed({ ...site, visitors: site.visitors.through(noted) }, tag),
    meanwhile(),
  ]);
  const by = await asked(site);
  const tookMs = lastMs - firstMs;
  const { ms: workMs = 0 } = VERSIONS[tag];
  // Until there are enough of slow answers to judge by, and what is under way then.
  const mostMs = 2 * WINDOW_MS + SLACK_MS + 2 * workMs;
  return [
    ...(result === kind ? [] : [`it ended ${result}`]),
    ...(firstMs > 0 ? [] : ['it was never asked']),
    ...(tookMs <= mostMs ? [] : [`it was asked for ${tookMs.toFixed(0)} ms`]),
    ...errors(visits, excused),
    ...(by === 'v1' ? [] : [`in the end ${by} answers`]),
  ];
}
