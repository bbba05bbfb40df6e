import { err, ok } from 'neverthrow';
import { has } from '../arguments/grammar.js';
import { usage } from '../arguments/parse.js';
import type { Command } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { withDeployer } from '../session.js';
import { plain } from '../terminal/width.js';
import { checkNames } from './names.js';

export const remove: Command = {
  spec: {
    name: 'remove',
    summary: 'Take an instance, or a stage with all that it has, off',
    about: [
      'Routes go at once, containers once they have drained. An instance that the default route points to goes with its',
      'stage only. A stage is asked about first, where somebody can answer; else it wants --yes.',
    ],
    usage: ['quayside remove <instance>', 'quayside remove <project> <stage>'],
    arguments: [
      { name: 'instance', expected: "an instance's id, or a project and a stage" },
      { name: 'stage', expected: 'the name of a stage', isOptional: true },
    ],
    flags: [{ name: 'yes', short: 'y', about: 'Do not ask' }],
    examples: ['quayside remove 01k6v1c9q0n2f7abcd', 'quayside remove shop pr-42 --yes'],
  },
  async run(context) {
    const { given, io, screen } = context;
    const [first = '', stage] = given.positionals;
    if (stage !== undefined && !has(given, 'yes') && (!io.isInteractive || screen.isJson)) {
      const expected = `it, to remove ${first}/${stage} where nobody can be asked`;
      return err(usage([{ path: '--yes', expected, received: 'nothing' }], 'remove'));
    }
    return withDeployer(context, 'changes', async (session) => {
      const { deployer, interrupts } = session;
      const { signal } = interrupts;
      if (stage !== undefined) {
        const known = await checkNames(session, first, stage);
        if (known.isErr()) return err(known.error);
        if (!has(given, 'yes')) {
          const running = await deployer.instances.list({ project: first, stage, signal });
          const count = running.isOk() ? running.value.items.length : 0;
          const answer = await io.ask(
            `Remove ${plain(first)}/${plain(stage)} with its ${count} instances and routes? [y/N] `,
          );
          if (!/^y(es)?$/i.test(answer.trim())) {
            screen.note('Nothing was removed.');
            return ok(EXIT.cancelled);
          }
        }
      }
      const removed = await deployer.remove(stage === undefined ? { instance: first } : { project: first, stage }, {
        signal,
      });
      if (removed.isErr()) return err(removed.error);
      const { instances } = removed.value;
      if (screen.isJson) screen.object({ type: 'result', exitCode: EXIT.done, instances });
      else {
        const what = stage === undefined ? first : `${first}/${stage}`;
        const { style, signs } = screen.look;
        const count = instances.length === 1 ? '1 instance goes' : `${instances.length} instances go`;
        screen.print(`${style.green(signs.done)} ${style.bold(plain(what))}: its routes are gone, ${count}`);
      }
      return ok(EXIT.done);
    });
  },
};
