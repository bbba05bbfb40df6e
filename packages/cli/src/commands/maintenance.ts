import type { Stage } from '@quayside/core';
import { durationMs } from '@quayside/core/ports';
import { err, ok } from 'neverthrow';
import { flagValue } from '../arguments/grammar.js';
import { usage } from '../arguments/parse.js';
import type { Command } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { withDeployer } from '../session.js';
import type { Screen } from '../terminal/screen.js';
import { plain } from '../terminal/width.js';
import { BY, byOf } from './flags.js';
import { checkNames, PROJECT, STAGE } from './names.js';

const ACTIONS = ['on', 'off'] as const;

export const maintenance: Command = {
  spec: {
    name: 'maintenance',
    summary: 'Tell visitors to wait',
    about: [
      'On: the default route and the custom domains answer visitors 503 with the message, until it is off; again, it changes',
      'the message. Domains of a tag go on, and deployments work. A stage that was never deployed begins so.',
    ],
    arguments: [{ name: 'on|off', expected: 'on or off', completes: [ACTIONS] }, PROJECT, STAGE],
    flags: [
      { name: 'message', short: 'm', value: 'text', about: 'One line for people; default as configured' },
      { name: 'retry-after', value: 'time', about: 'When to come again, e.g. 5m; default as configured' },
      BY,
    ],
    examples: [
      'quayside maintenance on shop prod -m "Back at noon." --retry-after 30m',
      'quayside maintenance off shop prod',
    ],
  },
  async run(context) {
    const { given } = context;
    const [action = '', project = '', stage = ''] = given.positionals;
    if (action !== 'on' && action !== 'off')
      return err(usage([{ path: 'on|off', expected: 'on or off', received: JSON.stringify(action) }], 'maintenance'));
    const message = flagValue(given, 'message');
    const retryAfter = flagValue(given, 'retry-after');
    const [needless] = [message !== undefined && '--message', retryAfter !== undefined && '--retry-after'].filter(
      Boolean,
    );
    if (action === 'off' && needless)
      return err(usage([{ path: `${needless}`, expected: 'it with `on` alone', received: '`off`' }], 'maintenance'));
    const retryAfterMs = retryAfter === undefined ? undefined : durationMs(retryAfter);
    if (retryAfter !== undefined && retryAfterMs === undefined) {
      const expected = 'a time such as 90s, 5m or 2h';
      return err(usage([{ path: '--retry-after', expected, received: JSON.stringify(retryAfter) }], 'maintenance'));
    }
    return withDeployer(context, 'changes', async (session) => {
      const { deployer, interrupts, screen } = session;
      const known = await checkNames(session, project, stage);
      if (known.isErr()) return err(known.error);
      const told = {
        ...(message === undefined ? {} : { message }),
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      };
      const asked = { project, stage, ...byOf(context) };
      const changed = await deployer.maintenance(
        action === 'on' ? { ...asked, ...told, on: true } : { ...asked, on: false },
        { signal: interrupts.signal },
      );
      if (changed.isErr()) return err(changed.error);
      if (screen.isJson) screen.object({ type: 'result', exitCode: EXIT.done, stage: changed.value });
      else screen.print(line(changed.value, screen));
      return ok(EXIT.done);
    });
  },
};

function line({ project, stage, current, maintenance: held }: Stage, { look }: Screen): string {
  const { style, signs } = look;
  const what = `${style.green(signs.done)} ${style.bold(plain(`${project}/${stage}`))}`;
  if (held) {
    const from = current === null ? ' from its first deployment on' : '';
    return `${what} is in maintenance${from}: ${plain(held.message)} (come again after ${held.retryAfterMs / 1000} s)`;
  }
  return `${what} is not in maintenance${current === null ? ', and nothing is deployed' : ''}`;
}
