/**
 * Canaries: secrets wherever a host can give one, pushed through every surface while deployments succeed and fail, and searched for in
 * everything that anybody could see of it, in the forms in which secrets get about and in pieces.
 *
 *   npm run test:secrets [-- --only TEXT] [--from N] [--sample N]
 *
 * First the control: the same values, of which nothing is marked as secret, have to be found on every surface. A surface that shows
 * nothing then was not looked at.
 *
 * A surface more: a name in `SURFACES` and what is seen there in `surfaces.ts`, or, of what a host mounts around its deployer, in `front.ts`.
 */
import { parseArgs } from 'node:util';
import { createDeployer, type Deployer } from '@quayside/core';
import { type Canary, formsOf, plant, Search } from './canaries.js';
import { builtPage, openFront, plainPage } from './front.js';
import { OUTCOMES, type Outcome } from './outcomes.js';
import { openSite, type Site } from './site.js';
import {
  runCommand,
  Seen,
  SURFACES,
  seeDeployer,
  seeError,
  seeProcesses,
  seeWorld,
  watchEvents,
  whileShown,
} from './surfaces.js';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    from: { type: 'string', default: '1' },
    sample: { type: 'string' },
  },
});
const chosen = OUTCOMES.slice(Number(values.from) - 1).filter(({ name }) => name.includes(values.only));
const every = values.sample === undefined ? 1 : Math.max(1, Math.floor(chosen.length / Number(values.sample)));
const outcomes = chosen.filter((_, index) => index % every === 0);
if (outcomes.length === 0 || !Number.isInteger(every)) {
  console.error('secrets: --sample takes a whole number, --only a part of an outcome that there is.');
  process.exit(2);
}

type Global = { quaysideSecretsTest?: () => unknown };
/** Refusals of a stage that is already as it was asked for tell nothing; a command asks for a tag that is new. */
const OVERRIDE = ['--env', 'OVERRIDE'];
const COMMANDS = [
  ['command', ['deploy', 'shop', 'dev', 'v2', '--force', '--no-color', ...OVERRIDE]],
  ['command in JSON', ['deploy', 'shop', 'dev', 'v2', '--force', '--json', '--verbose', ...OVERRIDE]],
  ['command on a terminal', ['logs', 'shop', 'dev']],
  ['command on a terminal', ['history', 'shop', 'dev']],
  ['command in JSON', ['history', 'shop', 'dev', '--json']],
  ['command', ['ps']],
  ['command', ['logs', 'shop', 'dev', '--verbose']],
  ['command in JSON', ['audit', '--json']],
] as const;
const CLOSE = { timeoutMs: 1_500, running: 'cancel' } as const;

async function play(outcome: Outcome, site: Site, seen: Seen): Promise<void> {
  const beside = await outcome.beside?.(site);
  const options = () => site.options((usual) => outcome.options?.(usual, site, beside?.port ?? 0) ?? usual);
  (globalThis as Global).quaysideSecretsTest = options;
  const log = heard(seen);
  let deployer: Deployer | undefined;
  site.isGathered = outcome.isFirst !== false;
  try {
    const given = options();
    const made = await createDeployer(given);
    const front = made.isOk() ? await openFront(made.value, given, site, page, seen) : undefined;
    if (made.isErr()) seeError(made.error, seen);
    else {
      deployer = made.value;
      watchEvents(deployer, seen);
      await actOn(deployer, outcome, site, seen);
      await seeDeployer(deployer, site, seen);
      await seeWorld(site, seen);
      await front?.look();
    }
    for (const [surface, words] of COMMANDS) await runCommand(site, words, surface, seen);
    await front?.fail();
    await seeProcesses(seen);
    await front?.[Symbol.asyncDispose]();
    for (const each of [deployer, ...site.more]) await each?.close(CLOSE);
    await seeWorld(site, seen);
  } finally {
    log.end();
    await beside?.[Symbol.asyncDispose]();
  }
}

async function actOn(deployer: Deployer, outcome: Outcome, site: Site, seen: Seen): Promise<void> {
  const isFirst = outcome.isFirst !== false;
  if (isFirst) {
    const first = await deployer.deploy(site.request('v1'));
    if (first.isErr()) seeError(first.error, seen);
  }
  outcome.strike?.(site);
  const acted: unknown = await (outcome.act?.(deployer, site) ?? deployer.deploy(site.request('v2')));
  if (isResult(acted) && acted.isErr()) seeError(acted.error, seen);
  // What cannot be looked at is told in the report.
  site.faults.runtime.inject('list', {
    kind: 'fail-before',
    error: site.refusalNow('engine-unreachable') as never,
  });
  for (const report of [await deployer.recover({ signal: AbortSignal.timeout(3_000) }), await deployer.prune()]) {
    if (report.isErr()) seeError(report.error, seen);
    else seen.add('reports', JSON.stringify(report.value));
  }
}

