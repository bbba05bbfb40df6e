/**
 * A thousand followers of one log while a million entries are written to it: a real HTTP server on loopback over a store in a SQLite
 * file, which another process writes as another host would. (The store in memory would hold the million entries in the very process
 * whose memory is measured.) Every entry of every follower is checked; one in twenty loses its connection on the way and comes again with
 * `Last-Event-ID`. The log grows as fast as the slowest of them takes it.
 *
 * Memory is flat where the serving process has at the most `GROWTH` more than it had when a tenth of the log was sent. That is what a
 * garbage collector leaves lying at times, several times the 16 MB of entries that the handler keeps; what was sent from then on is a
 * thousand times as much, and one byte kept of each entry and follower would be 900 MB.
 *
 *   npm run bench:sse [-- --followers 1000] [--entries 1000000] [--limit 900]   (the limit in seconds)
 */
import { parseArgs } from 'node:util';
import { measureFollowing, megabytes } from './support/sse/measure.js';

const GROWTH = 128 * 1024 ** 2;
const { values } = parseArgs({
  options: {
    followers: { type: 'string', default: '1000' },
    entries: { type: 'string', default: '1000000' },
    limit: { type: 'string', default: '900' },
  },
});
const followers = Number(values.followers);
const entries = Number(values.entries);
const { faults, whole, resumed, rssAt, tookMs } = await measureFollowing({
  followers,
  entries,
  cuts: Math.ceil(followers / 20),
  limitMs: Number(values.limit) * 1_000,
  say: (line) => console.log(line),
});
const wrong = [...faults.others];
if (whole < followers) wrong.push(`${followers - whole} followers have not the whole log`);
const growth = rssAt.peak - rssAt.warm;
if (growth > GROWTH) wrong.push(`the serving process grew by ${megabytes(growth)} MB`);
for (const each of wrong.slice(0, 20)) console.log(`  wrong: ${each}`);
console.log(
  `${(tookMs / 1_000).toFixed(0)} s, ${resumed} connections cut and resumed, ${faults.lagging} times lagging; the serving process: ${megabytes(rssAt.warm)} MB after a tenth, at most ${megabytes(rssAt.peak)} MB from then on`,
);
console.log(
  `sse: ${followers} followers, ${entries} entries each, ${faults.gaps} gaps, ${faults.doubles} doubles, ${megabytes(rssAt.peak)} MB`,
);
process.exitCode = wrong.length === 0 && faults.gaps === 0 && faults.doubles === 0 ? 0 : 1;
