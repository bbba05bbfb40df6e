/** Colours for those who see them: in a real terminal, in a pipe, and where somebody has said what they want. */
import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { inTerminal, quayside, shown, start } from './support/cli.js';

const cwd = tmpdir();
const BOLD = '\x1b[1m';

it('are in a terminal, and not in a pipe', async () => {
  expect((await inTerminal(['--help'], { cwd }).ended).stdout).toContain(BOLD);
  expect((await quayside(['--help'], { cwd })).stdout).not.toContain('\x1b');
});

it('go where NO_COLOR or --no-color says so, and come where FORCE_COLOR does', async () => {
  expect((await inTerminal(['--help'], { cwd, env: { NO_COLOR: '1' } }).ended).stdout).not.toContain('\x1b[');
  expect((await inTerminal(['--help', '--no-color'], { cwd }).ended).stdout).not.toContain('\x1b[');
  expect((await quayside(['--help'], { cwd, env: { FORCE_COLOR: '1' } })).stdout).toContain(BOLD);
});

it('are no part of how an error is told in a narrow terminal: its words are whole', async () => {
  const { code, stdout } = await inTerminal(['deplyo'], { cwd }, { columns: 40 }).ended;
  expect(code).toBe(2);
  expect(shown(stdout).lines.join('')).toContain('did you mean "deploy"');
});

it('ends quietly when the reader of the pipe has gone first', async () => {
  const running = start(['--help'], { cwd });
  running.child.stdout.destroy();
  expect(await running.ended).toMatchObject({ code: 0, stderr: '' });
});
