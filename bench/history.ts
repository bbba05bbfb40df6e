/**
 * How long listing the newest 50 deployments of a stage takes in a history of a million, against one of a thousand, on both stores:
 * through the port's `list`, as `deployer.deployments.list` asks for it. Of two stages: one that half of the history is of, and
 * one that had the first tenth of it and nothing since. Every deployment has a log, of 20 entries where the disk has room.
 *
 *   npm run bench:history [-- --deployments 1000000] [--entries 20] [--rounds 300] [--folder /tmp]
 */
import { statfsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { stageKey } from '../packages/core/src/domain/records.js';
import { unwrap } from '../packages/core/src/index.js';
import { startPostgres } from '../test/support/postgres.js';
import { type FilledStore, filledPostgres, filledSqlite } from './support/filled-stores.js';
import {
  BUSY,
  deploymentOf,
  ENTRY,
  fitting,
  idOf,
  PROJECT,
  QUIET,
  type Size,
  stageOf,
  VERSION,
} from './support/history.js';
import { median } from './support/statistics.js';

const LIMIT = 1.5;
const SMALL = 1_000;
const WARM_UP = 30;
/** Of so many in a row the quickest counts: a server is another process, which has to wait for its turn now and then. */
const CALLS = 3;
const { values } = parseArgs({
  options: {
    deployments: { type: 'string', default: '1000000' },
    entries: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '300' },
    folder: { type: 'string', default: tmpdir() },
  },
});
const wanted: Size = { deployments: Number(values.deployments), entries: Number(values.entries) };
const rounds = Number(values.rounds);
const { signal } = new AbortController();
const atMs = performance.now();
const seconds = () => `${((performance.now() - atMs) / 1_000).toFixed(0)} s`;

const { bavail, bsize } = statfsSync(values.folder);
const large = fitting(wanted, bavail * bsize);
const small = { ...large, deployments: SMALL };
console.log(
  `${large.deployments} deployments, ${large.deployments * large.entries} log entries${large.entries < wanted.entries ? ': the most that fits' : ''}`,
);

const folder = await mkdtemp(join(values.folder, 'quayside-history-'));
// What is filled in is not to be kept; what is measured only reads.
const server = await startPostgres(
  {
    fsync: 'off',
    full_page_writes: 'off',
    wal_level: 'minimal',
    max_wal_senders: '0',
    max_wal_size: '4GB',
    autovacuum: 'off',
  },
  { folder: values.folder },
);
try {
  const pairs = await Promise.all([
    fill('sqlite', (size) => filledSqlite(folder, size)),
    fill('postgres', (size) => filledPostgres(server, size)),
  ]);
  const ratios: number[] = [];
  for (const pair of pairs) {
    for (const each of [pair.small, pair.large]) await verify(each);
    console.log(`plan: ${pair.large.kind}: ${await pair.large.plan(stageKey(PROJECT, BUSY))}`);
    for (const stage of [BUSY, QUIET]) ratios.push(await compare(pair, stage));
  }
  for (const pair of pairs) for (const each of [pair.small, pair.large]) await each.store.close();
  const worst = Math.max(...ratios).toFixed(1);
  console.log(`history: newest 50 at ${large.deployments} deployments ${worst}x of ${SMALL}`);
  process.exitCode = Number(worst) <= LIMIT ? 0 : 1;
} finally {
  await server.remove();
  await rm(folder, { recursive: true, force: true });
}

interface Pair {
  readonly small: FilledStore;
  readonly large: FilledStore;
}

async function fill(kind: string, make: (size: Size) => Promise<FilledStore>): Promise<Pair> {
  const pair = { small: await make(small), large: await make(large) };
  console.log(`filled: ${kind} (${seconds()})`);
  return pair;
}

/** What was filled in is what the store itself would have written: it reads it, and goes on behind it. */
async function verify({ kind, size, store }: FilledStore): Promise<void> {
  const expect = (what: string, found: unknown, expected: unknown) => {
    if (JSON.stringify(found) !== JSON.stringify(expected))
      throw new Error(`${kind}, ${what}: ${JSON.stringify(found)}, and not ${JSON.stringify(expected)}`);
  };
  const recordOf = (number: number) => deploymentOf(idOf(number), stageOf(number, size));
  for (const number of [1, 2, Math.floor(size.deployments / 2), size.deployments]) {
    const stored = await unwrap(store.get('deployments', idOf(number), { signal }));
    expect(`deployment ${number}`, stored, { value: recordOf(number), version: VERSION });
    const log = await unwrap(store.read(`log:${idOf(number)}`, { after: 0 }, { signal }));
    const entries = Array.from({ length: size.entries }, (_, index) => ({ seq: index + 1, value: ENTRY }));
    expect(`log ${number}`, log, entries);
  }
  for (const stage of [BUSY, QUIET]) {
    const numbers: number[] = [];
    for (let number = size.deployments; numbers.length < 51; number -= 1)
      if (stageOf(number, size) === stage) numbers.push(number);
    expect(
      `the newest of ${stage}`,
      (await newest(store, stage)).map(({ value }) => value),
      numbers.map(recordOf),
    );
  }
  const receipt = await unwrap(
    store.commit([{ op: 'append', stream: `log:${idOf(1)}`, entries: [{ ...ENTRY }] }], { signal }),
  );
  expect('the next number of a log', Object.values(receipt.sequences), [size.entries + 1]);
}

/** A page of 50, and one to see whether there is more. */
function newest(store: FilledStore['store'], stage: string) {
  const query = { where: { stageKey: stageKey(PROJECT, stage) }, order: 'desc', limit: 51 } as const;
  return unwrap(store.list('deployments', query, { signal }));
}

/** One after the other, in turns: what disturbs the one disturbs the other. */
async function compare(pair: Pair, stage: string): Promise<number> {
  const took = { small: [] as number[], large: [] as number[] };
  for (let round = -WARM_UP; round < rounds; round += 1) {
    for (const size of round % 2 === 0 ? (['small', 'large'] as const) : (['large', 'small'] as const)) {
      const tookMs: number[] = [];
      for (let call = 0; call < CALLS; call += 1) {
        const startMs = performance.now();
        await newest(pair[size].store, stage);
        tookMs.push(performance.now() - startMs);
      }
      if (round >= 0) took[size].push(Math.min(...tookMs));
    }
  }
  const [few, many] = [median(took.small), median(took.large)];
  const ratio = many / few;
  console.log(
    `${pair.large.kind.padEnd(9)}${stage.padEnd(5)} ${few.toFixed(3)} ms of ${SMALL}, ${many.toFixed(3)} ms of ${large.deployments}: ${ratio.toFixed(2)}x (n=${rounds}, median of the best of ${CALLS})`,
  );
  return ratio;
}
