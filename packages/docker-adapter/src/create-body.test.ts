import type { ContainerSpec } from '@quayside/core/ports';
import { expect, it } from 'vitest';
import { type CreateContext, createBody } from './create-body.js';
import { parseStageOptions } from './stage-options.js';

const SPEC: ContainerSpec = {
  name: 'shop-dev-1',
  owner: { storeId: 'store-1', deployment: 'deployment-1' },
  project: 'shop',
  stage: 'dev',
  tag: 'v1',
  image: 'registry.example.com/shop@sha256:00',
  env: { GREETING: 'a=b', EMPTY: '' },
  port: 3000,
  expose: [],
  options: null,
  labels: { team: 'blue' },
  command: null,
  entrypoint: null,
  workingDir: null,
  user: null,
  readOnlyRoot: false,
  init: true,
  mounts: [],
  limits: { memoryBytes: null, cpus: null, pids: null },
  restart: 'unless-stopped',
  logRotation: { maxBytes: 10_485_760, maxFiles: 3 },
  networks: [{ name: 'apps', aliases: ['web'] }],
  ports: [],
  stopSignal: null,
  stopGraceMs: 10_000,
};
const CONTEXT: CreateContext = { network: { name: 'apps', id: 'net-id' }, bind: '127.0.0.1', logDriver: 'json-file' };

type Body = Record<string, unknown> & { readonly HostConfig: Record<string, unknown> };
const body = (more: Partial<ContainerSpec> = {}, context: Partial<CreateContext> = {}) =>
  createBody({ ...SPEC, ...more }, { ...CONTEXT, ...context }) as Body;

it('is labelled with whose it is, and no label of the stage overrides that', () => {
  const labels = { team: 'blue', 'dev.quayside.store': 'forged' };
  expect(body({ labels })['Labels']).toEqual({
    team: 'blue',
    'dev.quayside.store': 'store-1',
    'dev.quayside.deployment': 'deployment-1',
    'dev.quayside.project': 'shop',
    'dev.quayside.stage': 'dev',
    'dev.quayside.tag': 'v1',
  });
});

it('leaves to the image what the stage does not set', () => {
  const made = body();
  for (const key of ['Cmd', 'Entrypoint', 'WorkingDir', 'User', 'StopSignal']) expect(made).not.toHaveProperty(key);
  for (const key of ['Memory', 'NanoCpus', 'PidsLimit']) expect(made.HostConfig).not.toHaveProperty(key);
  const set = body({ command: ['serve'], entrypoint: [], user: '1000', stopSignal: 'SIGQUIT', workingDir: '/srv' });
  expect(set).toMatchObject({
    Cmd: ['serve'],
    Entrypoint: [],
    User: '1000',
    StopSignal: 'SIGQUIT',
    WorkingDir: '/srv',
  });
});

it('passes the environment as it is', () => {
  expect(body()['Env']).toEqual(['GREETING=a=b', 'EMPTY=']);
});

it('converts units to the safe side', () => {
  expect(body({ stopGraceMs: 400 })['StopTimeout']).toBe(1);
  const { HostConfig } = body({ limits: { memoryBytes: 67_108_864, cpus: 1.5, pids: 100 } });
  expect(HostConfig).toMatchObject({ Memory: 67_108_864, NanoCpus: 1_500_000_000, PidsLimit: 100 });
});

it('joins its first network by id, with its aliases, at create', () => {
  const made = body();
  expect(made.HostConfig['NetworkMode']).toBe('net-id');
  expect(made['NetworkingConfig']).toEqual({ EndpointsConfig: { 'net-id': { Aliases: ['web'] } } });
});

it('asks a built-in network for no aliases, which it would refuse', () => {
  const network = { name: 'bridge', id: 'bridge' };
  expect(body({}, { network })).not.toHaveProperty('NetworkingConfig');
});

