/** The surroundings of a command that runs in the process of a test: a pipe in which nobody is asked, and nobody interrupts. */
import type { Io, Output } from '../../src/io.js';

/** Keeps what is written. */
export const capture = (): Output & { text: string } => ({
  text: '',
  write(text: string) {
    this.text += text;
  },
});

export const ioOf = (given: Pick<Io, 'stdout' | 'stderr'> & Partial<Io>): Io => ({
  env: {},
  platform: 'linux',
  isInteractive: false,
  cwd: () => process.cwd(),
  chdir: (path) => process.chdir(path),
  user: () => 'somebody',
  ask: () => Promise.reject(new Error('Nobody can be asked.')),
  onInterrupt: () => () => {},
  onHangUp: () => () => {},
  leave: () => {},
  reserveStdout: () => {},
  ...given,
});
