/** Configurations, of a host that writes them and of one that makes them from what it was sent. */

import { optionsOfJson } from '../../../packages/cli/src/config/json.js';
import { type ResolvedStage, resolveStage } from '../../../packages/core/src/config/resolve.js';
import { configSchemas } from '../../../packages/core/src/config/schema.js';
import { configure } from '../../../packages/core/src/deployer/configure.js';
import { memoryWorld } from '../../../packages/core/src/testing/index.js';
import { mutatedTree } from '../mutate.js';
import {
  firstOf,
  strangePrototype,
  unsafeDomain,
  unsafeHeader,
  unsafeLine,
  unsafeObjectName,
  unsafePath,
  unsafeRepository,
  unsafeRequestPath,
  unsafeVariable,
  type Verdict,
} from '../oracles.js';
import type { Target } from '../target.js';

const CONFIG = {
  settings: { domain: 'apps.example.com', env: { LOG_LEVEL: 'info' }, defaultRoute: 'stage-{stage}-{project}' },
  projects: {
    shop: {
      image: 'registry.example.com/shop',
      labels: { team: 'shop' },
      stages: {
        dev: {
          port: 3000,
          healthcheck: { path: '/healthz', headers: { 'x-probe': 'yes' }, expectStatus: ['200-299', 302] },
          env: { A: 'b', C: { plain: 'd' }, E: { secret: 'f' } },
          plainEnv: ['A'],
          domains: ['shop.example.com'],
          mounts: [
            { type: 'bind', source: '/srv/shop', target: '/data', readOnly: true },
            { type: 'volume', source: 'shop-data', target: '/var/lib/shop', readOnly: true },
            { type: 'tmpfs', target: '/tmp', size: '64m' },
          ],
          networks: ['apps', { name: 'db', aliases: ['shop'] }],
          ports: [{ container: 9090, bind: '127.0.0.1', protocol: 'tcp' }],
          user: '1000:1000',
          workingDir: '/app',
          command: ['node', 'server.js'],
          stopSignal: 'SIGTERM',
          memory: '256m',
        },
        'pr-*': { port: 3000, ttl: '7d', domains: ['{stage}.shop.example.com'], healthcheckPath: '/health?full=1' },
      },
    },
  },
};

const world = memoryWorld();
const { engine: _engine, ...ports } = world;

function unsafeStage(stage: ResolvedStage): Verdict {
  const { container, health, domains } = stage;
  const envs = stage.env.flatMap((layer) => (typeof layer === 'function' ? [] : Object.entries(layer)));
  return firstOf([
    unsafeRepository(stage.image),
    unsafeLine(stage.project, 100),
    unsafeLine(stage.stage, 100),
    ...domains.map((domain) => unsafeDomain(domain)),
    ...envs.map(([name, value]) => unsafeVariable(name, textOf(value))),
    ...container.mounts.flatMap((mount) => [
      unsafePath(mount.target),
      mount.target.replaceAll('/', '') === '' ? 'a mount over everything' : null,
      mount.type === 'bind' ? unsafePath(mount.source) : null,
      mount.type === 'volume' ? unsafeObjectName(mount.source) : null,
    ]),
    ...container.networks.flatMap(({ name, aliases }) => [name, ...aliases].map(unsafeObjectName)),
    ...container.ports.map(({ bind, containerPort, hostPort }) => unsafePort(bind, containerPort, hostPort)),
    ...Object.keys(container.labels).map((key) => (isOurs(key) ? 'a label of ours' : null)),
    container.workingDir === null ? null : unsafePath(container.workingDir),
    ...(container.command ?? []).map((word) => (word.includes('\0') ? 'a word with a NUL' : null)),
    ...(health.kind === 'http'
      ? [
          unsafeRequestPath(health.path),
          ...Object.entries(health.headers).map(([name, value]) => unsafeHeader(name, value)),
        ]
      : []),
  ]);
}

const isOurs = (label: string): boolean => label.trim().toLowerCase().startsWith('dev.quayside.');

