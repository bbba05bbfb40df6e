import type { DeploymentPlan } from '@quayside/core';
import { err, ok } from 'neverthrow';
import { flagValue, has } from '../arguments/grammar.js';
import { envFlag } from '../arguments/values.js';
import type { Command } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { withDeployer } from '../session.js';
import { durationText } from '../terminal/quantities.js';
import { fitted, type Screen } from '../terminal/screen.js';
import { plain } from '../terminal/width.js';
import { PROJECT, STAGE, TAG } from './names.js';
import { nearTag, withAdvice } from './near-tag.js';

export const plan: Command = {
  spec: {
    name: 'plan',
    summary: 'What a deploy would do',
    about: [
      'Touches nothing: asks the registry and looks at what runs. Domains are provisional: the deployment itself claims',
      'them.',
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
      { name: 'force', about: 'As if something had changed' },
    ],
    examples: ['quayside plan shop dev v1.4.2', 'quayside plan shop dev v1.4.2 --json | jq .evicts'],
  },
  async run(context) {
    const { given, io, screen } = context;
    const env = envFlag(given, io.env);
    if (env.isErr()) return err(env.error);
    const [project = '', stage = '', tag = ''] = given.positionals;
    const digest = flagValue(given, 'digest');
    return withDeployer(context, 'reads', async (session) => {
      const { deployer, reading } = session;
      const planned = await deployer.plan(
        {
          project,
          stage,
          tag,
          force: has(given, 'force'),
          ...(digest === undefined ? {} : { digest }),
          ...(env.value === undefined ? {} : { env: env.value }),
        },
        { signal: reading },
      );
      if (planned.isErr()) {
        const isMissing = planned.error.kind === 'image-not-found';
        return err(isMissing ? withAdvice(planned.error, await nearTag(session, project, tag)) : planned.error);
      }
      if (screen.isJson) screen.object(planned.value);
      else for (const line of planLines(planned.value, screen)) screen.print(fitted(screen, line));
      return ok(EXIT.done);
    });
  },
};

const ACTIONS: { readonly [Action in DeploymentPlan['action']]: string } = {
  unchanged: 'nothing to do: it is live already, and nothing has changed',
  cutover: 'routes move to an instance that runs already',
  replace: 'a new instance in place of the one of this tag',
  create: 'a new instance',
};

function planLines(found: DeploymentPlan, { look: { style } }: Screen): string[] {
  const field = (name: string, text: string) => `  ${style.dim(name.padEnd(9))} ${plain(text)}`;
  const { project, stage, tag, action, image, pulls, domains, current, evicts, gap, shares } = found;
  return [
    `${style.bold(plain(`${project}/${stage} ${tag}`))}: ${ACTIONS[action]}`,
    field('image', `${image}${pulls ? ', to be pulled' : ''}`),
    ...domains.map(({ domain, kind }, index) => field(index === 0 ? 'domains' : '', `${domain} (${kind})`)),
    field('serves', current ?? 'nothing yet'),
    ...evicts.map((each, index) => field(index === 0 ? 'goes' : '', `${each.tag} (${each.instance}), ${each.reason}`)),
    ...(shares.length > 0
      ? [field('shares', shares.map(({ weight, holdMs }) => `${weight} % for ${durationText(holdMs)}`).join(', '))]
      : []),
    ...(gap ? [style.yellow('  The stage answers nothing from the stop of the old one until the cutover.')] : []),
  ];
}
