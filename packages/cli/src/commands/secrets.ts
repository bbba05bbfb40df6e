import type { ResealReport } from '@quayside/core';
import { didYouMean } from '@quayside/core/ports';
import { err, ok } from 'neverthrow';
import { usage } from '../arguments/parse.js';
import type { Command } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { withDeployer } from '../session.js';
import type { Screen } from '../terminal/screen.js';

const ACTIONS = ['rotate'] as const;

export const secrets: Command = {
  spec: {
    name: 'secrets',
    summary: 'Change the sealing key',
    about: [
      'Put a new key in front of the old one in `secrets.keys` of every host, then rotate: what the store keeps sealed is',
      'sealed anew with the first. Once it says so, the old key can go. It may be broken off and run again.',
    ],
    usage: ['quayside secrets rotate'],
    arguments: [{ name: 'action', expected: 'rotate', completes: [ACTIONS] }],
    flags: [],
    examples: ['quayside secrets rotate', "quayside secrets rotate --json | jq '.later'"],
  },
  async run(context) {
    const [action = ''] = context.given.positionals;
    if (!ACTIONS.some((known) => known === action)) {
      const expected = `rotate${didYouMean(action, ACTIONS)}`;
      return err(usage([{ path: 'action', expected, received: JSON.stringify(action) }], 'secrets'));
    }
    return withDeployer(context, 'reads', async ({ deployer, screen, reading }) => {
      const rotated = await deployer.resealSecrets({ signal: reading });
      if (rotated.isErr()) return err(rotated.error);
      const report = rotated.value;
      // What is left is no failure, and a script that takes the old key away has to hear of it.
      const exitCode = canOldKeyGo(report) ? EXIT.done : EXIT.failed;
      if (screen.isJson) screen.object({ type: 'result', exitCode, ...report });
      else for (const line of lines(report, screen)) screen.print(line);
      return ok(exitCode);
    });
  },
};

const canOldKeyGo = ({ later, unreadable }: ResealReport): boolean => later.length + unreadable.length === 0;

function lines({ resealed, current, later, unreadable }: ResealReport, { look }: Screen): string[] {
  const { style, signs } = look;
  const left = [
    ...later.map((id) => `${style.yellow(signs.note)} deployment ${id} has not ended: rotate again when it has`),
    ...unreadable.map((each) => `${style.red(signs.failed)} no key opens ${each}`),
  ];
  const done = `${style.green(signs.done)} ${resealed} sealed anew, ${current} were under the new key`;
  return left.length > 0 ? [done, ...left] : [`${done}: the old key can go`];
}
