/** What a command is run with. */
import type { AnyError } from '@quayside/core';
import type { Result } from 'neverthrow';
import type { Arguments, CommandSpec } from './arguments/grammar.js';
import type { Interrupts } from './interrupts.js';
import type { Io } from './io.js';
import type { Screen } from './terminal/screen.js';

export interface Context {
  readonly io: Io;
  readonly screen: Screen;
  readonly given: Arguments;
  readonly interrupts: Interrupts;
}

export interface Command {
  readonly spec: CommandSpec;
  /** The exit code, or what went wrong: it is printed, and its exit code follows from it. */
  run(context: Context): Promise<Result<number, AnyError>>;
}
