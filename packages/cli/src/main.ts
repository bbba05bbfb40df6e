/** The whole command, for any process: from its arguments to its exit code. */
import { type AnyError, QuaysideError } from '@quayside/core';
import { bug } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { type Arguments, has } from './arguments/grammar.js';
import { commandHelp, helpOf } from './arguments/help.js';
import { parseArguments } from './arguments/parse.js';
import { COMMANDS } from './commands/index.js';
import { EXIT, exitCodeOf } from './exit-codes.js';
import { Interrupts } from './interrupts.js';
import type { Io } from './io.js';
import { problemJson, problemLines } from './render/problem.js';
import { type Screen, screenOf } from './terminal/screen.js';

const SPECS = COMMANDS.map(({ spec }) => spec);

export async function main(argv: readonly string[], io: Io, version: string): Promise<number> {
  if (argv[0] === COMPLETE) return complete(argv.slice(1), io);
  // `quayside help deploy` is what many try first.
  const words = argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv;
  const parsed = parseArguments(words, SPECS);
  const isJson = parsed.isOk() ? has(parsed.value, 'json') : argv.includes('--json');
  const screen = screenOf(io, {
    isJson,
    noColor: argv.includes('--no-color'),
    isVerbose: parsed.isOk() && has(parsed.value, 'verbose'),
  });
  if (isJson) io.reserveStdout();
  const answer = parsed.isErr() ? err(parsed.error) : await guarded(() => run(parsed.value, io, screen, version));
  return answer.match(
    (exitCode) => exitCode,
    (error) => fail(error, screen),
  );
}

async function run(given: Arguments, io: Io, screen: Screen, version: string): Promise<Result<number, AnyError>> {
  const { style } = screen.look;
  if (has(given, 'version')) {
    if (screen.isJson) screen.object({ version });
    else screen.print(version);
    return ok(EXIT.done);
  }
  const command = COMMANDS.find(({ spec }) => spec.name === given.command);
  if (!command || has(given, 'help')) {
    const lines = command ? commandHelp(command.spec, style) : helpOf(SPECS, style);
    if (screen.isJson) screen.object({ type: 'help', text: lines.join('\n') });
    else for (const line of lines) screen.print(line);
    return ok(EXIT.done);
  }
  const interrupts = new Interrupts(io);
  try {
    return await command.run({ io, screen, given, interrupts });
  } finally {
    interrupts.stop();
  }
}

/** For shells, and in no help. */
const COMPLETE = '__complete';

/** Nothing of what goes wrong is told: it would stand in somebody's command line. */
async function complete(words: readonly string[], io: Io): Promise<number> {
  io.reserveStdout();
  const { candidates } = await import('./completion/candidates.js');
  const found = await candidates(words, SPECS, io).catch(() => []);
  for (const [word, about] of found) io.stdout.write(`${word}\t${about}\n`);
  return EXIT.done;
}

/** What is thrown all the same is a bug, and told as such. */
async function guarded(work: () => Promise<Result<number, AnyError>>): Promise<Result<number, AnyError>> {
  try {
    return await work();
  } catch (thrown) {
    return err(thrown instanceof QuaysideError ? thrown.error : bug(thrown));
  }
}

function fail(error: AnyError, screen: Screen): number {
  const exitCode = exitCodeOf(error);
  if (screen.isJson) screen.object({ type: 'error', time: Date.now(), exitCode, error: problemJson(error) });
  else {
    for (const line of problemLines(error, screen.errorLook)) screen.note(line);
    const { cause } = error;
    if (error.kind === 'bug' && cause instanceof Error && cause.stack) screen.note(cause.stack);
  }
  return exitCode;
}
