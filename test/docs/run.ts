/**
 * Every block of code in the pages: TypeScript and JavaScript compile against the real API, what says `run` runs and prints what stands
 * behind it, JSON is JSON.
 *
 *   npm run test:docs
 */
import { compile } from './compile.js';
import { blocksOf, isCode, readPages } from './pages.js';
import { runBlocks } from './run-blocks.js';

const blocks = readPages().flatMap(blocksOf);
const code = blocks.filter(isCode);
const runnable = code.filter(({ runs }) => runs);
const json = blocks.filter(({ language }) => language === 'json');

const broken = json.flatMap(({ page, line, code: text }) => {
  try {
    JSON.parse(text);
    return [];
  } catch (thrown) {
    return [`${page}:${line}: ${thrown instanceof Error ? thrown.message : String(thrown)}`];
  }
});
const wrong = [...compile(code), ...broken, ...(await runBlocks(runnable))];
for (const line of wrong) console.log(line);
console.log(`docs: ${code.length + json.length} blocks compiled, ${runnable.length} run, ${wrong.length} failed`);
process.exitCode = wrong.length === 0 && runnable.length > 0 ? 0 : 1;