function textOf(value: unknown): unknown {
  if (typeof value === 'function') return '';
  return typeof value === 'object' && value !== null ? Object.values(value)[0] : value;
}

function unsafePort(bind: string, containerPort: number, hostPort: number | null): Verdict {
  const isPort = (port: number) => Number.isInteger(port) && port > 0 && port < 65_536;
  if (!isPort(containerPort) || (hostPort !== null && !isPort(hostPort))) return 'a port out of range';
  return URL.canParse(`http://${bind.includes(':') ? `[${bind}]` : bind}/`) ? null : 'a bind that is no address';
}

const configs: Target = {
  name: 'configuration',
  share: 12,
  make: (roll, others) => mutatedTree(roll, CONFIG, others),
  judge(input) {
    const given = (typeof input === 'object' && input !== null ? input : { projects: input }) as Record<
      string,
      unknown
    >;
    const { settings, projects } = given;
    if (typeof projects === 'function') return null;
    const configured = configure({ ...ports, settings, projects });
    if (configured.isErr()) return null;
    const parsed = configSchemas().projects.parse(projects);
    const written = projects as Record<string, unknown>;
    if (Object.keys(parsed).length !== Object.keys(written).length) return 'projects that were lost';
    return firstOf([
      strangePrototype(parsed),
      ...Object.entries(parsed).flatMap(([projectName, project]) =>
        Object.entries(project.stages).map(([stageKey, stage]) => {
          const source = {
            settings: configured.value.settings,
            projectName,
            project,
            stageKey,
            stage,
            stageName: stageKey,
          };
          const resolved = resolveStage(source, { runtime: world.runtime, proxy: world.proxy });
          return resolved.isOk() ? unsafeStage(resolved.value) : null;
        }),
      ),
    ]);
  },
};

const JSON_CONFIG = {
  $schema: 'https://example.com/schema.json',
  runtime: { adapter: 'docker', network: 'apps' },
  proxy: {
    adapter: 'npm',
    url: 'http://127.0.0.1:81',
    identity: 'a@b.c',
    secret: '$NPM_SECRET',
    frontDoor: 'http://127.0.0.1',
  },
  store: { adapter: 'sqlite', path: 'quayside.db' },
  registry: { adapter: 'distribution', credentials: { 'ghcr.io': { username: 'me', password: '$PASSWORD' } } },
  notifiers: [{ adapter: 'webhook', url: 'https://hooks.example.com/T0/B0/x', headers: { 'x-a': 'b' } }],
  secrets: { keys: ['$KEY'] },
  ...CONFIG,
};
const ENV = { NPM_SECRET: 'fuzz-npm-secret', PASSWORD: 'fuzz-password', KEY: 'fuzz-key', HOME: '/fuzz-home' };

const json: Target = {
  name: 'configuration in JSON',
  share: 4,
  make: (roll, others) => fromJson(mutatedTree(roll, JSON_CONFIG, others)),
  async judge(input) {
    if (typeof input !== 'object' || input === null || Array.isArray(input)) return null;
    const made = await optionsOfJson(input as Record<string, unknown>, ENV);
    if (made.isErr()) {
      const said = JSON.stringify(made.error);
      return Object.values(ENV).some((value) => said.includes(value)) ? 'an error that shows a secret' : null;
    }
    // Variables stand for values where an adapter, a key or an environment takes them, and nowhere else.
    const { settings, projects } = made.value as unknown as Record<string, unknown>;
    const rest =
      JSON.stringify({ settings, projects }, (key, value: unknown) => (key === 'env' ? undefined : value)) ?? '';
    return Object.values(ENV).some((value) => rest.includes(value)) ? 'a variable where none is meant' : null;
  },
};

/** As a file brings it: what JSON has no word for is gone. */
const fromJson = (value: unknown): unknown => {
  const text = JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? Number(each) : each));
  return text === undefined ? undefined : JSON.parse(text);
};

export const configTargets: readonly Target[] = [configs, json];
