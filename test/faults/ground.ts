/** What all cases share and none of them breaks for the others: an engine, a registry with some images, a database server. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openWorkbench, type Workbench } from '../support/engine.js';
import { type AppImage, pushApp } from '../support/images.js';
import { startPostgres, type TestPostgres } from '../support/postgres.js';
import { type PrivateEngine, startPrivateEngine } from '../support/private-engine.js';
import { startRegistry, type TestRegistry } from '../support/registry.js';

export interface Ground extends AsyncDisposable {
  readonly engine: PrivateEngine;
  readonly bench: Workbench;
  readonly registry: TestRegistry;
  /** Lets nobody in without a login. */
  readonly closedRegistry: TestRegistry;
  readonly postgres: TestPostgres;
  /** The repository of all images, at the registry and on the engine. */
  readonly image: string;
  readonly network: string;
  /** For databases and whatever else a case has. */
  readonly folder: string;
  /** An image with a new name and some bytes that the engine does not have, of that version. */
  freshImage(version: string): Promise<string>;
}

/** Of the shared repository, by tag; each answers with its tag. */
export const IMAGES: { readonly [tag: string]: Omit<AppImage, 'version'> } = {
  v1: {},
  v2: {},
  v9: {},
  silent: { listensAfterMs: null },
  slow: { listensAfterMs: 1_500 },
  checked: { healthcheck: 'until-sick' },
  checkedToo: { healthcheck: 'until-sick' },
};

/** Some megabytes come in parts that a test can stand between. */
export const LAYER_BYTES = 6_000_000;

export async function openGround(): Promise<Ground> {
  const undo: (() => Promise<unknown>)[] = [];
  const dispose = async () => {
    for (const each of undo.reverse().splice(0)) await each();
  };
  const own = async <T extends AsyncDisposable>(opening: Promise<T>): Promise<T> => {
    const opened = await opening;
    undo.push(async () => opened[Symbol.asyncDispose]());
    return opened;
  };
  try {
    const folder = await mkdtemp(join(tmpdir(), 'quayside-faults-'));
    undo.push(() => rm(folder, { recursive: true, force: true }));
    const engine = await own(startPrivateEngine({ keepsContainers: true }));
    const registry = await own(startRegistry());
    const closedRegistry = await own(startRegistry({ login: true }));
    const postgres = await own(startPostgres());
    const bench = openWorkbench('faults', engine.socketPath);
    const image = `${registry.host}/shop`;
    const network = `${bench.prefix}-net`;
    await bench.docker.createNetwork({ Name: network, CheckDuplicate: true });
    for (const [tag, app] of Object.entries(IMAGES))
      await pushApp(bench, `${image}:${tag}`, { version: tag, ...app }, { keep: true });
    let fresh = 0;
    return {
      engine,
      bench,
      registry,
      closedRegistry,
      postgres,
      image,
      network,
      folder,
      async freshImage(version) {
        fresh += 1;
        const repository = `${registry.host}/fresh${fresh}`;
        await pushApp(bench, `${repository}:v1`, { version: 'v1' }, { keep: true });
        await pushApp(bench, `${repository}:v9`, { version: 'v9' }, { keep: true });
        await pushApp(bench, `${repository}:${version}`, { version, paddingBytes: LAYER_BYTES });
        return repository;
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}
