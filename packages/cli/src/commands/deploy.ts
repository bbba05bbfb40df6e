import { err } from 'neverthrow';
import { flagValue, has } from '../arguments/grammar.js';
import { envFlag } from '../arguments/values.js';
import type { Command } from '../context.js';
import { withDeployer } from '../session.js';
import { BY, byOf } from './flags.js';
import { PROJECT, STAGE, TAG } from './names.js';
import { runDeployment } from './run-deployment.js';

export const deploy: Command = {
  spec: {
    name: 'deploy',
    summary: 'Put a tag on a stage',
    about: [
      'Pulls, starts, routes and checks it, then moves the traffic. What fails on the way is rolled back, as is what',
      'Ctrl-C interrupts; a second Ctrl-C says what is left and leaves.',
    ],
    arguments: [PROJECT, STAGE, TAG],
    flags: [
      { name: 'digest', value: 'sha256:…', about: 'Exactly this image, whatever the tag points to' },
      {
        name: 'env',
        short: 'e',
        value: 'NAME=value',
        isMany: true,
        about: "Overrides the stage's; NAME alone takes ours",
      },
      { name: 'force', about: 'Deploy even if nothing has changed' },
      BY,
    ],
    examples: ['quayside deploy shop dev v1.4.2', 'quayside deploy shop pr-42 sha-1f2e --env FEATURE=on --json'],
  },
  async run(context) {
    const { given, io } = context;
    const env = envFlag(given, io.env);
    if (env.isErr()) return err(env.error);
    const [project = '', stage = '', tag = ''] = given.positionals;
    const digest = flagValue(given, 'digest');
    return withDeployer(context, 'changes', (session) =>
      runDeployment(session, { project, stage }, (signal) =>
        session.deployer.deploy(
          {
            project,
            stage,
            tag,
            force: has(given, 'force'),
            ...(digest === undefined ? {} : { digest }),
            ...byOf(context),
            ...(env.value === undefined ? {} : { env: env.value }),
          },
          { signal },
        ),
      ),
    );
  },
};