const isResult = (value: unknown): value is { isErr(): boolean; readonly error: never } =>
  typeof value === 'object' && value !== null && 'isErr' in value;

/** What is written to this process's own streams meanwhile. */
function heard(seen: Seen) {
  const streams = [process.stdout, process.stderr];
  const writes = streams.map((stream) => stream.write.bind(stream));
  for (const stream of streams)
    stream.write = ((text: string | Uint8Array) => {
      seen.add('console of the host', String(text));
      return true;
    }) as typeof stream.write;
  return {
    end: () => {
      for (const [index, stream] of streams.entries()) stream.write = writes[index] as typeof stream.write;
    },
  };
}

/** Whose secrets were found, and where. */
const leaksOf = (seen: Seen, search: Search) =>
  SURFACES.flatMap((surface) => search.in(seen.of(surface)).map((canary) => ({ surface, canary })));

async function control(): Promise<readonly string[]> {
  const canaries = plant();
  const seen = new Seen();
  const search = new Search(Object.values(canaries));
  const missed: string[] = [];
  for (const { name, value, secret } of Object.values(canaries) as Canary[])
    for (const form of [value, ...formsOf(secret.split('\n')[0] ?? '')])
      if (!search.in(`before ${form} behind`).includes(name)) missed.push(`${name}, written as ${form}`);
  await using site = await openSite(canaries, true);
  const leaks: Outcome = {
    name: 'control',
    strike: (site) => {
      site.engine.push('registry.test/shop:v2', { lines: [site.leak], body: 'v2' });
      site.faults.proxy.inject('prove', { kind: 'fail-before', error: site.refusal('route-unproved') as never }, 1);
      site.faults.proxy.inject('prove', { kind: 'fail-before', error: site.refusal('route-unproved') as never }, 1_000);
    },
    async act(deployer, site) {
      const failed = await deployer.deploy(site.request('v2'));
      site.faults.proxy.clear();
      await deployer.deploy(site.request('v2'));
      site.faults.proxy.inject('prove', { kind: 'fail-before', error: site.refusal('route-unproved') as never }, 1_000);
      console.log(canaries.written.value);
      return failed;
    },
  };
  await whileShown(canaries.written.value, () => play(leaks, site, seen));
  const found = new Set(leaksOf(seen, search).map(({ surface }) => surface));
  return [...missed, ...SURFACES.filter((surface) => !found.has(surface)).map((surface) => `a leak on: ${surface}`)];
}

const page = values.sample === undefined ? await builtPage() : plainPage();
const missed = await control();
for (const each of missed) console.error(`The control has not found ${each}.`);

let leaks = 0;
const quiet = new Set<string>(SURFACES);
for (const outcome of outcomes) {
  const canaries = plant();
  const seen = new Seen();
  const search = new Search(Object.values(canaries));
  const startedAt = performance.now();
  {
    await using site = await openSite(canaries);
    await play(outcome, site, seen);
  }
  const found = leaksOf(seen, search);
  leaks += found.length;
  for (const surface of SURFACES) if (seen.of(surface) !== '') quiet.delete(surface);
  console.log(
    `${found.length === 0 ? 'none' : 'LEAK'}  ${outcome.name} (${Math.round(performance.now() - startedAt)} ms)`,
  );
  for (const { surface, canary } of found) console.error(`  ${canary}: on ${surface}`);
  if (process.env['CANARY_SHOW'])
    for (const { surface } of found) {
      const text = seen.of(surface);
      const at = search.at(text);
      console.error(surface, '…', text.slice(Math.max(0, at - 300), at + 120));
    }
}
// The host's console has nothing to say; every other surface has been looked at.
quiet.delete('console of the host');
const isWhole = values.only === '' && values.from === '1';
if (isWhole) for (const each of quiet) console.error(`Nothing was seen of: ${each}.`);

console.log(`secrets: ${SURFACES.length} surfaces x ${outcomes.length} outcomes, ${leaks} leaks`);
process.exitCode = leaks + missed.length === 0 && (!isWhole || quiet.size === 0) ? 0 : 1;
