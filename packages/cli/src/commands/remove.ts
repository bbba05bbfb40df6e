import { err, ok } from 'neverthrow';
import type { Command } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { type Session, withDeployer } from '../session.js';
import { plain } from '../terminal/width.js';
import { agreed, mayAsk } from './confirm.js';
import { BY, byOf, YES } from './flags.js';
import { checkNames } from './names.js';

export const remove: Command = {
  spec: {
    name: 'remove',
    summary: 'Take something off',
    about: [
      'An instance, or a stage with all that it has. Routes go at once, containers once they have drained. An instance',
      'that the default route points to goes with its stage only. It asks first; where nobody can answer it wants --yes.',
    ],
    usage: ['quayside remove <instance>', 'quayside remove <project> <stage>'],
    arguments: [
      {
        name: 'instance',
        expected: "an instance's id, or a project and a stage",
        completes: ['project', 'instance'],
      },
      { name: 'stage', expected: 'the name of a stage', isOptional: true, completes: ['stage'] },
    ],
    flags: [YES, BY],
    examples: ['quayside remove 01k6v1c9q0n2f7abcd', 'quayside remove shop pr-42 --yes'],
  },
  async run(context) {
    const { given, screen } = context;
    const [first = '', stage] = given.positionals;
    const what = stage === undefined ? first : `${first}/${stage}`;
    const asking = mayAsk(context, `remove ${plain(what)}`);
    if (asking.isErr()) return err(asking.error);
    return withDeployer(context, 'changes', async (session) => {
      const { deployer, interrupts } = session;
      const { signal } = interrupts;
      if (stage !== undefined) {
        const known = await checkNames(session, first, stage);
        if (known.isErr()) return err(known.error);
      }
      const question = stage === undefined ? ofInstance(session, first) : ofStage(session, first, stage);
      if (!(await agreed(context, await question))) return ok(EXIT.cancelled);
      const going = stage === undefined ? { instance: first } : { project: first, stage };
      const removed = await deployer.remove(going, { signal, ...byOf(context) });
      if (removed.isErr()) return err(removed.error);
      const { instances } = removed.value;
      if (screen.isJson) screen.object({ type: 'result', exitCode: EXIT.done, instances });
      else {
        const { style, signs } = screen.look;
        const count = instances.length === 1 ? '1 instance goes' : `${instances.length} instances go`;
        screen.print(`${style.green(signs.done)} ${style.bold(plain(what))}: its routes are gone, ${count}`);
      }
      return ok(EXIT.done);
    });
  },
};

async function ofInstance({ deployer, interrupts: { signal } }: Session, id: string): Promise<string> {
  const found = await deployer.instances.get(id, { signal });
  if (found.isErr()) return `Remove instance ${plain(id)}?`;
  const { project, stage, tag } = found.value;
  return `Remove ${plain(`${tag} of ${project}/${stage}`)} with its routes?`;
}

async function ofStage({ deployer, interrupts: { signal } }: Session, project: string, stage: string) {
  const running = await deployer.instances.list({ project, stage, limit: 1_000, signal });
  const count = running.isOk() ? running.value.items.length : 0;
  return `Remove ${plain(`${project}/${stage}`)} with its ${count} instances and routes?`;
}
