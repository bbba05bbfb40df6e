/** One host with every canary planted, on ports that can be struck. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromCommand } from '@quayside/cli';
import type { Deployer, DeployerOptions } from '@quayside/core';
import { systemClock } from '@quayside/core/ports';
import {
  memoryEngine,
  memoryProbe,
  memoryProxy,
  memoryRegistry,
  memoryRuntime,
  outage,
  withFaults,
} from '@quayside/core/testing';
import { webhookNotifier } from '@quayside/http-adapter';
import { sqliteStore } from '@quayside/sql-adapter';
import { type Canaries, type Canary, leakError, leakOf } from './canaries.js';
import { type Echo, echoServer } from './receiver.js';

export const IMAGE = 'registry.test/shop';
export const COMMAND_VALUE = 'CANARY_COMMAND_VALUE';

export type Site = Awaited<ReturnType<typeof openSite>>;

/** @param isOpen the control: nothing is marked as secret, and no port says what of it is */
export async function openSite(canaries: Canaries, isOpen = false) {
  const folder = await mkdtemp(join(tmpdir(), 'quayside-secrets-'));
  const receiver: Echo = await echoServer();
  receiver.repeats = false;
  const clock = systemClock();
  const engine = memoryEngine(clock);
  // The password of a database is told to a store that has one; and of what surrounds a deployer its ports know nothing.
  const elsewhere: readonly Canary[] = [canaries.database, canaries.host, canaries.path, canaries.sender];
  const all = Object.values(canaries).filter((each) => !elsewhere.includes(each));
  // A real one does this itself; what it would not know cannot be redacted without it.
  const knowing = <Port extends object>(port: Port, ...known: readonly { value: string }[]): Port =>
    isOpen ? port : { ...port, secrets: () => known.map(({ value }) => value) };
  const proxy = memoryProxy(engine);
  const faults = {
    runtime: withFaults(knowing(memoryRuntime(engine), canaries.registry), { clock, error: outage.runtime }),
    proxy: withFaults(knowing(proxy, canaries.proxy, canaries.token), { clock, error: outage.proxy }),
    probe: withFaults(memoryProbe(engine), { clock, error: outage.probe }),
    registry: withFaults(knowing(memoryRegistry(engine), canaries.registry), { clock, error: outage.registry }),
  };
  process.env[COMMAND_VALUE] = canaries.command.value;
  const print = `process.stdout.write(process.env.${COMMAND_VALUE})`;
  const env: NonNullable<NonNullable<DeployerOptions['settings']>['env']> = {
    PASSWORD: canaries.written.value,
    MARKED: { secret: canaries.marked.value },
    ASKED: async () => canaries.asked.value,
    COMMAND: fromCommand([process.execPath, '-e', print]),
    KEY_FILE: canaries.keyFile.value,
    DATABASE_URL: canaries.address.value,
  };
  const openEnv = Object.fromEntries(
    Object.entries({ ...env, MARKED: canaries.marked.value, OVERRIDE: canaries.override.value }).map(
      ([name, value]) => [name, typeof value === 'function' ? value : { plain: value as string }],
    ),
  );
  const address = `http://127.0.0.1:${receiver.port}/hooks/${canaries.webhook.value}`;

  const site = {
    canaries,
    isOpen,
    folder,
    engine,
    proxy,
    receiver,
    faults,
    leak: leakOf(all),
    /** Says too much, but of nothing that this process has yet to ask for: what a function would answer is nobody's to know. */
    early: (kind: string) =>
      refusalOf(
        kind,
        all.filter((each) => each !== canaries.asked && each !== canaries.command),
      ),
    isStruck: false,
    /** Deployers that an outcome has opened beside the usual one. */
    more: [] as Deployer[],
    /** What a port answers when it is struck. */
    refusal: (kind: string) => refusalOf(kind, all),
    thrown: () => leakError(all),
    /** Of what the ports were given alone: of an environment that was never gathered nobody knows anything. */
    refusalOfPorts: (kind: string) => refusalOf(kind, ofPorts(canaries)),
    /** The environment was gathered: what it holds can be known. */
    isGathered: true,
    refusalNow: (kind: string): Refusal => refusalOf(kind, site.isGathered ? all : ofPorts(canaries)),
    /** For calls that go past the deployer: a registry was told its login, and nothing else. */
    refusalOfRegistry: (kind: string) => refusalOf(kind, [canaries.registry]),
    thrownOfPorts: () => leakError(ofPorts(canaries)),
    thrownEarly: () => leakError(all.filter((each) => each !== canaries.asked && each !== canaries.command)),
    request: (tag: string) => ({
      project: 'shop',
      stage: 'dev',
      tag,
      ...(isOpen ? { by: canaries.written.value } : { env: { OVERRIDE: canaries.override.value } }),
    }),
    /** New ports each time, on the same store, engine and proxy. */
    options(changes: (options: DeployerOptions) => DeployerOptions = (same) => same): DeployerOptions {
      const options: DeployerOptions = {
        runtime: faults.runtime.port,
        proxy: faults.proxy.port,
        probe: faults.probe.port,
        registry: faults.registry.port,
        store: sqliteStore({ path: join(folder, 'quayside.db') }),
        notifiers: [
          webhookNotifier({
            url: address,
            secret: canaries.signing.value,
            headers: { authorization: canaries.header.value },
            events: [
              'deployment.step',
              'deployment.rolling-back',
              'deployment.succeeded',
              'deployment.failed',
              'deployment.cancelled',
              'deployment.cleaned',
            ],
            attempts: 1,
            timeout: 1_000,
          }),
        ],
        ...(isOpen ? {} : { secrets: { keys: [canaries.key.value] } }),
        recover: 'manual',
        settings: {
          domain: 'apps.test',
          ttlMs: 3_000,
          renewMs: 600,
          effectTimeoutMs: 1_000,
          undoTimeoutMs: 1_500,
          absentForMs: 20,
          env: isOpen ? openEnv : env,
          labels: { team: 'shop', ...(isOpen ? { note: canaries.written.value } : {}) },
          healthcheck: {
            interval: 60,
            timeout: 300,
            retries: 1,
            headers: { [isOpen ? 'x-note' : 'authorization']: canaries.login.value },
          },
          drain: 0,
          drainTimeout: 50,
          proveTimeout: 800,
          stopGrace: 100,
        },
        projects: {
          shop: {
            image: IMAGE,
            stages: {
              dev: {
                port: 3000,
                maxInstances: 2,
                ...(isOpen
                  ? { domains: [`x${Buffer.from(canaries.webhook.value).toString('hex').slice(0, 60)}.test`] }
                  : {}),
              },
            },
          },
        },
      };
      return changes(options);
    },
    async [Symbol.asyncDispose]() {
      await receiver[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
  for (const tag of ['v1', 'v2', 'v3']) engine.push(`${IMAGE}:${tag}`, { body: tag, lines: [`started ${tag}`] });
  // The command finds its configuration in a file; what is in it is made here, in the same process.
  await writeFile(join(folder, 'quayside.config.mjs'), 'export default () => globalThis.quaysideSecretsTest();\n');
  return site;
}

type Refusal = ReturnType<typeof refusalOf>;
const refusalOf = (kind: string, all: readonly Canary[]) => ({
  kind,
  message: leakOf(all),
  hint: leakOf(all),
  code: leakOf(all),
  retryable: false,
  cause: leakError(all),
});

const ofPorts = ({ webhook, signing, header }: Canaries): readonly Canary[] => [webhook, signing, header];
