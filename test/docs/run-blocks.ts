/** Runs what a page says can be run: each block in a process and a folder of its own, against the sources. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Block, root } from './pages.js';

const LIMIT_MS = 60_000;
/** Processes at once. */
const WIDTH = 2;

/** @returns what went wrong, each with its page and line */
export async function runBlocks(blocks: readonly Block[]): Promise<readonly string[]> {
  // Below the repository: packages are looked for from where a file stands.
  mkdirSync(join(root, '.cache'), { recursive: true });
  const folder = mkdtempSync(join(root, '.cache/docs-'));
  const waiting = blocks.map((block, index) => ({ block, file: join(folder, `block-${index}.m${block.language}`) }));
  const wrong: string[] = [];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { block, file } = next;
      writeFileSync(file, block.code);
      const { code, stdout, stderr } = await run(file, folder);
      const at = `${block.page}:${block.line}`;
      if (code !== 0) wrong.push(`${at} ended with ${code ?? 'its limit'}:\n${stderr}`);
      else if (block.prints !== undefined && stdout !== block.prints)
        wrong.push(`${at} printed\n${stdout}and not\n${block.prints}`);
    }
  };
  try {
    await Promise.all(Array.from({ length: WIDTH }, worker));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return wrong;
}

async function run(file: string, cwd: string): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const env = { ...process.env, TSX_TSCONFIG_PATH: join(root, 'tsconfig.json'), NODE_OPTIONS: '' };
  const args = ['--import', join(root, 'node_modules/tsx/dist/loader.mjs'), file];
  const options = { cwd, env, timeout: LIMIT_MS, killSignal: 'SIGKILL' } as const;
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, args, options)) };
  } catch (thrown) {
    // Of one that ended otherwise, what it wrote is in the error.
    return thrown as { code: unknown; stdout: string; stderr: string };
  }
}
