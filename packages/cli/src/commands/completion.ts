import { didYouMean } from '@quayside/core/ports';
import { err, ok } from 'neverthrow';
import { usage } from '../arguments/parse.js';
import { SCRIPTS, SHELLS } from '../completion/scripts.js';
import type { Command } from '../context.js';
import { EXIT } from '../exit-codes.js';

export const completion: Command = {
  spec: {
    name: 'completion',
    summary: 'Complete words on Tab',
    about: [
      'Prints what bash, zsh or fish has to run: then Tab completes commands, flags, and the names of projects, stages, tags,',
      'instances and deployments, as the configuration and the store have them.',
    ],
    usage: ['quayside completion bash|zsh|fish'],
    arguments: [{ name: 'shell', expected: `one of ${SHELLS.join(', ')}`, completes: [SHELLS] }],
    flags: [],
    examples: [
      'quayside completion bash >> ~/.bashrc',
      'quayside completion zsh > ~/.zfunc/_quayside',
      'quayside completion fish > ~/.config/fish/completions/quayside.fish',
    ],
  },
  run: async ({ given, screen }) => {
    const [name = ''] = given.positionals;
    const shell = SHELLS.find((known) => known === name);
    if (!shell) {
      const expected = `one of ${SHELLS.join(', ')}${didYouMean(name, SHELLS)}`;
      return err(usage([{ path: 'shell', expected, received: JSON.stringify(name) }], 'completion'));
    }
    if (screen.isJson) screen.object({ type: 'completion', shell, script: SCRIPTS[shell] });
    else screen.print(SCRIPTS[shell]);
    return ok(EXIT.done);
  },
};
