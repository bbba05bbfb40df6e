import type { ProxyError, ProxyManager } from '@quayside/core';
import { invalid } from '@quayside/core/ports';
import type { Listening, ListenOptions } from '@quayside/proxy-adapter';
import { err, ok, type ResultAsync } from 'neverthrow';
import { flagValue } from '../arguments/grammar.js';
import { usage } from '../arguments/parse.js';
import { integerFlag } from '../arguments/values.js';
import type { Command } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { type Session, withDeployer } from '../session.js';
import { proxyOf } from './proxy-of.js';

const HOST = '0.0.0.0';
const PORT = 80;

export const serve: Command = {
  spec: {
    name: 'serve',
    summary: 'Run the embedded proxy',
    about: [
      'Serves the routes of the store until Ctrl-C or SIGTERM, and follows every change that another process makes. Requests',
      'that are in flight are finished first; a second signal leaves at once. Meanwhile it watches what runs: a container',
      'that comes back under another address has its routes led to it.',
    ],
    arguments: [],
    flags: [
      { name: 'host', value: 'address', about: `What it listens on; default ${HOST}, every address` },
      { name: 'port', short: 'p', value: 'n', about: `Default ${PORT}; 0: any that is free` },
      { name: 'front-door', value: 'url', about: 'Where deploying processes reach it, from other machines' },
    ],
    examples: ['quayside serve', 'quayside serve --host 127.0.0.1 --port 8080'],
  },
  async run(context) {
    const { given, screen } = context;
    const port = integerFlag(given, 'port', { from: 0, to: 65_535 });
    if (port.isErr()) return err(port.error);
    const frontDoor = flagValue(given, 'front-door');
    if (frontDoor !== undefined && !/^https?:\/\/[^/]/.test(frontDoor)) {
      const expected = 'an http or https URL';
      return err(usage([{ path: '--front-door', expected, received: JSON.stringify(frontDoor) }], 'serve'));
    }
    return withDeployer(context, 'reads', async (session) => {
      const proxy = listenerOf(session);
      if (!proxy) {
        const expected = 'embeddedProxy(), the one proxy that this command can run';
        return err(invalid('invalid-config', [{ path: 'proxy', expected, received: proxyName(session) }]));
      }
      const { signal } = session.interrupts;
      const listening = await proxy.listen({
        host: flagValue(given, 'host') ?? HOST,
        port: port.value ?? PORT,
        signal,
        ...(frontDoor === undefined ? {} : { frontDoor }),
      });
      if (listening.isErr()) return err(listening.error);
      const { url } = listening.value;
      if (screen.isJson) screen.object({ type: 'listening', time: Date.now(), url });
      else screen.print(`${screen.look.style.green(screen.look.signs.done)} serving on ${url}`);
      // While it serves it also sees to it that what is served runs: whatever else happens to containers and routes.
      const watch = await session.deployer.watch({ signal });
      if (watch.isErr()) screen.note(`Containers are not watched: ${watch.error.message}`);
      await aborted(signal);
      if (watch.isOk()) await watch.value.stop();
      if (!screen.isJson) screen.note('Ending: what is in flight is finished. Another signal leaves at once.');
      return ok(EXIT.done);
    });
  },
};

interface Listener {
  listen(options: ListenOptions): ResultAsync<Listening, ProxyError>;
}

function listenerOf(session: Session): Listener | undefined {
  const proxy = proxyOf(session);
  return proxy && 'listen' in proxy && typeof proxy.listen === 'function'
    ? (proxy as ProxyManager & Listener)
    : undefined;
}

const proxyName = (session: Session): string => proxyOf(session)?.name ?? 'none';

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