it('publishes the port that a proxy was promised, and leaves its number to the engine', () => {
  const expose = [{ kind: 'published' as const, node: 'node-1', bind: '127.0.0.1' }];
  const ports = [{ containerPort: 53, hostPort: 5353, bind: '0.0.0.0', protocol: 'udp' as const }];
  const made = body({ expose, ports });
  expect(made.HostConfig['PortBindings']).toEqual({
    '53/udp': [{ HostIp: '0.0.0.0', HostPort: '5353' }],
    '3000/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }],
  });
  expect(made['ExposedPorts']).toEqual({ '53/udp': {}, '3000/tcp': {} });
  expect(body({ expose: [] }).HostConfig['PortBindings']).toEqual({});
});

it('publishes one port at several places', () => {
  const both = ['127.0.0.1', '10.0.0.5'].map((bind) => ({
    containerPort: 80,
    hostPort: 8080,
    bind,
    protocol: 'tcp' as const,
  }));
  expect(body({ ports: both }).HostConfig['PortBindings']).toEqual({
    '80/tcp': [
      { HostIp: '127.0.0.1', HostPort: '8080' },
      { HostIp: '10.0.0.5', HostPort: '8080' },
    ],
  });
});

it('rotates logs where the engine keeps files, and leaves another log driver alone', () => {
  const config = { 'max-size': '10485760', 'max-file': '3' };
  expect(body().HostConfig['LogConfig']).toEqual({ Type: 'json-file', Config: config });
  expect(body({}, { logDriver: 'local' }).HostConfig['LogConfig']).toEqual({ Type: 'local', Config: config });
  expect(body({}, { logDriver: 'journald' }).HostConfig).not.toHaveProperty('LogConfig');
  expect(body({ logRotation: null }).HostConfig).not.toHaveProperty('LogConfig');
});

it('mounts volumes, folders and memory', () => {
  const mounts = [
    { type: 'volume' as const, source: 'data', target: '/data', readOnly: false },
    { type: 'bind' as const, source: '/etc/app', target: '/etc/app', readOnly: true },
    { type: 'tmpfs' as const, target: '/tmp', sizeBytes: 1024 },
  ];
  expect(body({ mounts }).HostConfig['Mounts']).toEqual([
    { Type: 'volume', Source: 'data', Target: '/data', ReadOnly: false },
    { Type: 'bind', Source: '/etc/app', Target: '/etc/app', ReadOnly: true },
    { Type: 'tmpfs', Target: '/tmp', TmpfsOptions: { SizeBytes: 1024 } },
  ]);
});

it("applies the stage's options of this engine", () => {
  const options = parseStageOptions(
    {
      capDrop: ['ALL'],
      shmSize: '1m',
      extraHosts: ['host.docker.internal:host-gateway'],
      devices: ['/dev/fuse'],
      ulimits: [{ name: 'nofile', soft: 1024, hard: 2048 }],
      logDriver: { type: 'journald' },
      gpus: 'all',
    },
    'options.runtime',
  )._unsafeUnwrap();
  expect(body({ options }).HostConfig).toMatchObject({
    CapDrop: ['ALL'],
    ShmSize: 1_048_576,
    ExtraHosts: ['host.docker.internal:host-gateway'],
    Devices: [{ PathOnHost: '/dev/fuse', PathInContainer: '/dev/fuse', CgroupPermissions: 'rwm' }],
    Ulimits: [{ Name: 'nofile', Soft: 1024, Hard: 2048 }],
    LogConfig: { Type: 'journald', Config: {} },
    DeviceRequests: [{ Count: -1, Capabilities: [['gpu']] }],
  });
});

it('refuses an option that it has not, with the one that was meant', () => {
  const error = parseStageOptions({ capAd: ['X'] }, 'stages.dev.options.runtime')._unsafeUnwrapErr();
  expect(error.issues[0]).toMatchObject({ path: 'stages.dev.options.runtime.capAd' });
  expect(error.message).toContain('capAdd');
});
