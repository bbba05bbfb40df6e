/** What is printed where: stdout for what was asked for, stderr for what goes wrong and for asides. */
import type { Io, Output } from '../io.js';
import { type Look, lookOf } from './style.js';
import { fit } from './width.js';

export interface Screen {
  readonly out: Output;
  /** Of stdout. */
  readonly look: Look;
  /** Of stderr. */
  readonly errorLook: Look;
  /** Somebody watches stdout, and a line may be written anew. */
  readonly isLive: boolean;
  readonly isJson: boolean;
  readonly isVerbose: boolean;
  /** Of the terminal; undefined in a pipe: nothing is cut there. */
  readonly columns: number | undefined;
  print(line: string): void;
  /** With `--json`: one object, one line. */
  object(value: object): void;
  /** To stderr. */
  note(line: string): void;
}

export function screenOf(
  io: Io,
  options: { readonly isJson: boolean; readonly noColor: boolean; readonly isVerbose: boolean },
): Screen {
  const { stdout, stderr, env, platform } = io;
  const { isJson, noColor, isVerbose } = options;
  const lookAt = (output: Output) => lookOf({ isTTY: output.isTTY === true, env, platform, noColor });
  const isTerminal = stdout.isTTY === true && !isJson;
  return {
    out: stdout,
    look: lookAt(stdout),
    errorLook: lookAt(stderr),
    isLive: isTerminal && env['TERM'] !== 'dumb',
    isJson,
    isVerbose,
    get columns() {
      return isTerminal ? (stdout.columns ?? 80) : undefined;
    },
    print: (line) => void stdout.write(`${line}\n`),
    object: (value) => void stdout.write(`${JSON.stringify(value)}\n`),
    note: (line) => void stderr.write(`${line}\n`),
  };
}

/** A line as wide as the terminal at most. */
export const fitted = (screen: Screen, line: string): string =>
  screen.columns === undefined ? line : fit(line, screen.columns, screen.look.signs.ellipsis);
