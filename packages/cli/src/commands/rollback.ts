import { err } from 'neverthrow';
import { flagValue, has } from '../arguments/grammar.js';
import type { Command } from '../context.js';
import { withDeployer } from '../session.js';
import { BY, byOf } from './flags.js';
import { checkNames, PROJECT, STAGE } from './names.js';
import { nearTag, withAdvice } from './near-tag.js';
import { runDeployment } from './run-deployment.js';

export const rollback: Command = {
  spec: {
    name: 'rollback',
    summary: 'Go back to one before',
    about: [
      'Deploys what an earlier deployment has recorded, by default the one that the default route pointed to before.',
      'Where that still runs it is a health check and a cutover.',
    ],
    arguments: [PROJECT, STAGE],
    flags: [
      { name: 'to', value: 'deployment or tag', about: 'Where to; default: the one before', completes: 'tag' },
      { name: 'force', about: 'Start a new container even where the old one runs' },
      BY,
    ],
    examples: ['quayside rollback shop prod', 'quayside rollback shop prod --to v1.4.1'],
  },
  async run(context) {
    const { given } = context;
    const [project = '', stage = ''] = given.positionals;
    const to = flagValue(given, 'to');
    return withDeployer(context, 'changes', async (session) => {
      const known = await checkNames(session, project, stage);
      if (known.isErr()) return err(known.error);
      const ended = await runDeployment(session, { project, stage }, (signal) =>
        session.deployer.rollBack(
          {
            project,
            stage,
            force: has(given, 'force'),
            ...(to === undefined ? {} : { to }),
            ...byOf(context),
          },
          { signal },
        ),
      );
      if (ended.isOk() || to === undefined || ended.error.kind !== 'unknown-deployment') return ended;
      return err(withAdvice(ended.error, await nearTag(session, project, to)));
    });
  },
};
