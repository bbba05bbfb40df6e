import { err, ok } from 'neverthrow';
import type { Command } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { withDeployer } from '../session.js';
import { plain } from '../terminal/width.js';
import { findInstance, INSTANCE_ARGUMENTS } from './find-instance.js';
import { BY, byOf } from './flags.js';

const USAGE = (name: string) => [`quayside ${name} <instance>`, `quayside ${name} <project> <stage> [tag]`];

export const pin = command('pin', 'Keep an instance', [
  'From now on it is neither evicted nor expires, though it counts towards maxInstances. It can be removed, and replaced',
  'by its own tag, all the same. Of a stage: the instance that serves, or the one of the tag.',
]);

export const unpin = command('unpin', 'Let it be evicted again', [
  'Takes a pin off: the instance goes when its turn comes. Of a stage: the one that serves, or the one of the tag.',
]);

function command(name: 'pin' | 'unpin', summary: string, about: readonly string[]): Command {
  return {
    spec: {
      name,
      summary,
      about,
      usage: USAGE(name),
      arguments: INSTANCE_ARGUMENTS,
      flags: [BY],
      examples: [`quayside ${name} shop prod v1.4.1`, `quayside ${name} 01k6v1c9q0n2f7abcd`],
    },
    run: (context) =>
      withDeployer(context, 'reads', async (session) => {
        const { deployer, interrupts, screen } = session;
        const found = await findInstance(session);
        if (found.isErr()) return err(found.error);
        const changed = await deployer[name](found.value.id, { signal: interrupts.signal, ...byOf(context) });
        if (changed.isErr()) return err(changed.error);
        const { id, project, stage, tag } = changed.value;
        if (screen.isJson) screen.object({ type: 'result', exitCode: EXIT.done, instance: changed.value });
        else {
          const { style, signs } = screen.look;
          const what = name === 'pin' ? 'is pinned' : 'is not pinned';
          screen.print(`${style.green(signs.done)} ${style.bold(plain(`${project}/${stage} ${tag}`))} (${id}) ${what}`);
        }
        return ok(EXIT.done);
      }),
  };
}
