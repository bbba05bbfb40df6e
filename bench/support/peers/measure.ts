/** One deployment under load: a steady while, the command, and the time until only the new version is there. */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { visited } from '../cutover/visited.js';
import type { Seen } from '../cutover/visitors.js';
import { DOMAIN, type Peer } from './peer.js';

export interface Load {
  /** The visitors, bundled. */
  readonly script: string;
  /** For the file of what they have seen. */
  readonly folder: string;
  /** Every other request comes on a connection of its own. */
  readonly perSecond: number;
  /** Before the command. */
  readonly steadyMs: number;
  readonly signal: AbortSignal;
}

/** Where everything stands at a moment. */
export interface Sample {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  /** Processor seconds of this process so far. */
  readonly own: number;
  /** Of the whole machine; nothing where it does not tell (only Linux does). */
  readonly machine: number | undefined;
}

export interface Measured {
  readonly tag: string;
  readonly seen: Seen;
  /** When the steady while began, the command was given, the tool said that it was done, and the last request was sent. */
  readonly steady: Sample;
  readonly command: Sample;
  readonly done: Sample;
  readonly end: Sample;
  /** Processor seconds of the tool, where it is no part of this process. */
  readonly toolSeconds: number | undefined;
}

/** So long after the tool is done visitors still come, so that the second of the cutover is whole. */
const TAIL_MS = 1_200;
const LIMIT_MS = 180_000;
const LOOK_MS = 500;
const SETTLE_LIMIT_MS = 90_000;

export async function measure(peer: Peer, tag: string, load: Load): Promise<Measured> {
  const { script, folder, perSecond, steadyMs, signal } = load;
  const { port, within } = peer.door;
  const samples: Sample[] = [];
  let toolSeconds: number | undefined;
  const order = { port, domain: DOMAIN, perSecond, streams: { count: 0, everyMs: 1_000 } };
  const seen = await visited({ script, folder, limitMs: LIMIT_MS, within }, order, async () => {
    samples.push(sample());
    await pause(steadyMs, undefined, { signal });
    samples.push(sample());
    toolSeconds = await peer.deploy(tag);
    samples.push(sample());
    await pause(TAIL_MS, undefined, { signal });
    await settled(peer, signal);
    samples.push(sample());
  });
  const [steady, command, done, end] = samples as [Sample, Sample, Sample, Sample];
  return { tag, seen, steady, command, done, end, toolSeconds };
}

/** Until it has one container. Seldom looked for: looking, too, takes processor time. */
export async function settled(peer: Peer, signal: AbortSignal): Promise<void> {
  const untilMs = performance.now() + SETTLE_LIMIT_MS;
  while ((await peer.running()) !== 1) {
    if (performance.now() > untilMs) throw new Error(`more than one container is left after ${SETTLE_LIMIT_MS} ms`);
    await pause(LOOK_MS, undefined, { signal });
  }
}

function sample(): Sample {
  const { user, system } = process.cpuUsage();
  // The visitors' clock, too.
  return { atMs: performance.timeOrigin + performance.now(), own: (user + system) / 1e6, machine: busySeconds() };
}

/** Of all processors together, since the machine has started: user, nice, system, interrupts (proc(5), in hundredths). */
function busySeconds(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  const [, user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'utf8').split(/\s+/).map(Number);
  return [user, nice, system, irq, softirq].reduce<number>((sum, each) => sum + (each ?? 0), 0) / 100;
}
