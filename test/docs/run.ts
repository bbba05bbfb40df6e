/**
 * Every block of the pages that a machine can hold to its word: TypeScript and JavaScript compile against the real API and run, in a world in
 * memory that has what the page says; JSON configurations are loaded; what a reader types is understood by the program that it names; help
 * that is shown is what the command says.
 *
 *   npm run test:docs
 */
import { isShell, wrongCommands, wrongMentions } from './commands.js';
import { compile } from './compile.js';
import { isData, wrongData } from './data.js';
import { isHelp, wrongHelp } from './help.js';
import { blocksOf, isCode, readPages } from './pages.js';
import { isPlayed, runBlocks } from './run-blocks.js';

const pages = readPages();
const blocks = pages.flatMap(blocksOf);
const of = (is: (block: (typeof blocks)[number]) => boolean) => blocks.filter(is);
const [code, data, shell, help, played] = [of(isCode), of(isData), of(isShell), of(isHelp), of(isPlayed)];

const wrong = [
  ...compile(code),
  ...data.flatMap(wrongData),
  ...(await Promise.all(shell.map(wrongCommands))).flat(),
  ...pages.flatMap(wrongMentions),
  ...help.flatMap(wrongHelp),
  ...(await runBlocks(played)),
];
for (const line of wrong) console.log(line);
const compiled = code.length + data.length + shell.length;
console.log(`docs: ${compiled} blocks compiled, ${played.length + help.length} run, ${wrong.length} failed`);
process.exitCode = wrong.length === 0 && played.length > 0 ? 0 : 1;
