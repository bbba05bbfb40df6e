import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COLLECTION_INDEXES, type CollectionName, systemClock } from '@quayside/core/ports';
import Database from 'libsql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ask, Work } from './dialect.js';
import { openStore } from './open.js';
import { listWork, readWork } from './read.js';
import { sqliteDialect } from './sqlite/dialect.js';
import { createStatements } from './statements.js';

const folder = mkdtempSync(join(tmpdir(), 'quayside-read-'));
const path = join(folder, 'quayside.db');
const dialect = sqliteDialect({ path, clock: systemClock(), busyTimeoutMs: 5_000 });
const statements = createStatements(dialect);
let database: InstanceType<typeof Database>;

beforeAll(async () => {
  const store = (await openStore(dialect))._unsafeUnwrap();
  await store.database.close();
  database = new Database(path);
});
afterAll(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

/** The one statement that a read asks. */
function askOf(work: Work<unknown>): Ask {
  const { value } = work.next();
  return (value as readonly Ask[])[0] as Ask;
}
const planOf = ({ sql, values }: Ask): string[] =>
  (database.prepare(`explain query plan ${sql}`).all([...values]) as { detail: string }[]).map((row) => row.detail);

const INDEXES: readonly (readonly [CollectionName, readonly string[]])[] = (
  Object.entries(COLLECTION_INDEXES) as [CollectionName, readonly (readonly string[])[]][]
).flatMap(([collection, indexes]) => [[], ...indexes].map((fields) => [collection, fields] as const));

describe('every read is a walk along an index', () => {
  for (const [collection, fields] of INDEXES) {
    it(`${collection} by ${fields.join(', ') || 'id'}: no scan behind the limit, no sort`, () => {
      for (const order of ['asc', 'desc'] as const) {
        for (const after of [undefined, 'x']) {
          for (const held of ['x', null]) {
            const where = Object.fromEntries(fields.map((field) => [field, held]));
            const query = { where, order, limit: 50, ...(after ? { after } : {}) };
            const plan = planOf(askOf(listWork(statements, collection, query)()));
            expect(plan, JSON.stringify(query)).toHaveLength(1);
            expect(plan[0]).toMatch(fields.length > 0 || after ? /^SEARCH .* USING INDEX / : /^SCAN .* USING INDEX /);
            for (const field of fields)
              expect(plan[0]).toContain(field.replace(/[A-Z]/g, (at) => `_${at.toLowerCase()}`));
            if (after) expect(plan[0]).toMatch(order === 'asc' ? /id>\?/ : /id<\?/);
          }
        }
      }
    });
  }

  it('a stream by its number', () => {
    const plan = planOf(askOf(readWork(statements, 'events', { after: 5 })()));
    expect(plan.filter((line) => !/SCALAR SUBQUERY|SEARCH streams USING .*INDEX/.test(line))).toEqual([
      'SEARCH entries USING PRIMARY KEY (stream=? AND seq>?)',
    ]);
  });
});

describe('the newest 50 of a stage', () => {
  const ask = () =>
    askOf(listWork(statements, 'deployments', { where: { stageKey: 'busy' }, order: 'desc', limit: 50 })());
  /** How many steps of its machine SQLite took for it, and how many of those were a scan or a sort. */
  function costOf({ sql, values }: Ask) {
    const fresh = database.prepare(sql);
    expect(fresh.all([...values])).toHaveLength(50);
    const [row] = database.prepare('select nstep, nscan, nsort from sqlite_stmt where sql = ?').all([sql]) as {
      nstep: number;
      nscan: number;
      nsort: number;
    }[];
    return row;
  }
  function fill(from: number, to: number): void {
    database.exec('begin');
    const insert = database.prepare(
      `insert into deployments (id, version, body, stage_key, project, status) values (?, 1, '{}', ?, 'shop', 'failed')`,
    );
    // Most of what the table holds is other stages', some newer, some older.
    for (let at = from; at < to; at += 1)
      insert.run([String(at).padStart(9, '0'), at % 10 === 0 ? 'busy' : `s${at % 7}`]);
    database.exec('commit');
  }

  it('costs the same steps in a table of a thousand and of a hundred thousand', () => {
    fill(0, 1_000);
    const small = costOf(ask());
    fill(1_000, 100_000);
    const large = costOf(ask());
    expect(small).toMatchObject({ nscan: 0, nsort: 0 });
    expect(large).toMatchObject({ nscan: 0, nsort: 0 });
    // Some steps per row that is given, and not one for a row that is not.
    expect(small?.nstep).toBeLessThan(50 * 12);
    expect(large?.nstep).toBe(small?.nstep);
  });
});
