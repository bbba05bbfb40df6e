/** What `npm run bench:peers` makes of its measurements; and its short form, on a real engine. */
import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Belongings } from '../../bench/support/peers/belongings.js';
import { chartOf } from '../../bench/support/peers/chart.js';
import { comparePeers } from '../../bench/support/peers/compare.js';
import type { Measured } from '../../bench/support/peers/measure.js';
import { type Outcome, outcomeOf } from '../../bench/support/peers/outcome.js';
import { reportOf } from '../../bench/support/peers/report.js';
import { type Comparison, summaryOf, verdictOf } from '../../bench/support/peers/summary.js';
import { tableOf } from '../../bench/support/peers/table.js';
import { childrenSeconds, runTool } from '../../bench/support/peers/tool.js';
import type { Workbench } from '../support/engine.js';
import { pushApp } from '../support/images.js';

const OLD = 'v1 0123456789ab';
const NEW = 'v2 ba9876543210';

/** The steady while is 1,000 to 2,000, the command at 2,000, its end at 3,000, that of it all at 5,000. */
function measured(visits: readonly (readonly [startedMs: number, tookMs: number, answer: string])[]): Measured {
  const answers = [...new Set(visits.map(([, , answer]) => answer))];
  return {
    tag: 'v2',
    seen: {
      startedMs: visits.map(([startedMs]) => startedMs),
      tookMs: visits.map(([, tookMs]) => tookMs),
      answer: visits.map(([, , answer]) => answers.indexOf(answer)),
      answers,
      resent: 0,
      downloads: [],
      sockets: [],
    },
    steady: { atMs: 1_000, own: 10, machine: 100 },
    command: { atMs: 2_000, own: 10.1, machine: 100.5 },
    done: { atMs: 3_000, own: 10.9, machine: 102 },
    end: { atMs: 5_000, own: 11, machine: 103.5 },
    toolSeconds: undefined,
  };
}

describe('the outcome of a deployment', () => {
  it('tells the time from the command to when the first answer of the new version came in', () => {
    const { firstAnswerMs, doneMs } = outcomeOf(
      measured([
        [2_500, 300, NEW],
        [2_600, 5, NEW],
        [2_400, 5, OLD],
      ]),
    );
    expect(firstAnswerMs).toBe(605);
    expect(doneMs).toBe(1_000);
  });

  it('counts as failed what the app did not answer, and by what came instead', () => {
    const { failed, failedBefore, requests } = outcomeOf(
      measured([
        [1_500, 5, OLD],
        [1_900, 5, 'error: ECONNREFUSED'],
        [2_200, 5, 'error: ECONNREFUSED'],
        [2_300, 5, '502 <html>\n<head>'],
        [2_400, 5, '<html><h1>Congratulations!</h1>You\nhave'],
        [2_500, 5, NEW],
      ]),
    );
    expect(failed).toEqual({
      'error: ECONNREFUSED': 2,
      '502': 1,
      '<html><h1>Congratulations!</h1>You have': 1,
    });
    // It counts like the others, and is told: the machine was not idle.
    expect(failedBefore).toBe(1);
    expect(requests).toBe(6);
  });

  it('calls the old version wrong only for who came after the tool was done, and says how long both answered', () => {
    const { wrong, mixedMs } = outcomeOf(
      measured([
        [2_500, 5, NEW],
        [2_990, 20, OLD],
        [3_001, 4, OLD],
      ]),
    );
    expect(wrong).toBe(1);
    expect(mixedMs).toBe(505);
  });

  it('holds the second from the first new answer on against the while before the command', () => {
    const steady = Array.from({ length: 100 }, (_, index) => [1_000 + index * 10, index < 98 ? 1 : 7, OLD] as const);
    const { steadyP99Ms, cutoverP99Ms } = outcomeOf(
      measured([...steady, [2_100, 900, OLD], [2_500, 3, NEW], [3_499, 40, NEW], [3_500, 800, NEW]]),
    );
    expect(steadyP99Ms).toBe(7);
    expect(cutoverP99Ms).toBe(40);
  });

  it('takes from the processor time what the load takes in the steady while', () => {
    const { toolSeconds, allSeconds } = outcomeOf(measured([[2_500, 5, NEW]]));
    // 0.9 s in three seconds, of which the load alone takes 0.1 each; 3 s of the machine, at 0.5 each.
    expect(toolSeconds).toBeCloseTo(0.6);
    expect(allSeconds).toBeCloseTo(1.5);
    expect(outcomeOf({ ...measured([[2_500, 5, NEW]]), toolSeconds: 0.25 }).toolSeconds).toBe(0.25);
  });

  it('is none where the new version never answered', () => {
    expect(() => outcomeOf(measured([[2_500, 5, OLD]]))).toThrow('v2 never answered');
  });
});

