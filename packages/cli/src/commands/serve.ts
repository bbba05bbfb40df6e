import type { AnyError, ProxyManager } from '@quayside/core';
import { invalid } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import type { Command, Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { untilAborted } from '../interrupts.js';
import { tellHappenings } from '../render/happenings.js';
import { problemJson } from '../render/problem.js';
import { askedToEnd, leaveCrew, openCrew, tell, workerNumber } from '../serve/crew.js';
import { listen, type Server } from '../serve/listen.js';
import { HOST, PORT, type ServePlan, servePlan, TLS_PORT } from '../serve/plan.js';
import { type Session, withDeployer } from '../session.js';
import { durationText } from '../terminal/quantities.js';
import { proxyOf } from './proxy-of.js';

export const serve: Command = {
  spec: {
    name: 'serve',
    summary: 'Run the embedded proxy',
    about: [
      'Serves the routes of the store until Ctrl-C or SIGTERM, and watches what runs. Speaks TLS too, with certificates of',
      'the configuration or given here.',
    ],
    arguments: [],
    flags: [
      { name: 'host', value: 'address', about: `What it listens on; default ${HOST}, every address` },
      { name: 'port', short: 'p', value: 'n', about: `Plain HTTP; default ${PORT}; 0: any that is free` },
      { name: 'workers', short: 'w', value: 'n', about: 'So many processes share the ports; auto: one per core' },
      { name: 'front-door', value: 'url', about: 'Where deploying processes reach it, from other machines' },
      { name: 'tls-cert', value: 'path', about: 'PEM, with its chain: for every domain', completes: 'file' },
      { name: 'tls-key', value: 'path', about: 'Its key; both are read again when they change', completes: 'file' },
      { name: 'tls-port', value: 'n', about: `Default ${TLS_PORT}` },
      { name: 'redirect', about: 'Send visitors of plain HTTP to https' },
      { name: 'no-tls', about: 'Plain HTTP alone, whatever certificates there are' },
    ],
    examples: ['quayside serve --workers auto', 'quayside serve --tls-cert apps.pem --tls-key apps.key'],
  },
  async run(context) {
    const plan = servePlan(context.given, context.io.cwd());
    if (plan.isErr()) return err(plan.error);
    const worker = workerNumber(context.io.env);
    if (worker !== undefined) return work(context, plan.value, worker);
    return withDeployer(context, 'reads', async (session) => {
      const proxy = serverOf(session);
      if (proxy.isErr()) return err(proxy.error);
      return plan.value.workers === 1 ? alone(session, proxy.value, plan.value) : together(session, plan.value);
    });
  },
};

async function alone(session: Session, proxy: Server, plan: ServePlan): Promise<Result<number, AnyError>> {
  const { signal } = session.interrupts;
  const urls = await listen(proxy, plan, undefined, signal);
  if (urls.isErr()) return err(urls.error);
  sayListening(session, urls.value, 1);
  await watched(session);
  return ok(EXIT.done);
}

async function together(session: Session, plan: ServePlan): Promise<Result<number, AnyError>> {
  const { interrupts, file, screen } = session;
  const crew = await openCrew({
    count: plan.workers,
    args: workerArguments(plan, file),
    signal: interrupts.signal,
    onDeath: (how, againInMs) =>
      screen.note(`A worker has ended ${how}; another one takes its place in ${durationText(againInMs)}.`),
  });
  if (crew.isErr()) return err(crew.error);
  if (!interrupts.signal.aborted) sayListening(session, crew.value.urls, plan.workers);
  await watched(session);
  await crew.value.end();
  return ok(EXIT.done);
}

/** One of several: the one that has started it speaks for all of them. */
async function work(context: Context, plan: ServePlan, worker: number): Promise<Result<number, AnyError>> {
  const answer = await withDeployer(context, 'reads', async (session) => {
    const asked = AbortSignal.any([session.interrupts.signal, askedToEnd()]);
    const proxy = serverOf(session);
    if (proxy.isErr()) return err(proxy.error);
    const urls = await listen(proxy.value, plan, worker, asked);
    if (urls.isErr()) return err(urls.error);
    tell({ type: 'listening', urls: urls.value });
    await untilAborted(asked);
    return ok<number, AnyError>(EXIT.done);
  });
  if (answer.isErr()) tell({ type: 'failed', error: problemJson(answer.error) as AnyError });
  leaveCrew();
  return ok(answer.unwrapOr(EXIT.failed));
}

const workerArguments = (
  { host, port, frontDoor, tlsPort, certificate, hasTls, redirects, workers }: ServePlan,
  file: string,
) => [
  ...['serve', '--config', file, '--host', host, '--port', String(port), '--tls-port', String(tlsPort)],
  ...['--workers', String(workers)],
  ...(frontDoor === undefined ? [] : ['--front-door', frontDoor]),
  ...(certificate ? ['--tls-cert', certificate.cert, '--tls-key', certificate.key] : []),
  ...(hasTls ? [] : ['--no-tls']),
  ...(redirects ? ['--redirect'] : []),
];

function sayListening({ screen }: Session, urls: readonly string[], workers: number): void {
  const [url = ''] = urls;
  if (screen.isJson) return void screen.object({ type: 'listening', time: Date.now(), url, urls, workers });
  const by = workers === 1 ? '' : `, ${workers} processes`;
  screen.print(`${screen.look.style.green(screen.look.signs.done)} serving on ${urls.join(' and ')}${by}`);
}

/** While it serves it also sees to it that what is served runs: whatever else happens to containers and routes. */
async function watched({ deployer, interrupts: { signal }, screen }: Session): Promise<void> {
  const off = tellHappenings(deployer, screen);
  const watch = await deployer.watch({ signal });
  if (watch.isErr()) screen.note(`Containers are not watched: ${watch.error.message}`);
  await untilAborted(signal);
  if (watch.isOk()) await watch.value.stop();
  off();
  if (!screen.isJson) screen.note('Ending: what is in flight is finished. Another signal leaves at once.');
}

function serverOf(session: Session): Result<Server, AnyError> {
  const proxy: (ProxyManager & Partial<Server>) | undefined = proxyOf(session);
  if (proxy && typeof proxy.listen === 'function') return ok(proxy as ProxyManager & Server);
  const expected = 'embeddedProxy(), the one proxy that this command can run';
  return err(invalid('invalid-config', [{ path: 'proxy', expected, received: proxy?.name ?? 'none' }]));
}
