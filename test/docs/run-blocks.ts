/** Runs the blocks of code of the pages, all in one process and each in a world of its own (`play`), against the sources. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Block, isCode, root } from './pages.js';
import type { Part, Played } from './play/player.js';

const LIMIT_MS = 120_000;

/** Code, configurations, and calls of the API. */
export const isPlayed = (block: Block): boolean =>
  isCode(block) || block.language === 'json' || (block.language === 'sh' && block.code.startsWith('curl '));

/** @returns what went wrong, each with its page and line */
export async function runBlocks(blocks: readonly Block[]): Promise<readonly string[]> {
  // Below the repository: packages are looked for from where a file stands.
  mkdirSync(join(root, '.cache'), { recursive: true });
  const folder = mkdtempSync(join(root, '.cache/docs-'));
  const [plan, answers] = [join(folder, 'plan.json'), join(folder, 'answers.jsonl')];
  const parts = blocks.map((block, index): Part => {
    const { id, language, code, runs, prints } = block;
    const file = join(folder, `block-${index}.${isCode(block) ? 'm' : ''}${language}`);
    writeFileSync(file, code);
    return { index, id, file, ...(runs && prints !== undefined ? { prints } : {}) };
  });
  try {
    writeFileSync(plan, JSON.stringify(parts));
    const said = await play(plan, answers);
    const lines = existsSync(answers) ? readFileSync(answers, 'utf8').split('\n') : [];
    const played = new Map(
      lines.filter(Boolean).map((line) => {
        const { index, wrong } = JSON.parse(line) as Played;
        return [index, wrong] as const;
      }),
    );
    return blocks.flatMap(({ page, line }, index) => {
      const wrong = played.has(index) ? played.get(index) : `was not run to its end: ${said}`;
      return wrong === undefined ? [] : [`${page}:${line} ${wrong}`];
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns what the process said, for when it has not come to its end */
async function play(...files: readonly string[]): Promise<string> {
  const env = { ...process.env, TSX_TSCONFIG_PATH: join(root, 'test/docs/play/tsconfig.json'), NODE_OPTIONS: '' };
  const args = ['--import', join(root, 'node_modules/tsx/dist/loader.mjs'), join(root, 'test/docs/play/player.ts')];
  const options = { cwd: root, env, timeout: LIMIT_MS, killSignal: 'SIGKILL' } as const;
  try {
    return (await promisify(execFile)(process.execPath, [...args, ...files], options)).stderr;
  } catch (thrown) {
    const { stderr = '', message } = thrown as { readonly stderr?: string; readonly message: string };
    return stderr || message;
  }
}
