import type { Watch } from '@quayside/core';
import { err, ok } from 'neverthrow';
import { has } from '../arguments/grammar.js';
import type { Command } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { untilAborted } from '../interrupts.js';
import { tellHappenings } from '../render/happenings.js';
import { withDeployer } from '../session.js';

export const watch: Command = {
  spec: {
    name: 'watch',
    summary: 'Mend what others break',
    about: [
      'Until Ctrl-C: routes follow containers that come back under another address, one that ended and should run is started,',
      'what is wrong with an instance is told, and what dead hosts have left is finished. `quayside serve` does it too.',
    ],
    arguments: [],
    flags: [{ name: 'put-back', about: 'Put back routes that somebody else has changed at the proxy' }],
    examples: ['quayside watch', 'quayside watch --put-back --json'],
  },
  run: (context) =>
    withDeployer(context, 'changes', async ({ deployer, interrupts: { signal }, screen }) => {
      const off = tellHappenings(deployer, screen);
      const changedRoutes = has(context.given, 'put-back') ? 'put-back' : 'report';
      const watching = await deployer.watch({ changedRoutes, signal });
      if (watching.isErr()) return err(watching.error);
      if (screen.isJson) screen.object({ type: 'watching', time: Date.now() });
      else screen.print(`${screen.look.style.green(screen.look.signs.done)} watching`);
      await untilAborted(signal);
      await (watching.value satisfies Watch).stop();
      off();
      return ok(EXIT.done);
    }),
};
