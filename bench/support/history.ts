/** A long history as a store has it: which deployments there are, of which stages, and what each has said in its log. */
import type { DeploymentRecord, LogEntry } from '../../packages/core/src/domain/records.js';
import { stageKey } from '../../packages/core/src/domain/records.js';

export interface Size {
  readonly deployments: number;
  /** Of each deployment's log. */
  readonly entries: number;
}

/** Placeholders in the texts that the databases fill in, row by row. */
export const ID = '@ID@';
export const STAGE = '@STAGE@';

export const PROJECT = 'shop';
/** Every second deployment is of the busy one; of the quiet one are the first tenth, and none since. */
export const BUSY = 'main';
export const QUIET = 'old';
const OTHERS = 18;

/** As text, ids grow with their number. */
export const idOf = (number: number): string => `0${String(number).padStart(17, '0')}`;
export const stageOf = (number: number, { deployments }: Size): string =>
  number * 10 <= deployments ? QUIET : number % 2 === 0 ? BUSY : `s${number % OTHERS}`;
/** The same as an expression of SQL over the column `n`; both databases understand it. */
export const stageSql = ({ deployments }: Size): string =>
  `case when n * 10 <= ${deployments} then '${QUIET}' when n % 2 = 0 then '${BUSY}' else 's' || (n % ${OTHERS}) end`;

const STEPS = ['resolve', 'claim', 'pull', 'create', 'start', 'connect', 'route', 'health', 'cutover'];
const AT = 1_780_000_000_000;

/** A deployment that succeeded, as it is in the end: about 1.5 kB. */
export const deploymentOf = (id: string, stage: string): DeploymentRecord => ({
  id,
  project: PROJECT,
  stage,
  stageKey: stageKey(PROJECT, stage),
  tag: `build-${id}`,
  kind: 'deploy',
  status: 'succeeded',
  cleanup: 'done',
  request: {
    project: PROJECT,
    stage,
    tag: `build-${id}`,
    force: false,
    by: 'ci@example.com',
    policy: 'queue',
    running: 'finish',
    env: [],
  },
  queuedAt: AT,
  startedAt: AT + 40,
  endedAt: AT + 4_200,
  digest: `sha256:${'0123456789abcdef'.repeat(4)}`,
  steps: STEPS.map((name, index) => ({
    name,
    status: 'done',
    startedAt: AT + 40 + index * 400,
    durationMs: 380,
  })),
  instance: id,
  previous: null,
  error: null,
  host: 'host-a',
  group: null,
  needsHost: null,
  supersededBy: null,
  identities: { runtime: 'docker:0123456789abcdef', proxy: 'http://127.0.0.1:8080' },
  left: [],
  writeId: id,
});

/** How often it was written until then. */
export const VERSION = 9;

/** What every entry of a log is: about 130 bytes. */
export const ENTRY: Omit<LogEntry, 'seq'> = {
  time: AT,
  level: 'info',
  step: 'health',
  message: 'GET /healthz has answered 200 after 12 ms: healthy at attempt 1.',
  data: null,
};

/** A fraction of the free disk that may be filled, and what a deployment and an entry take on both stores together, in bytes. */
const FILL = 0.7;
const DEPLOYMENT_BYTES = 6_000;
const ENTRY_BYTES = 600;

/** The most of what is wanted that fits. */
export function fitting(wanted: Size, freeBytes: number): Size {
  const perDeployment = (freeBytes * FILL) / wanted.deployments - DEPLOYMENT_BYTES;
  return { ...wanted, entries: Math.max(1, Math.min(wanted.entries, Math.floor(perDeployment / ENTRY_BYTES))) };
}