const outcome = (given: Partial<Outcome> = {}): Outcome => ({
  firstAnswerMs: 400,
  doneMs: 500,
  mixedMs: 0,
  requests: 1_000,
  failed: {},
  failedBefore: 0,
  wrong: 0,
  steadyP99Ms: 2,
  cutoverP99Ms: 3,
  toolSeconds: 0.1,
  allSeconds: 0.5,
  ...given,
});
const peer = (name: string, rounds: readonly Partial<Outcome>[]) => ({
  name,
  isOurs: name.startsWith('quayside'),
  versions: { thing: '1.2.3' },
  rounds: rounds.map(outcome),
});
const all: Comparison = {
  peers: [
    peer('quayside, embedded', [{ firstAnswerMs: 300 }, { firstAnswerMs: 500 }, { firstAnswerMs: 400 }]),
    peer('quayside, haproxy', [{ firstAnswerMs: 500 }]),
    peer('swarm', [
      { firstAnswerMs: 5_000, failed: { '502 <html>': 4 } },
      { firstAnswerMs: 6_000, wrong: 1 },
    ]),
    peer('docker-rollout', [{ firstAnswerMs: 4_000 }]),
    peer('bare', [{ firstAnswerMs: 350, failed: { '502 <html>': 2 } }]),
  ],
  notRun: [],
};
const without = (name: string, isBroken = false): Comparison => ({
  peers: all.peers.filter((each) => each.name !== name),
  notRun: [{ name, why: 'there is <none> & more', isBroken }],
});
const strict = { allowMissing: false };

describe('the summary', () => {
  it('has medians of times and sums of requests', () => {
    const [embedded, , swarm] = all.peers.map(summaryOf);
    expect(embedded?.firstAnswerMs).toBe(400);
    expect(swarm).toMatchObject({ firstAnswerMs: 5_500, failed: 4, wrong: 1, requests: 2_000, p99Ratio: 1.5 });
  });

  it('ends in the line that names the slowest of ours, and every failure', () => {
    expect(verdictOf(all, strict)).toEqual({
      line: 'peers: first answer 11.0x faster than swarm, 8.0x faster than docker-rollout; failed requests ours 0, swarm 5, docker-rollout 0, bare 2',
      isWell: true,
    });
  });

  it('says who was not run in the place of its numbers, and is well with that only where it may be', () => {
    const missing = without('docker-rollout');
    const { line, isWell } = verdictOf(missing, strict);
    expect(line).toBe(
      'peers: first answer 11.0x faster than swarm, docker-rollout not run; failed requests ours 0, swarm 5, docker-rollout not run, bare 2',
    );
    expect(isWell).toBe(false);
    expect(verdictOf(missing, { allowMissing: true }).isWell).toBe(true);
    expect(verdictOf(without('docker-rollout', true), { allowMissing: true }).isWell).toBe(false);
  });

  it('is not well with one failed request or one wrong answer of ours, or without any of ours', () => {
    const ours = (given: Partial<Outcome>) => ({ ...all, peers: [...all.peers, peer('quayside, other', [given])] });
    expect(verdictOf(ours({ failed: { '502 <html>': 1 } }), strict)).toMatchObject({ isWell: false });
    expect(verdictOf(ours({ wrong: 1 }), strict).line).toContain('ours 1');
    const none = { ...all, peers: all.peers.filter(({ isOurs }) => !isOurs) };
    expect(verdictOf(none, { allowMissing: true })).toMatchObject({ isWell: false });
    expect(verdictOf(none, strict).line).toBe(
      'peers: first answer ours not run; failed requests ours not run, swarm 5, docker-rollout 0, bare 2',
    );
  });
});

describe('what people read', () => {
  it('is a table with a line for each, those that were not run with the reason', () => {
    const lines = tableOf(without('docker-rollout')).split('\n');
    expect(lines).toHaveLength(6);
    expect(lines[0]).toMatch(/first answer .* failed .* cpu tool/);
    expect(lines.find((line) => line.startsWith('swarm'))).toMatch(/5500 ms .* 4 +1 +2\.0 ms +3\.0 ms +1\.5x/);
    expect(lines.at(-1)).toMatch(/^docker-rollout +not run: there is <none> & more\. Every number/);
  });

  it('is a picture whose bars are to scale, and that can be read on a dark page', () => {
    const picture = chartOf(without('docker-rollout'));
    const widths = [...picture.matchAll(/<rect class="(?:ours|other)"[^>]* width="([\d.]+)"/g)].map(([, width]) =>
      Number(width),
    );
    // Three parts of four bars; the first part is the time of embedded, haproxy, swarm and bare.
    expect(widths).toHaveLength(12);
    expect(widths.slice(0, 4)).toEqual([24.7, 30.9, 340, 21.6]);
    expect(picture).toContain('prefers-color-scheme: dark');
    expect(picture.match(/>not run</g)).toHaveLength(3);
  });

  it('is a picture without bars of no width known, where nobody failed', () => {
    const well = { ...all, peers: all.peers.slice(0, 2) };
    expect(chartOf(well)).not.toMatch(/NaN|Infinity/);
  });

  it('is a file with every round, the machine and the versions, and neither a path nor the name of the host', () => {
    const missing = without('bare');
    const why = '`sh /home/somebody/script rollout` ended with 1';
    const report = reportOf(
      { ...missing, notRun: [{ name: 'bare', why }] },
      { rounds: 3, perSecond: 500, steadyMs: 3_000, healthIntervalS: 1 },
      'peers: …',
    );
    expect(report.peers.map(({ rounds }) => rounds.length)).toEqual([3, 1, 2, 1]);
    expect(report.machine).toMatchObject({
      cores: expect.any(Number),
      kernel: expect.any(String),
      node: process.versions.node,
    });
    expect(report.peers[0]?.versions).toEqual({ thing: '1.2.3' });
    expect(report.notRun).toEqual([{ name: 'bare', why: '`sh … rollout` ended with 1' }]);
    expect(JSON.stringify(report)).not.toContain(hostname());
  });
});

