import { describe, expect, it } from 'vitest';
import { createRefusal, refused, registryRefusal, startRefusal, unreachable } from './faults.js';

const REFERENCE = 'registry.example.com/shop:v1';
const registry = (status: number | null, message: string) =>
  registryRefusal({ status, message }, REFERENCE, 'registry.example.com');

describe('a refusal of a registry is told by what it is', () => {
  it.each([
    // As the engine words them, and with the status that it gives.
    [404, 'manifest for registry.example.com/shop:v1 not found: manifest unknown: manifest unknown', 'image-not-found'],
    [404, 'manifest unknown: manifest unknown', 'image-not-found'],
    [404, 'name unknown: repository name not known to registry', 'image-not-found'],
    [400, 'invalid reference format: repository name must be lowercase', 'image-not-found'],
    [
      500,
      'Get "https://registry.example.com/v2/": dial tcp 10.0.0.1:443: connect: connection refused',
      'registry-unreachable',
    ],
    [
      500,
      'Get "https://registry.example.com/v2/": dial tcp: lookup registry.example.com on 10.0.0.53:53: no such host',
      'registry-unreachable',
    ],
    [500, 'Get "https://registry.example.com/v2/": net/http: TLS handshake timeout', 'registry-unreachable'],
    [
      500,
      'Get "https://registry.example.com/v2/": x509: certificate signed by unknown authority',
      'registry-unreachable',
    ],
    [
      500,
      'Get "https://registry.example.com/v2/": http: server gave HTTP response to HTTPS client',
      'registry-unreachable',
    ],
    [500, 'received unexpected HTTP status: 503 Service Unavailable', 'registry-unreachable'],
    [null, 'unexpected EOF', 'registry-unreachable'],
    [500, 'Head "https://registry.example.com/v2/shop/manifests/v1": no basic auth credentials', 'registry-denied'],
    [500, 'unauthorized: authentication required', 'registry-denied'],
    [401, 'unauthorized: authentication required', 'registry-denied'],
    [403, 'denied', 'registry-denied'],
    [
      404,
      "pull access denied for shop, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
      'registry-denied',
    ],
    [500, 'toomanyrequests: You have reached your pull rate limit.', 'registry-denied'],
    [404, 'no matching manifest for linux/amd64 in the manifest list entries', 'image-unusable'],
    [null, 'failed to register layer: write /app: no space left on device', 'image-unusable'],
    [null, 'filesystem layer verification failed for digest sha256:00', 'image-unusable'],
    [
      null,
      'failed to register layer: Error processing tar file(exit status 1): archive/tar: invalid tar header',
      'image-unusable',
    ],
    [500, 'something else altogether', 'engine-refused'],
  ])('%s %s', (status, message, kind) => {
    const error = registry(status, message);
    expect(error.kind).toBe(kind);
    const isOurs = error.code === 'invalid-reference';
    expect(error.message).toContain(isOurs ? REFERENCE : message.slice(0, 30));
    expect(error.hint).toMatch(/\.$/);
  });

  it('is worth another try where the registry or the way to it was down, and nowhere else', () => {
    expect(registry(500, 'dial tcp 10.0.0.1:443: connect: connection refused').retryable).toBe(true);
    expect(registry(429, 'toomanyrequests: slow down').retryable).toBe(true);
    expect(registry(500, 'x509: certificate has expired').retryable).toBe(false);
    expect(registry(404, 'manifest unknown').retryable).toBe(false);
    expect(registry(401, 'unauthorized').retryable).toBe(false);
  });
});

describe('a container that cannot be created says why', () => {
  it.each([
    [404, 'No such image: registry.example.com/shop@sha256:00', 'image-not-found'],
    [404, 'network apps not found', 'network-missing'],
    [400, 'invalid mount config for type "bind": bind source path does not exist: /srv', 'engine-refused'],
    [400, 'Minimum memory limit allowed is 6MB', 'engine-refused'],
    [500, 'no space left on device', 'engine-refused'],
  ])('%s %s', (status, message, kind) => {
    expect(createRefusal({ status, message }, 'image').kind).toBe(kind);
  });

  it('and names the setting that a missing folder belongs to', () => {
    const message = 'invalid mount config for type "bind": bind source path does not exist: /srv';
    expect(createRefusal({ status: 400, message }, 'image').hint).toContain('`mounts`');
  });
});

describe('a container that cannot be started says why', () => {
  const OCI =
    'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ';
  it.each([
    [400, `${OCI}exec: "serve": executable file not found in $PATH: unknown`, 'start-failed', 'command-missing'],
    [400, `${OCI}exec: "/app": stat /app: no such file or directory: unknown`, 'start-failed', 'command-missing'],
    [400, `${OCI}exec: "/app": permission denied: unknown`, 'start-failed', 'command-denied'],
    [400, 'unable to find user app: no matching entries in passwd file', 'start-failed', 'user-missing'],
    [
      400,
      'OCI runtime create failed: error mounting "/srv" to rootfs at "/srv": not a directory',
      'start-failed',
      'mount',
    ],
    [500, 'failed to create endpoint x on network apps: operation not supported', 'start-failed', 'start'],
    [404, 'network 52ae096b not found', 'network-missing', undefined],
    [404, 'No such container: x', 'container-missing', undefined],
    [409, 'cannot start a paused container, try unpause instead', 'engine-refused', '409'],
  ])('%s %s', (status, message, kind, code) => {
    const error = startRefusal({ status, message }, 'shop-1');
    expect([error.kind, error.code]).toEqual([kind, code]);
  });

  it.each([
    'driver failed programming external connectivity on endpoint x (f6): Bind for 127.0.0.1:8080 failed: port is already allocated',
    'driver failed programming external connectivity on endpoint x (0a): Error starting userland proxy: listen tcp4 127.0.0.1:8080: bind: address already in use',
  ])('names the port that is taken: %s', (message) => {
    const error = startRefusal({ status: 500, message }, 'shop-1');
    expect([error.kind, error.code]).toEqual(['port-taken', '8080']);
    expect(error.message).toContain('8080');
  });

  it('names the command that is not in the image', () => {
    const message = `${OCI}exec: "serve": executable file not found in $PATH: unknown`;
    expect(startRefusal({ status: 400, message }, 'shop-1').hint).toContain('"serve" is not in the image');
  });
});

describe('an engine that does not answer', () => {
  it.each([
    ['ENOENT', true],
    ['ECONNREFUSED', true],
    ['EACCES', false],
    ['ENOTFOUND', true],
    ['ESSH', true],
    ['SELF_SIGNED_CERT_IN_CHAIN', false],
  ])('%s: nothing was done, and trying again helps: %s', (code, retryable) => {
    const error = unreachable('/var/run/docker.sock', Object.assign(new Error('it failed'), { code }));
    expect(error).toMatchObject({ kind: 'engine-unreachable', code, retryable, outcome: 'refused' });
  });

  it('leaves it open what was done when the connection broke', () => {
    const error = unreachable(
      '/var/run/docker.sock',
      Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }),
    );
    expect(error.outcome).toBeUndefined();
    expect(error.retryable).toBe(true);
  });
});

it('leaves it open what was done where something between us and the engine answered', () => {
  expect(refused({ status: 502, message: 'Bad Gateway' })).toMatchObject({ outcome: 'unknown', retryable: true });
  expect(refused({ status: 500, message: 'broken' }).outcome).toBeUndefined();
});
