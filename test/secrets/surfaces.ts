/** Every place at which somebody may look, and what stands there. */
import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { type AnyError, type Deployer, type EventName, QuaysideError } from '@quayside/core';
import { main } from '../../packages/cli/src/main.js';
import { capture, ioOf } from '../../packages/cli/test/support/io.js';
import type { Site } from './site.js';

export const SURFACES = [
  'log',
  'events of the store',
  'events of the process',
  'errors',
  'errors that are thrown',
  'history',
  'instances and routes',
  'plan',
  'reports',
  "containers' output",
  'notifications',
  'files of the store',
  'containers at the engine',
  'routes at the proxy',
  'command',
  'command on a terminal',
  'command in JSON',
  'arguments of processes',
  'console of the host',
  'audit trail',
  'API',
  'API streams',
  'API problems',
  'web page',
  'webhooks',
  'metrics',
  'spans',
  'what the host is told',
] as const;
export type Surface = (typeof SURFACES)[number];

/** What was seen, by surface. */
export class Seen {
  readonly #texts = new Map<Surface, string[]>();

  add(surface: Surface, ...texts: readonly string[]): void {
    this.#texts.set(surface, [...(this.#texts.get(surface) ?? []), ...texts]);
  }

  of(surface: Surface): string {
    return (this.#texts.get(surface) ?? []).join('\n');
  }
}

const EVENTS: readonly EventName[] = [
  ...(
    ['queued', 'started', 'step', 'rolling-back', 'succeeded', 'unchanged', 'failed', 'cancelled', 'cleaned'] as const
  ).map((name) => `deployment.${name}` as const),
  ...([
    'deployment.log',
    'deployment.progress',
    'deployment.cutover',
    'deployment.waiting',
    'deployment.needs-host',
  ] as const),
  ...(['instance.retiring', 'instance.retired', 'instance.condition', 'route.healed', 'route.changed'] as const),
  ...(['recovery.finished', 'watch.interrupted', 'task.failed', 'listener.failed', 'store.pruned'] as const),
];

/** As loggers do it: everything that can be seen of a value. */
export const looked = (value: unknown): string =>
  [
    inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true, maxStringLength: null, maxArrayLength: null }),
    inspect(value, { depth: Number.POSITIVE_INFINITY, maxStringLength: null, breakLength: Number.POSITIVE_INFINITY }),
    JSON.stringify(value) ?? '',
    String(value),
  ].join('\n');

export function watchEvents(deployer: Deployer, seen: Seen): void {
  for (const name of EVENTS) deployer.on(name, (payload) => seen.add('events of the process', looked([name, payload])));
}

export function seeError(error: AnyError, seen: Seen): void {
  seen.add('errors', looked(error));
  const thrown = new QuaysideError(error);
  seen.add('errors that are thrown', looked(thrown), thrown.stack ?? '', `${thrown}`);
}

const LIMIT_MS = 4_000;

/** All that a deployer tells of its store. */
export async function seeDeployer(deployer: Deployer, site: Site, seen: Seen): Promise<void> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const listed = await deployer.deployments.list({ signal });
  if (listed.isErr()) return seeError(listed.error, seen);
  seen.add('history', looked(listed.value));
  for (const { id } of listed.value.items) {
    for await (const entry of deployer.logs(id, { signal })) seen.add('log', looked(entry));
    const got = await deployer.deployments.get(id, { signal });
    seen.add('history', looked(got.unwrapOr(undefined as never)));
    if (got.isOk() && got.value.error) seen.add('errors', looked(got.value.error));
  }
  const instances = await deployer.instances.list({ signal });
  const routes = await deployer.routes.list({ signal });
  for (const each of [instances, routes])
    if (each.isErr()) seeError(each.error, seen);
    else seen.add('instances and routes', looked(each.value));
  for (const { id } of instances.isOk() ? instances.value.items : [])
    try {
      for await (const line of deployer.instanceLogs(id, { signal })) seen.add("containers' output", looked(line));
    } catch (thrown) {
      seen.add('errors that are thrown', looked(thrown));
    }
  const acts = await deployer.audit.list({ signal });
  if (acts.isErr()) seeError(acts.error, seen);
  else seen.add('audit trail', looked(acts.value));
  const planned = await deployer.plan(site.request('v3'), { signal });
  if (planned.isErr()) seeError(planned.error, seen);
  else seen.add('plan', looked(planned.value));
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 150);
  for await (const event of deployer.events({ signal: stop.signal })) seen.add('events of the store', looked(event));
}

/** What others keep of it. */
export async function seeWorld(site: Site, seen: Seen): Promise<void> {
  const { engine, proxy, receiver, folder } = site;
  seen.add('notifications', ...receiver.bodies);
  // What a container's environment is, it has to be told: that is where its secrets belong.
  for (const { spec } of engine.containers.values())
    seen.add('containers at the engine', looked({ ...spec, env: Object.keys(spec.env) }));
  seen.add('routes at the proxy', looked(proxy.routes));
  for (const name of await readdir(folder)) {
    if (!name.startsWith('quayside.db')) continue;
    // Whoever closes the store last takes the files beside it away.
    const bytes = await readFile(join(folder, name)).catch(() => Buffer.alloc(0));
    seen.add('files of the store', name, bytes.toString('utf8'), bytes.toString('latin1'));
  }
}

const output = (isTTY: boolean) => ({ ...capture(), isTTY, columns: 100 });

/** The command, in this process, on this site. */
export async function runCommand(site: Site, words: readonly string[], surface: Surface, seen: Seen): Promise<void> {
  const isTTY = surface === 'command on a terminal';
  const stdout = output(isTTY);
  const stderr = output(isTTY);
  const io = ioOf({
    stdout,
    stderr,
    env: { TERM: 'xterm-256color', OVERRIDE: site.canaries.override.value },
    cwd: () => site.folder,
    chdir: () => {},
  });
  await main(words, io, '0.0.0');
  seen.add(surface, stdout.text, stderr.text);
}

/** Of this process and of those that it has started: anybody on the machine sees them. */
export async function seeProcesses(seen: Seen): Promise<void> {
  seen.add('arguments of processes', process.title);
  for (const id of await readdir('/proc')) {
    if (!/^\d+$/.test(id)) continue;
    const [status = '', line = ''] = await Promise.all(
      ['status', 'cmdline'].map((name) => readFile(`/proc/${id}/${name}`, 'utf8').catch(() => '')),
    );
    const parent = /^PPid:\s*(\d+)$/m.exec(status)?.[1];
    if (id === String(process.pid) || parent === String(process.pid)) seen.add('arguments of processes', line);
  }
}

/** A process that has it among its arguments, for as long as the work takes. */
export async function whileShown<T>(argument: string, work: () => Promise<T>): Promise<T> {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 20000)', argument], { stdio: 'ignore' });
  await new Promise((resolve) => child.once('spawn', resolve));
  try {
    return await work();
  } finally {
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
  }
}