describe('what was opened on the way', () => {
  it('is closed in the opposite order, each even where another cannot be, and also what comes too late', async () => {
    const closed: string[] = [];
    const thing = (name: string, isStuck = false) => ({
      [Symbol.asyncDispose]() {
        closed.push(name);
        return isStuck ? Promise.reject(new Error(`${name} is stuck`)) : Promise.resolve();
      },
    });
    const belongings = new Belongings();
    for (const each of [thing('a'), thing('b', true), thing('c')]) await belongings.own(each);
    await expect(belongings[Symbol.asyncDispose]()).rejects.toThrow('b is stuck');
    expect(closed).toEqual(['c', 'b', 'a']);
    await expect(belongings.own(Promise.resolve(thing('late')))).rejects.toThrow('after all had been closed');
    expect(closed.at(-1)).toBe('late');
  });
});

/** Small and quick to build; it answers as the bench's own app does, and knows no kept connections. */
const SERVE = 'echo "$APP_VERSION $HOSTNAME ." >/www/index.html; trap "exit 0" TERM; httpd -f -p 3000 -h /www & wait';

describe('the short form, on a real engine', () => {
  const benches: Workbench[] = [];
  const short = {
    rounds: 1,
    perSecond: 100,
    steadyMs: 500,
    healthIntervalS: 1,
    rollout: undefined,
    async push(bench: Workbench, repository: string) {
      benches.push(bench);
      for (const version of ['v1', 'v2'])
        await pushApp(bench, `${repository}:${version}`, { version, command: ['/bin/sh', '-c', SERVE] });
    },
  };
  const nothing = { containers: [], images: [], networks: [], volumes: [] };

  it('deploys with the embedded proxy and with bare calls, loses nothing with ours, and leaves nothing behind', async () => {
    const { signal } = new AbortController();
    const comparison = await comparePeers({ ...short, signal, only: ['embedded', 'bare'], say: () => {} });
    const [embedded, bare] = comparison.peers;
    expect(embedded).toMatchObject({ isOurs: true, rounds: [{ failed: {}, wrong: 0 }] });
    expect(bare).toMatchObject({ name: 'bare', rounds: [{ wrong: 0 }] });
    for (const { rounds } of comparison.peers) {
      expect(rounds[0]?.requests).toBeGreaterThan(200);
      expect(rounds[0]?.firstAnswerMs).toBeGreaterThan(50);
      expect(rounds[0]?.firstAnswerMs).toBeLessThan(20_000);
    }
    expect(comparison.notRun.map(({ why }) => why)).toEqual(Array.from({ length: 4 }, () => 'it was left out'));
    expect(await benches.at(-1)?.leftovers()).toEqual(nothing);
  }, 90_000);

  it('leaves nothing behind where it is ended amid a round', async () => {
    const stop = new AbortController();
    const say = () => setTimeout(() => stop.abort(new Error('ended')), 2_600);
    await expect(comparePeers({ ...short, signal: stop.signal, only: ['bare'], say })).rejects.toThrow('ended');
    expect(await benches.at(-1)?.leftovers()).toEqual(nothing);
  }, 60_000);
});

describe('a tool', () => {
  const signal = new AbortController().signal;

  it('is told with the processor time of what it has started', async () => {
    const busy = 'const end = performance.now() + 300; while (performance.now() < end);';
    const { seconds, output } = await runTool(['sh', '-c', `${process.execPath} -e '${busy}'; echo done`], { signal });
    expect(seconds).toBeGreaterThan(0.2);
    expect(seconds).toBeLessThan(5);
    expect(output).toBe('done\n');
    expect(childrenSeconds('0m0.00s 0m0.01s\n1m2.50s 0m0.25s\n')).toBe(62.75);
  });

  it('that fails says what it has said last', async () => {
    await expect(runTool(['sh', '-c', 'echo no room >&2; exit 3'], { signal })).rejects.toThrow(
      /ended with 3: no room/,
    );
  });

  it('is ended with all that it has started once nobody wants it any more', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'quayside-tool-'));
    try {
      const stop = new AbortController();
      const running = runTool(['sh', '-c', 'sleep 60 & wait'], { signal: stop.signal, cwd: folder });
      setTimeout(() => stop.abort(new Error('enough')), 100);
      // Its output is read to the end, which comes when the last of the group is gone.
      await expect(running).rejects.toThrow('enough');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }, 10_000);
});
