/** Where it all happens: one engine, one registry, one process that serves, and for each case a store and a stage of its own. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Settings, StageOptions } from '../../packages/core/src/index.js';
import { bundled } from '../support/bundle.js';
import { type Child, startNode } from '../support/child.js';
import { eventually, openWorkbench, type Workbench } from '../support/engine.js';
import { pushApp } from '../support/images.js';
import { startRegistry } from '../support/registry.js';
import type { StoreKind } from '../support/store-at.js';
import { storeYard } from '../support/store-yard.js';
import type { Place } from './ports.js';
import { BROKEN, FRESH, type Scenario } from './scenarios.js';
import { copyTag } from './tags.js';

/** One stage on one store, and what is to happen there. */
export interface Case {
  readonly id: string;
  readonly scenario: Scenario;
  readonly stage: string;
  readonly place: Place;
  /** What `fresh` stands for here. */
  readonly freshTag: string;
  /** By its digest; the engine has it not before the host pulls it. */
  readonly freshImage: string | undefined;
  readonly frontDoor: { readonly host: string; readonly port: number };
  close(): Promise<void>;
}

export interface Ground extends AsyncDisposable {
  readonly bench: Workbench;
  readonly folder: string;
  readonly scripts: { readonly victim: string; readonly survivor: string };
  open(kind: StoreKind, scenario: Scenario): Promise<Case>;
}

const STAGE: StageOptions = {
  port: 3000,
  drain: 0,
  stopGrace: '2s',
  // A slow machine is no reason to fail; what is broken says so at once.
  healthcheck: { interval: '1s', timeout: '5s', retries: 10 },
};

/** Short, so that nobody waits long for a dead host's leases; long enough for a machine that does other things too. */
const SETTINGS: Settings = { ttlMs: 7_000, renewMs: 1_000, effectTimeoutMs: 5_000, absentForMs: 500 };

export async function openGround(settings: Settings = SETTINGS): Promise<Ground> {
  const bench = openWorkbench('crash');
  const registry = await startRegistry();
  const folder = await mkdtemp(join(tmpdir(), 'quayside-crash-'));
  const image = `${registry.host}/shop`;
  const network = `${bench.prefix}-net`;
  const yard = storeYard(folder);
  let doors: Child | undefined;
  const close = async () => {
    doors?.process.stdin.end();
    await doors?.ended;
    await bench.cleanUp();
    await yard[Symbol.asyncDispose]();
    await registry.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await bench.docker.createNetwork({ Name: network, CheckDuplicate: true });
    const [victim, survivor, serving] = await Promise.all(
      ['victim.ts', 'survivor.ts', 'doors.ts'].map((name) => bundled(new URL(`./${name}`, import.meta.url))),
    );
    if (!victim || !survivor || !serving) throw new Error('A script is missing.');
    doors = startNode(['--enable-source-maps', serving], 3_600_000);
    const door = doors;
    const told = async (id: string, order: string): Promise<string> => {
      const from = door.lines.length;
      door.process.stdin.write(`${order}\n`);
      const line = await eventually(
        `the doors answer "${order}"`,
        () => {
          if (door.process.exitCode !== null) throw new Error(`The doors have ended: ${door.errors()}`);
          return door.lines.slice(from).find((each) => each.startsWith(`${id} `));
        },
        30_000,
      );
      const answer = line.slice(id.length + 1);
      if (answer.startsWith('failed')) throw new Error(`${order}: ${answer}`);
      return answer;
    };
    for (const version of ['v1', 'v2', 'v3']) await pushApp(bench, `${image}:${version}`, { version }, { keep: true });
    await pushApp(
      bench,
      `${image}:${BROKEN}`,
      { version: BROKEN, listensAfterMs: null, exitsAfterMs: 20 },
      { keep: true },
    );
    let cases = 0;
    return {
      bench,
      folder,
      scripts: { victim, survivor },
      async open(kind, scenario) {
        cases += 1;
        const id = `c${cases}`;
        const store = await yard.open(kind, id);
        const freshTag = scenario.fresh === 'image' ? `fresh-${id}-${randomBytes(3).toString('hex')}` : FRESH;
        const digest = scenario.fresh === 'image' ? await copyTag(registry.host, 'shop', 'v1', freshTag) : undefined;
        const networks = scenario.fresh === 'network' ? { networks: [`${bench.prefix}-${id}`] } : {};
        const stage: StageOptions = { ...STAGE, ...networks, ...scenario.stage };
        const port = Number(await told(id, `open ${id} ${JSON.stringify(store)}`));
        return {
          id,
          scenario,
          stage: id,
          freshTag,
          freshImage: digest && `${image}@${digest}`,
          frontDoor: { host: '127.0.0.1', port },
          place: {
            store,
            socketPath: bench.socketPath,
            network,
            settings,
            project: { image, stages: { [id]: stage } },
          },
          async close() {
            await told(id, `close ${id}`);
          },
        };
      },
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
