import { invalid } from '@quayside/core/ports';
import { err, ok } from 'neverthrow';
import type { Command } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { withDeployer } from '../session.js';
import { proxyOf } from './proxy-of.js';

export const proxyConfig: Command = {
  spec: {
    name: 'proxy-config',
    summary: 'Print a proxy set-up',
    about: [
      'Its one-time configuration, for a proxy that a person sets up once and that is driven at run time from then on: HAProxy. The text holds the',
      'key of the proofs: keep it where only the proxy reads it.',
    ],
    arguments: [],
    flags: [],
    examples: ['quayside proxy-config > /etc/haproxy/haproxy.cfg'],
  },
  run: (context) =>
    withDeployer(context, 'reads', async (session) => {
      const proxy = proxyOf(session);
      const text = proxy?.configuration?.();
      if (text === undefined) {
        const expected = 'a proxy that is configured once by a person, such as haproxy()';
        return err(invalid('invalid-config', [{ path: 'proxy', expected, received: proxy?.name ?? 'none' }]));
      }
      const { screen } = context;
      if (screen.isJson) screen.object({ type: 'proxy-config', proxy: proxy?.name ?? null, text });
      else screen.print(text.trimEnd());
      return ok(EXIT.done);
    }),
};
