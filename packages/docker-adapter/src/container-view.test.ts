import { expect, it } from 'vitest';
import { factsOf } from './about.js';
import { containerOf, type Inspection } from './container-view.js';

const NETWORK = { NetworkID: 'net-id', IPAddress: '172.19.0.2', GlobalIPv6Address: '' };
const RUNNING: Inspection = {
  Id: 'abc',
  Name: '/shop-dev-1',
  RestartCount: 0,
  State: { Status: 'running', OOMKilled: false, ExitCode: 0, FinishedAt: '0001-01-01T00:00:00Z' },
  Config: { Labels: { 'dev.quayside.store': 'store-1', 'dev.quayside.deployment': 'd1', 'dev.quayside.tag': 'v1' } },
  HostConfig: { NetworkMode: 'net-id' },
  NetworkSettings: { Networks: { apps: NETWORK }, Ports: {} },
};
const CONTEXT = { port: 3000, node: 'node-1', publishedHost: '127.0.0.1' };
const view = (more: Partial<Inspection> = {}, context = {}) =>
  containerOf({ ...RUNNING, ...more }, { ...CONTEXT, ...context });
const state = (more: Partial<Inspection['State']>) => ({ State: { ...RUNNING.State, ...more } });

it('is reached by name on networks that look names up, and by the address of the first', () => {
  const Networks = {
    bridge: { NetworkID: 'bridge-id', IPAddress: '172.17.0.2', GlobalIPv6Address: '' },
    more: { NetworkID: 'more-id', IPAddress: '172.20.0.2', GlobalIPv6Address: '' },
    apps: NETWORK,
  };
  expect(view({ NetworkSettings: { Networks } }).endpoints).toEqual([
    { kind: 'name', network: 'apps', host: 'shop-dev-1', port: 3000 },
    { kind: 'name', network: 'more', host: 'shop-dev-1', port: 3000 },
    { kind: 'address', node: 'node-1', host: '172.19.0.2', port: 3000 },
    { kind: 'address', node: 'node-1', host: '172.17.0.2', port: 3000 },
    { kind: 'address', node: 'node-1', host: '172.20.0.2', port: 3000 },
  ]);
});

it('is reached by the published port of its own port, once per place', () => {
  const Ports = {
    '3000/tcp': [
      { HostIp: '0.0.0.0', HostPort: '32768' },
      { HostIp: '::', HostPort: '32768' },
      { HostIp: '10.0.0.5', HostPort: '8080' },
    ],
    '9000/tcp': [{ HostIp: '127.0.0.1', HostPort: '9000' }],
    '53/udp': null,
  };
  const { endpoints } = view({ NetworkSettings: { Networks: {}, Ports } }, { publishedHost: 'engine.example.com' });
  expect(endpoints).toEqual([
    { kind: 'published', node: 'node-1', bind: '0.0.0.0', host: 'engine.example.com', port: 32_768 },
    { kind: 'published', node: 'node-1', bind: '10.0.0.5', host: '10.0.0.5', port: 8_080 },
  ]);
});

it('on the host network it is reached at the node itself', () => {
  const host = { host: { NetworkID: 'host-id', IPAddress: '', GlobalIPv6Address: '' } };
  const { endpoints } = view({ HostConfig: { NetworkMode: 'host' }, NetworkSettings: { Networks: host } });
  expect(endpoints).toEqual([{ kind: 'address', node: 'node-1', host: '127.0.0.1', port: 3000 }]);
});

it.each(['created', 'restarting', 'paused', 'exited', 'dead'] as const)('has no endpoint while it is %s', (Status) => {
  expect(view(state({ Status })).endpoints).toEqual([]);
});

it('tells the code of its last end, and none where it never ended or the engine forgot', () => {
  const FinishedAt = '2026-01-02T03:04:05Z';
  expect(view(state({ Status: 'exited', ExitCode: 137, FinishedAt })).exitCode).toBe(137);
  expect(view(state({ Status: 'restarting', ExitCode: 1, FinishedAt })).exitCode).toBe(1);
  expect(view(state({ Status: 'running', ExitCode: 0, FinishedAt })).exitCode).toBeNull();
  // The engine writes 127 where the command could not be started at all.
  expect(view(state({ Status: 'created', ExitCode: 127 })).exitCode).toBeNull();
});

it('tells the health check with its last words, and none where the image has none', () => {
  const Log = [{ Output: 'old' }, { Output: 'not well\n' }];
  expect(view(state({ Health: { Status: 'unhealthy', Log } })).health).toEqual({
    status: 'unhealthy',
    lastOutput: 'not well',
  });
  expect(view(state({ Health: { Status: 'starting', Log: null } })).health).toEqual({
    status: 'starting',
    lastOutput: '',
  });
  expect(view(state({ Health: { Status: 'none' } })).health).toBeNull();
  expect(view().health).toBeNull();
});

it('of somebody else it has no owner', () => {
  expect(view({ Config: { Labels: null } })).toMatchObject({ owner: null, project: null, tag: null });
});

const OPTIONS = { network: 'apps', bind: '127.0.0.1' };
const SOCKET = {
  address: { kind: 'socket' as const, path: '/var/run/docker.sock' },
  platform: 'linux',
  hostname: 'laptop',
};
const kinds = (facts: ReturnType<typeof factsOf>) => facts.description.offers.map(({ kind }) => kind);

it('an engine offers addresses where its containers are on the network of its node', () => {
  const info = {
    ID: 'X',
    Name: 'node-1',
    OSType: 'linux',
    OperatingSystem: 'Debian',
    SecurityOptions: ['name=seccomp'],
  };
  expect(kinds(factsOf(info, OPTIONS, SOCKET))).toEqual(['name', 'address', 'published']);
  expect(kinds(factsOf({ ...info, SecurityOptions: ['name=rootless'] }, OPTIONS, SOCKET))).toEqual([
    'name',
    'published',
  ]);
  expect(kinds(factsOf({ ...info, OSType: 'windows' }, OPTIONS, SOCKET))).toEqual(['name', 'published']);
  expect(kinds(factsOf(info, { ...OPTIONS, network: 'bridge' }, SOCKET))).toEqual(['address', 'published']);
});

it('a desktop publishes on our own node, whatever its virtual machine is called', () => {
  const info = { ID: 'X', Name: 'docker-desktop', OperatingSystem: 'Docker Desktop', OSType: 'linux' };
  const facts = factsOf(info, OPTIONS, { ...SOCKET, platform: 'darwin' });
  expect(facts.description.offers).toEqual([
    { kind: 'name', network: 'apps' },
    { kind: 'published', node: 'laptop', bind: '127.0.0.1' },
  ]);
});

it("another machine's engine is its own node, and its ports are reached at its address", () => {
  const address = { kind: 'tcp' as const, host: 'engine.example.com', port: 2376, path: '', tls: null };
  const facts = factsOf({ ID: 'X', Name: 'node-1' }, OPTIONS, { ...SOCKET, address, platform: 'darwin' });
  expect([facts.node, facts.publishedHost]).toEqual(['node-1', 'engine.example.com']);
  expect(kinds(facts)).toContain('address');
  expect(factsOf({ Name: 'node-1' }, { ...OPTIONS, node: 'named' }, SOCKET).node).toBe('named');
});

it('is identified by its id, and by its name where it tells none', () => {
  expect(factsOf({ ID: 'X', Name: 'n' }, OPTIONS, SOCKET).description.identity).toBe('docker:X');
  expect(factsOf({ ID: '', Name: 'n' }, OPTIONS, SOCKET).description.identity).toBe('docker:n');
});
