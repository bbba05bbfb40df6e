/**
 * Several real processes on one database that submit to the same few stages at the same time. Some of them are killed and started
 * again in the midst, or stand still for longer than their leases live. Who was in whose way is judged from outside.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundled } from '../support/bundle.js';
import { type Child, startNode } from '../support/child.js';
import { eventually } from '../support/engine.js';
import { seededRandom } from '../support/random.js';
import { openStore, type StoreAt, type StoreKind } from '../support/store-at.js';
import { storeYard } from '../support/store-yard.js';
import type { Line, Orders, Wish } from './host.js';
import { isQuiet, type Judgement, judge } from './judge.js';
import { BROKEN, IMAGE, type Place, TAGS } from './place.js';
import { openWorld, type World } from './world.js';

export const PROCESSES = 4;
const STAGES = 3;

interface Contention {
  readonly store: StoreAt;
  /** Of what the processes are told. */
  readonly folder: string;
  readonly script: string;
  readonly deployments: number;
  /** So many times one of them is killed, or made to stand still. */
  readonly disturbances: number;
  readonly random: () => number;
}

/** How long it may take until all have submitted their shares, and then until everything has ended. */
const LIMIT_MS = 180_000;
const QUIET_MS = 120_000;

/** Short, so that a dead host holds up nobody for long; long enough for a machine that does other things too. */
const SETTINGS: Place['settings'] = { ttlMs: 5_000, renewMs: 500, effectTimeoutMs: 3_000, absentForMs: 300 };
/** One in so many is a tag that ends at once. */
const BROKEN_EVERY = 8;

/** On a new store of that kind. */
export async function contendOn(
  kind: StoreKind,
  { seed, ...given }: { readonly deployments: number; readonly disturbances: number; readonly seed: number },
): Promise<Judgement> {
  const folder = await mkdtemp(join(tmpdir(), 'quayside-contend-'));
  try {
    await using yard = storeYard(folder);
    const script = await bundled(new URL('./host.ts', import.meta.url));
    const store = await yard.open(kind, 'contend');
    return await contend({ ...given, store, folder, script, random: seededRandom(seed) });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function contend(given: Contention): Promise<Judgement> {
  await using world = await openWorld(given.random);
  for (const tag of TAGS) world.engine.push(`${IMAGE}:${tag}`, { body: tag });
  world.engine.push(`${IMAGE}:${BROKEN}`, { listensAfterMs: null, exitsAfterMs: 20, exitCode: 3 });
  const store = openStore(given.store);
  const hosts = shares(given).map((wishes, index) => new HostProcess(given, world, `host-${index + 1}`, wishes));
  try {
    await store.storeId({ signal: new AbortController().signal });
    await Promise.all(hosts.map((host) => host.start()));
    await disturb(hosts, given);
    await eventually('every host has submitted its share', () => hosts.every((host) => host.isThrough), LIMIT_MS);
    // What does not come to rest is judged as it is: it has not ended.
    await eventually('nothing runs and nothing waits', () => isQuiet(store), QUIET_MS).catch(() => {});
    await Promise.all(hosts.map((host) => host.end()));
    return await judge(
      world,
      store,
      hosts.flatMap((host) => host.accepted),
    );
  } finally {
    await Promise.all(hosts.map((host) => host.kill()));
    await store.close();
  }
}

function shares({ deployments, random }: Contention): Wish[][] {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const names = Array.from({ length: STAGES }, (_, index) => `s${index + 1}`);
  return Array.from({ length: PROCESSES }, (_, index) =>
    Array.from({ length: Math.ceil((deployments - index) / PROCESSES) }, () => ({
      stage: pick(names),
      tag: random() < 1 / BROKEN_EVERY ? BROKEN : pick(TAGS),
    })),
  );
}

/** One after the other, while they work: killed and started again, or still for longer than a lease lives. */
async function disturb(hosts: readonly HostProcess[], { disturbances, random }: Contention): Promise<void> {
  for (let count = 0; count < disturbances; count += 1) {
    await pause(300 + random() * 1_200);
    const host = hosts[Math.floor(random() * hosts.length)] as HostProcess;
    if (count % 3 === 2) await host.standStill((SETTINGS.ttlMs ?? 0) + (SETTINGS.effectTimeoutMs ?? 0) + 2_000);
    else {
      await host.kill();
      await pause(random() * 500);
      await host.start();
    }
  }
}

class HostProcess {
  readonly accepted: string[] = [];
  readonly #given: Contention;
  readonly #world: World;
  readonly #name: string;
  readonly #wishes: readonly Wish[];
  #starts = 0;
  #child: Child | undefined;
  #read = 0;

  constructor(given: Contention, world: World, name: string, wishes: readonly Wish[]) {
    this.#given = given;
    this.#world = world;
    this.#name = name;
    this.#wishes = wishes;
  }

  get isThrough(): boolean {
    this.#listen();
    return this.#lines().some(({ said }) => said === 'through');
  }

  /** It goes on where the one before it was: with what that one had not said to be accepted. */
  async start(): Promise<void> {
    const { folder, script, store } = this.#given;
    this.#starts += 1;
    const orders: Orders = {
      name: `${this.#name}.${this.#starts}`,
      place: { store, settings: SETTINGS },
      worldPort: this.#world.port,
      wishes: this.#wishes.slice(this.accepted.length),
      pauseMs: 20,
    };
    const file = join(folder, `${orders.name}.json`);
    await writeFile(file, JSON.stringify(orders));
    this.#read = 0;
    this.#child = startNode(['--enable-source-maps', script, file], LIMIT_MS * 3);
  }

  async kill(): Promise<void> {
    this.#child?.process.kill('SIGKILL');
    await this.#child?.ended;
    this.#listen();
  }

  async standStill(ms: number): Promise<void> {
    this.#child?.process.kill('SIGSTOP');
    await pause(ms);
    this.#child?.process.kill('SIGCONT');
  }

  /** Its input ends; so has it to, by itself. */
  async end(): Promise<void> {
    this.#child?.process.stdin.end();
    const how = await this.#child?.ended;
    this.#listen();
    if (how !== 0) throw new Error(`${this.#name} has ended with ${how}: ${this.#child?.errors()}`);
  }

  #lines(): Line[] {
    return (this.#child?.lines ?? []).map((line) => JSON.parse(line) as Line);
  }

  #listen(): void {
    const lines = this.#lines();
    for (const line of lines.slice(this.#read)) {
      if (line.said === 'refused') throw new Error(`${this.#name} was refused: ${line.why}`);
      if (line.said === 'accepted') this.accepted.push(line.id);
    }
    this.#read = lines.length;
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
