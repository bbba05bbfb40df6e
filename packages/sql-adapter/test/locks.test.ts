/** What one process has open in a file stays locked, however often the file is opened beside it: a lost lock is a damaged database. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Store } from '@quayside/core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sqliteStore } from '../src/index.js';

/** Takes the write-ahead log away, which SQLite refuses while anybody has the file open. Answers the mode that it is in then. */
const TAKE_LOG = `
  const { default: Database } = await import('libsql');
  try {
    console.log(new Database(process.argv[1], { timeout: 0 }).prepare('PRAGMA journal_mode = DELETE').get().journal_mode);
  } catch (error) {
    console.log(error.code);
  }`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quayside-locks-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const signal = new AbortController().signal;
async function open(path: string): Promise<Store> {
  const store = sqliteStore({ path })._unsafeUnwrap();
  expect((await store.storeId({ signal })).isOk()).toBe(true);
  return store;
}

it('keeps the locks of a store when a second one of the same file is opened in its process', async () => {
  const path = join(folder, 'shared.db');
  const takeLog = async () =>
    (await promisify(execFile)(process.execPath, ['--input-type=module', '-e', TAKE_LOG, path])).stdout.trim();
  const first = await open(path);
  const second = await open(path);
  expect(await takeLog()).toMatch(/^SQLITE_BUSY/);
  await second.close();
  const third = await open(path);
  expect(await takeLog()).toMatch(/^SQLITE_BUSY/);
  await third.close();
  expect((await first.list('deployments', { limit: 1 }, { signal })).isOk()).toBe(true);
  await first.close();
});
