/**
 * Nginx Proxy Manager's contract server in a process of its own, as the product is one: a process as large as a bench would stand still for
 * each nginx that it starts, for as long as the copying of its memory's tables takes.
 */
import type { ContractServer } from '../../packages/npm-adapter/test/support/contract-server.js';
import { bundled } from '../../test/support/bundle.js';
import { startNode } from '../../test/support/child.js';
import { eventually } from '../../test/support/engine.js';

/** What it says of itself, in one line, once it answers. */
export type Told = Pick<ContractServer, 'url' | 'admin' | 'frontDoor'>;

export interface ContractServerProcess extends Told {
  /** Rejects where it broke the product's contract meanwhile. */
  close(): Promise<void>;
}

const SCRIPT = new URL('./contract-server-process.ts', import.meta.url);
const LIMIT_MS = 60 * 60_000;

export async function startContractServerProcess(): Promise<ContractServerProcess> {
  const child = startNode([await bundled(SCRIPT)], LIMIT_MS);
  const close = async () => {
    child.process.stdin.end();
    const how = await child.ended;
    if (how !== 0) throw new Error(`The contract server ended with ${how}: ${child.errors()}`);
  };
  const line = await eventually(
    'the contract server answers',
    () => child.lines[0] ?? (child.process.exitCode === null ? undefined : close().then(() => undefined)),
  );
  return { ...(JSON.parse(line) as Told), close };
}
