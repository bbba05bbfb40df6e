/**
 * What may stand where the cursor is: a line per candidate, with what it is behind a tab. Called by the shell at each Tab, so that it is
 * quick, and silent about whatever goes wrong: who types has not asked for an error.
 */

import { dirname } from 'node:path';
import { type AnyError, createDeployer, type Deployer, type DeployerOptions } from '@quayside/core';
import { ok, type Result } from 'neverthrow';
import { type CommandSpec, type Completes, flagValue, GLOBAL_FLAGS } from '../arguments/grammar.js';
import { parseArguments } from '../arguments/parse.js';
import { findConfig } from '../config/find.js';
import { loadConfig } from '../config/load.js';
import type { Io } from '../io.js';
import { ageText } from '../terminal/quantities.js';
import { plain } from '../terminal/width.js';
import { wantedOf } from './wanted.js';

export type Candidate = readonly [word: string, about: string];

/** Nobody waits longer at a prompt. */
const LIMIT_MS = 3_000;
const CLOSE_MS = 200;
/** The newest so many. */
const COUNT = 50;

export async function candidates(
  words: readonly string[],
  specs: readonly CommandSpec[],
  io: Io,
): Promise<Candidate[]> {
  const wanted = wantedOf(words, specs);
  const word = words.at(-1) ?? '';
  const fitting = (all: readonly Candidate[]) => all.filter(([each]) => each.startsWith(word));
  switch (wanted.kind) {
    case 'commands':
      return fitting(specs.map(({ name, summary }) => [name, summary]));
    case 'flags':
      return fitting(
        [...(wanted.command?.flags ?? []), ...GLOBAL_FLAGS]
          .filter(({ name, isMany }) => isMany || !wanted.given.has(name) || name === 'help')
          .map(({ name, about }) => [`--${name}`, about]),
      );
    case 'values':
      return fitting(await values(wanted.of, wanted.before, words, specs, io));
    default:
      return [];
  }
}

async function values(
  of: readonly Completes[],
  before: readonly string[],
  words: readonly string[],
  specs: readonly CommandSpec[],
  io: Io,
): Promise<Candidate[]> {
  const fixed = of.flatMap((each) => (typeof each === 'string' ? [] : each.map((word): Candidate => [word, ''])));
  if (of.every((each) => typeof each !== 'string' || each === 'file')) return fixed;
  const options = await optionsOf(words, specs, io);
  if (!options) return fixed;
  const [project, stage] = before;
  const found: Candidate[] = [...fixed];
  if (of.includes('project')) found.push(...projectsOf(options));
  if (of.includes('stage')) found.push(...stagesOf(options, project));
  if (of.some((each) => ['tag', 'stage', 'instance', 'deployment'].includes(each as string)))
    found.push(...(await stored(options, of, { project, stage })));
  return [...new Map(found.map((each) => [each[0], each])).values()];
}

async function optionsOf(words: readonly string[], specs: readonly CommandSpec[], io: Io) {
  const parsed = parseArguments([...words.slice(0, -1), '--help'], specs);
  const found = await findConfig(parsed.isOk() ? flagValue(parsed.value, 'config') : undefined, io.cwd());
  if (found.isErr()) return undefined;
  io.chdir(dirname(found.value));
  const loaded = await loadConfig(found.value, io.env, LIMIT_MS);
  return loaded.isOk() ? loaded.value.options : undefined;
}

const projectsOf = ({ projects }: DeployerOptions): Candidate[] =>
  typeof projects === 'function' ? [] : Object.entries(projects).map(([name, { image }]) => [name, image]);

/** Names that can be typed: a pattern is none. */
function stagesOf({ projects }: DeployerOptions, project: string | undefined): Candidate[] {
  if (typeof projects === 'function' || project === undefined || !Object.hasOwn(projects, project)) return [];
  return Object.keys(projects[project]?.stages ?? {})
    .filter((name) => !name.includes('*'))
    .map((name) => [name, '']);
}

interface Place {
  readonly project: string | undefined;
  readonly stage: string | undefined;
}

async function stored(options: DeployerOptions, of: readonly Completes[], place: Place): Promise<Candidate[]> {
  const made = await createDeployer({ ...options, recover: 'manual' });
  if (made.isErr()) return [];
  const deployer = made.value;
  const signal = AbortSignal.timeout(LIMIT_MS);
  const awake = setInterval(() => {}, LIMIT_MS);
  try {
    const lists = await Promise.all([
      of.includes('instance') ? instances(deployer, signal) : ok([]),
      of.includes('tag') || of.includes('stage') || of.includes('deployment')
        ? history(deployer, of, place, signal)
        : ok([]),
    ]);
    return lists.flatMap((list) => list.unwrapOr([]));
  } finally {
    await deployer.close({ timeoutMs: CLOSE_MS });
    clearInterval(awake);
  }
}

async function instances(deployer: Deployer, signal: AbortSignal): Promise<Result<Candidate[], AnyError>> {
  const page = await deployer.instances.list({ limit: COUNT, signal });
  return page.map(({ items }) =>
    items.map(({ id, project, stage, tag, isDefault }) => [
      id,
      plain(`${project}/${stage} ${tag}${isDefault ? ', serves' : ''}`),
    ]),
  );
}

/** Tags, stages that patterns have made, and deployments: what the history says of them. */
async function history(
  deployer: Deployer,
  of: readonly Completes[],
  { project, stage }: Place,
  signal: AbortSignal,
): Promise<Result<Candidate[], AnyError>> {
  const query = of.includes('deployment') ? {} : { ...(project === undefined ? {} : { project }) };
  const page = await deployer.deployments.list({ ...query, limit: COUNT, signal });
  return page.map(({ items }) =>
    items.flatMap((each): Candidate[] => {
      const about = plain(
        `${each.project}/${each.stage} ${each.tag}, ${each.status} ${ageText(Date.now() - each.queuedAt)} ago`,
      );
      return [
        ...(of.includes('deployment') ? [[each.id, about] as const] : []),
        ...(of.includes('stage') && each.project === project ? [[each.stage, ''] as const] : []),
        ...(of.includes('tag') && (stage === undefined || each.stage === stage) ? [[each.tag, about] as const] : []),
      ];
    }),
  );
}
