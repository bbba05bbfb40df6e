/** The store: a full disk, somebody else's lock, a database server that is restarted, killed, away or silent. */
import { execFileSync, spawn } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ending, FaultCase } from '../case.js';
import type { Moment } from '../moments.js';
import type { Site } from '../site.js';

/** The embedded proxy's routes are in the store too. */
const KINDS = [
  'store-unavailable',
  'store-refused',
  'lease-lost',
  'interrupted',
  'proxy-unreachable',
  'route-unproved',
];
const either: Ending = { status: ['failed', 'succeeded'], kinds: KINDS };
const failed: Ending = { status: ['failed'], kinds: KINDS };

const MOMENTS: { readonly [name: string]: Moment } = {
  create: { port: 'runtime', method: 'create', when: 'before' },
  'the cutover': { port: 'proxy', method: 'put', call: 2, when: 'before' },
  'the commit': { port: 'proxy', method: 'prove', when: 'after' },
};
const RETIRE: Moment = { port: 'runtime', method: 'stop', when: 'before' };

const ballastOf = ({ disk }: Site) => join(disk, 'ballast');
const fill = (site: Site) => {
  const { bavail, bsize } = statfsSync(site.disk);
  writeFileSync(ballastOf(site), Buffer.alloc(bavail * bsize));
};
const empty = (site: Site) => rmSync(ballastOf(site), { force: true });

const fullDisk: readonly FaultCase[] = [
  ...Object.entries(MOMENTS).map(
    ([name, at]): FaultCase => ({
      name: `the disk under SQLite is full at ${name}`,
      store: 'small-disk',
      isShort: name === 'create',
      fault: { at, strike: fill, mend: empty },
      ends: failed,
    }),
  ),
  {
    name: 'the disk under SQLite is full at the cutover, for two seconds',
    store: 'small-disk',
    fault: { at: MOMENTS['the cutover'] as Moment, strike: fill, mend: empty, mendAfterMs: 2_000 },
    ends: either,
  },
  {
    name: 'the disk under SQLite is full in retire',
    store: 'small-disk',
    stage: { maxInstances: 1 },
    fault: { at: RETIRE, strike: fill, mend: empty, mendAfterMs: 2_000 },
    ends: { status: ['succeeded'] },
  },
];

/** Another process that has begun to write and does not end. */
function locking(site: Site): Promise<void> {
  const script = `const Database = require('libsql'); const db = new Database(process.argv[1]); db.exec('BEGIN IMMEDIATE'); console.log('locked'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['-e', script, join(site.disk, 'quayside.db')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: join(import.meta.dirname, '../../../packages/sql-adapter'),
  });
  lockers.set(site, () => child.kill('SIGKILL'));
  return new Promise((resolve) => child.stdout.once('data', () => resolve()));
}
const lockers = new WeakMap<Site, () => void>();
const unlock = (site: Site) => lockers.get(site)?.();

const locked: readonly FaultCase[] = [
  {
    name: 'another process locks the SQLite file from create on, for three seconds',
    fault: { at: MOMENTS['create'] as Moment, strike: locking, mend: unlock, mendAfterMs: 3_000 },
    ends: either,
  },
  {
    name: 'another process locks the SQLite file from the cutover on, for longer than the lease lasts',
    fault: { at: MOMENTS['the cutover'] as Moment, strike: locking, mend: unlock, mendAfterMs: 14_000 },
    ends: either,
  },
];

const postgres: readonly FaultCase[] = [
  ...Object.entries(MOMENTS).flatMap(([name, at]): FaultCase[] => [
    {
      name: `PostgreSQL is restarted at ${name}`,
      breaks: 'postgres',
      store: 'postgres',
      isShort: name === 'the commit',
      fault: {
        at,
        strike: async ({ ground }) => {
          await ground.postgres.stop('fast');
          await ground.postgres.start();
        },
      },
      ends: either,
      isOutage: true,
    },
    {
      name: `PostgreSQL is killed at ${name}, and back after two seconds`,
      breaks: 'postgres',
      store: 'postgres',
      fault: {
        at,
        strike: ({ ground }) => ground.postgres.stop('crash'),
        mend: ({ ground }) => ground.postgres.start(),
        mendAfterMs: 2_000,
      },
      ends: either,
      isOutage: true,
    },
  ]),
  {
    name: 'PostgreSQL is away from create on, until the deployment is over',
    breaks: 'postgres',
    store: 'postgres',
    fault: {
      at: MOMENTS['create'] as Moment,
      strike: ({ ground }) => ground.postgres.stop('fast'),
      mend: ({ ground }) => ground.postgres.start(),
    },
    ends: failed,
    isOutage: true,
  },
  {
    name: 'PostgreSQL stands still at the cutover, for three seconds',
    breaks: 'postgres',
    store: 'postgres',
    fault: {
      at: MOMENTS['the cutover'] as Moment,
      strike: ({ ground }) => still(ground.postgres.pid, 'SIGSTOP'),
      mend: ({ ground }) => still(ground.postgres.pid, 'SIGCONT'),
      mendAfterMs: 3_000,
    },
    ends: either,
    isOutage: true,
  },
];

/** The server with all of its processes. */
function still(pid: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
  const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' });
  for (const each of [pid, ...children.split(/\s+/).filter(Boolean).map(Number)]) process.kill(each, signal);
}

export const storeCases: readonly FaultCase[] = [...fullDisk, ...locked, ...postgres];
