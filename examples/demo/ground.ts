/** What the demo stands on: an engine that is there, a registry and a folder of its own. It counts and removes what it has made. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openWorkbench, type Workbench } from '../../test/support/engine.js';
import { startRegistry, type TestRegistry } from '../../test/support/registry.js';

export interface Left {
  readonly containers: number;
  readonly networks: number;
  readonly images: number;
  readonly folders: number;
}

export interface Ground {
  readonly bench: Workbench;
  readonly registry: TestRegistry;
  /** Where the store's file is. */
  readonly folder: string;
  /** Removes everything; may be called again. */
  clear(): Promise<void>;
  /** Asked of the engine and the file system, not of anything that remembers. */
  left(): Promise<Left>;
}

export async function openGround(socketPath: string): Promise<Ground> {
  const bench = openWorkbench('demo', socketPath);
  await bench.docker.ping();
  const folder = await mkdtemp(join(tmpdir(), 'quayside-demo-'));
  let registry: TestRegistry | undefined;
  const clear = async () => {
    const ended = await Promise.allSettled([
      bench.cleanUp(),
      registry?.stop(),
      rm(folder, { recursive: true, force: true }),
    ]);
    for (const each of ended) if (each.status === 'rejected') throw each.reason;
  };
  try {
    registry = await startRegistry();
  } catch (error) {
    await clear();
    throw error;
  }
  return {
    bench,
    registry,
    folder,
    clear,
    async left() {
      const { containers, networks, images } = await bench.leftovers();
      return {
        containers: containers.length,
        networks: networks.length,
        images: images.length,
        folders: existsSync(folder) ? 1 : 0,
      };
    },
  };
}
