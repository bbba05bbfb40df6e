/** A log that grows, a thousand followers, and the memory of the process that serves them. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { idOf } from '../history.js';
import { Expected } from './expected.js';
import { type Faults, Follower } from './follower.js';

export interface Terms {
  readonly followers: number;
  readonly entries: number;
  /** How many of the followers lose their connection on the way, and come again. */
  readonly cuts: number;
  readonly limitMs: number;
  say(line: string): void;
}

export interface Measured {
  readonly faults: Faults;
  /** Followers that have the whole log. */
  readonly whole: number;
  /** Connections that were cut, and taken up again. */
  readonly resumed: number;
  /** Of the serving process, in bytes: when a tenth of the log was sent, and the most from then on. */
  readonly rssAt: { readonly warm: number; readonly peak: number };
  readonly tookMs: number;
}

/** The log is written no further ahead of the slowest follower than this, so that everybody follows it as it grows. */
const AHEAD = 20_000;
/** So many connections are opened at a time. */
const OPENING = 50;
const LOOK_MS = 20;

export async function measureFollowing({ followers: size, entries, cuts, limitMs, say }: Terms): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'quayside-sse-'));
  const database = join(folder, 'quayside.db');
  const id = idOf(1);
  const children: ChildProcess[] = [];
  const followers: Follower[] = [];
  try {
    const writer = child('writer.ts', [database, id, String(entries)], children);
    await said(writer, 'ready');
    const server = child('server.ts', [database], children);
    const port = Number(await said(server, 'port'));
    const expected = new Expected();
    const faults: Faults = { gaps: 0, doubles: 0, others: [], lagging: 0 };
    const target = { port, path: `/v1/deployments/${id}/log` };
    for (let index = 0; index < size; index += 1) {
      const cut = index < cuts ? [Math.ceil((entries * (index + 1)) / (cuts + 1))] : [];
      followers.push(new Follower(target, expected, faults, cut));
    }
    // The greeting comes at once, however short the log is.
    for (let from = 0; from < size; from += OPENING) {
      await Promise.all(followers.slice(from, from + OPENING).map((each) => each.open()));
    }
    say(`${size} followers are connected`);
    const memory = watchMemory(server);
    const startedMs = performance.now();
    const finished = Promise.all(followers.map(({ ended }) => ended)).then(() => true);
    let tenths = 0;
    for (;;) {
      const slowest = followers.reduce((least, { place }) => Math.min(least, place), Number.POSITIVE_INFINITY);
      const count = expected.lastBefore(slowest);
      writer.send(count + AHEAD);
      for (; tenths < 10 && count >= (entries * (tenths + 1)) / 10; tenths += 1) {
        if (tenths === 0) memory.warm();
        const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
        say(`${(tenths + 1) * 10} % sent to everybody after ${seconds} s, ${megabytes(memory.now)} MB`);
      }
      if (await settledWithin(finished, LOOK_MS)) break;
      if (performance.now() - startedMs > limitMs) {
        faults.others.push(`not done after ${Math.round(limitMs / 1_000)} s`);
        break;
      }
    }
    const whole = followers.filter(({ count }) => count === entries).length;
    const resumed = followers.reduce((sum, each) => sum + each.resumed, 0);
    return { faults, whole, resumed, rssAt: memory.result, tookMs: performance.now() - startedMs };
  } finally {
    for (const follower of followers) follower.close();
    await Promise.all(children.map(killed));
    await rm(folder, { recursive: true, force: true });
  }
}

export const megabytes = (bytes: number): number => Math.round(bytes / 1024 ** 2);

function child(file: string, args: readonly string[], children: ChildProcess[]): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const started = fork(path, args, { execArgv: ['--import', 'tsx'] });
  children.push(started);
  return started;
}

function killed(each: ChildProcess): Promise<unknown> {
  if (each.exitCode !== null || each.signalCode !== null) return Promise.resolve();
  const gone = once(each, 'exit');
  each.kill('SIGKILL');
  return gone;
}

function said(from: ChildProcess, what: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    from.on('message', (message: { readonly [what: string]: unknown }) => what in message && resolve(message[what]));
    from.once('exit', (code) => reject(new Error(`A process ended with ${code} before it was ready.`)));
  });
}

function watchMemory(server: ChildProcess) {
  let now = 0;
  let warm: number | undefined;
  let peak = 0;
  server.on('message', ({ rss }: { readonly rss?: number }) => {
    if (rss === undefined) return;
    now = rss;
    if (warm !== undefined) peak = Math.max(peak, rss);
  });
  return {
    warm: () => {
      warm ??= now;
      peak = Math.max(peak, now);
    },
    get now() {
      return now;
    },
    get result() {
      return { warm: warm ?? now, peak };
    },
  };
}

async function settledWithin(promise: Promise<boolean>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
  }
}
