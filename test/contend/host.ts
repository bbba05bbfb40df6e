/**
 * One of several hosts: it submits its share to the same few stages as the others, says what was accepted, and goes on until its input
 * ends. It may be killed at any time, or made to stand still.
 *
 *   node host.mjs FILE   (orders as JSON)
 */
import { readFileSync, writeSync } from 'node:fs';
import { createDeployer, unwrap } from '../../packages/core/src/index.js';
import { openStore } from '../support/store-at.js';
import { type Place, PROJECT, PROJECTS } from './place.js';
import { remotePorts } from './remote-ports.js';

export interface Orders {
  /** The world tells the hosts apart by it. */
  readonly name: string;
  readonly place: Place;
  readonly worldPort: number;
  /** What it submits, in this order. */
  readonly wishes: readonly Wish[];
  /** Between two submissions, in milliseconds. */
  readonly pauseMs: number;
}

export interface Wish {
  readonly stage: string;
  readonly tag: string;
}

export type Line =
  | { readonly said: 'accepted'; readonly id: string }
  | { readonly said: 'refused'; readonly why: string }
  | { readonly said: 'through' }
  | { readonly said: 'closed' };

const { name, place, worldPort, wishes, pauseMs } = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Orders;
const say = (line: Line) => void writeSync(1, `${JSON.stringify(line)}\n`);
const world = await remotePorts(worldPort, name);
const { runtime, proxy, probe } = world;
const deployer = await unwrap(
  createDeployer({
    ...{ runtime, proxy, probe },
    store: openStore(place.store),
    settings: { ...place.settings, domain: 'contend.test' },
    projects: PROJECTS,
    // Whoever lives runs what a dead one has submitted.
    worker: { group: 'contend' },
  }),
);
const TRIES = 10;
let isOver = false;
const over = new Promise<void>((resolve) => {
  process.stdin.resume().once('end', () => {
    isOver = true;
    resolve();
  });
});
for (const { stage, tag } of wishes) {
  if (isOver) break;
  // Forced: each one makes a container, moves the routes and retires another one.
  const submit = () => deployer.submit({ project: PROJECT, stage, tag, force: true });
  let handle = await submit();
  // A store that was too slow for once is asked again; that the first one may have arrived all the same makes one more to account for.
  for (let tries = 1; handle.isErr() && handle.error.retryable && tries < TRIES; tries += 1) handle = await submit();
  say(handle.isOk() ? { said: 'accepted', id: handle.value.id } : { said: 'refused', why: handle.error.message });
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
}
say({ said: 'through' });
await over;
await deployer.close();
world.close();
say({ said: 'closed' });
