/** Runs what a page says can be run: each block in a process and a folder of its own, against the sources. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

function run(file: string, cwd: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const env = { ...process.env, TSX_TSCONFIG_PATH: join(root, 'tsconfig.json'), NODE_OPTIONS: '' };
  const tsx = join(root, 'node_modules/tsx/dist/loader.mjs');
  const child = spawn(process.execPath, ['--import', tsx, file], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  return new Promise((resolve) => {
    child.once('close', (code) => {
      clearTimeout(limit);
      resolve({ code, stdout, stderr });
    });
  });
}
