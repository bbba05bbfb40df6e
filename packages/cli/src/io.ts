/** What the command needs of the process that it is in: given, so that a test can be that process. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: { readonly [name: string]: string | undefined };
  readonly platform: string;
  /** Whether somebody can be asked. */
  readonly isInteractive: boolean;
  cwd(): string;
  /** Relative paths in a configuration count from its folder. */
  chdir(path: string): void;
  /** Who runs it, for the history and the audit trail: `ada@desk`; undefined where nobody can say. */
  user(): string | undefined;
  /** Rejects where nobody answers: Ctrl-C, or the end of the input. */
  ask(question: string): Promise<string>;
  /** Ctrl-C, or a request to end. The answer takes the listener off. */
  onInterrupt(listener: () => void): () => void;
  /** Nobody reads stdout any more. */
  onHangUp(listener: () => void): () => void;
  /** Ends the process at once, whatever is still going on: after a second Ctrl-C. */
  leave(exitCode: number): void;
  /** From here on stdout is for machines: what a configuration writes to the console must not get there. */
  reserveStdout(): void;
}
