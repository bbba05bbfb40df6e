import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findAddress, parseHost, type Surroundings } from './address.js';

describe('a host as people write it', () => {
  it.each([
    ['unix:///run/user/1000/docker.sock', { kind: 'socket', path: '/run/user/1000/docker.sock' }],
    ['unix://', { kind: 'socket', path: '/var/run/docker.sock' }],
    ['/run/docker.sock', { kind: 'socket', path: '/run/docker.sock' }],
    ['npipe:////./pipe/docker_engine', { kind: 'socket', path: '//./pipe/docker_engine' }],
    ['tcp://10.0.0.5:2375', { kind: 'tcp', host: '10.0.0.5', port: 2375, path: '', tls: null }],
    ['tcp://engine:2376', { kind: 'tcp', host: 'engine', port: 2376, path: '', tls: { verify: true } }],
    ['engine:2375', { kind: 'tcp', host: 'engine', port: 2375, path: '', tls: null }],
    ['tcp://engine', { kind: 'tcp', host: 'engine', port: 2375, path: '', tls: null }],
    ['https://engine/docker/', { kind: 'tcp', host: 'engine', port: 443, path: '/docker', tls: { verify: true } }],
    ['tcp://[::1]:2375', { kind: 'tcp', host: '::1', port: 2375, path: '', tls: null }],
    ['ssh://engine', { kind: 'ssh', host: 'engine', port: null, user: null, socket: null }],
    [
      'ssh://ops@engine:2222/run/docker.sock',
      { kind: 'ssh', host: 'engine', port: 2222, user: 'ops', socket: '/run/docker.sock' },
    ],
  ])('%s', (text, address) => {
    expect(parseHost(text)).toEqual(address);
  });

  it.each([
    '',
    'unix://relative.sock',
    'ftp://engine',
    'tcp://',
    'tcp://user:secret@engine',
    'ssh://-oProxyCommand=evil',
    'ssh://-x@engine',
    'ssh://a:secret@engine',
    'tcp://engine:99999',
  ])('is refused where it is none: %j', (text) => {
    expect(parseHost(text)).toBeUndefined();
  });
});

describe('the engine is found as the docker command finds it', () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'quayside-home-'));
  });
  afterEach(() => rm(home, { recursive: true }));

  const write = async (path: string, content: unknown) => {
    await mkdir(dirname(join(home, path)), { recursive: true });
    await writeFile(join(home, path), typeof content === 'string' ? content : JSON.stringify(content));
  };
  const context = (name: string, Host: string, more: object = {}) =>
    write(`.docker/contexts/meta/${idOf(name)}/meta.json`, { Name: name, Endpoints: { docker: { Host, ...more } } });
  const idOf = (name: string) => createHash('sha256').update(name).digest('hex');
  const around = (env: Surroundings['env'] = {}): Surroundings => ({ env, home, platform: 'linux', uid: null });
  const find = async (env?: Surroundings['env'], wanted = {}) =>
    (await findAddress(wanted, around(env)))._unsafeUnwrap();
  const failure = async (env?: Surroundings['env'], wanted = {}) =>
    (await findAddress(wanted, around(env)))._unsafeUnwrapErr();

  it('an option goes before DOCKER_HOST, that before DOCKER_CONTEXT, that before the current context', async () => {
    await context('office', 'tcp://office:2375');
    await context('lab', 'tcp://lab:2375');
    await write('.docker/config.json', { currentContext: 'lab' });
    const env = { DOCKER_HOST: 'tcp://env:2375', DOCKER_CONTEXT: 'office' };
    expect(await find(env, { host: 'tcp://option:2375' })).toMatchObject({ host: 'option' });
    expect(await find(env, { context: 'lab' })).toMatchObject({ host: 'lab' });
    expect(await find(env)).toMatchObject({ host: 'env' });
    expect(await find({ DOCKER_CONTEXT: 'office' })).toMatchObject({ host: 'office' });
    expect(await find()).toMatchObject({ host: 'lab' });
  });

  it('a context that is not there is named, with what names it', async () => {
    const error = await failure({ DOCKER_CONTEXT: 'gone' });
    expect(error).toMatchObject({ kind: 'engine-unreachable', code: 'context-missing', retryable: false });
    expect(error.message).toContain('"gone", named by DOCKER_CONTEXT');
  });

  it('a DOCKER_HOST that is none is refused, and not overlooked', async () => {
    expect(await failure({ DOCKER_HOST: 'ftp://engine' })).toMatchObject({ code: 'host-invalid' });
  });

  it('TLS comes from DOCKER_TLS_VERIFY and DOCKER_CERT_PATH', async () => {
    for (const name of ['ca', 'cert', 'key']) await write(`certs/${name}.pem`, `the ${name}`);
    const env = { DOCKER_HOST: 'tcp://engine:2375', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: join(home, 'certs') };
    expect(await find(env)).toMatchObject({
      tls: { ca: 'the ca', cert: 'the cert', key: 'the key', verify: true },
    });
    expect(await find({ DOCKER_HOST: 'tcp://engine:2375' })).toMatchObject({ tls: null });
    expect(await failure({ ...env, DOCKER_CERT_PATH: join(home, 'none') })).toMatchObject({ code: 'tls-files' });
  });

  it('TLS comes from the context that the engine is of, with its own word on checking', async () => {
    await context('lab', 'tcp://lab:2376', { SkipTLSVerify: true });
    await write(`.docker/contexts/tls/${idOf('lab')}/docker/ca.pem`, 'the ca');
    expect(await find({ DOCKER_CONTEXT: 'lab' })).toMatchObject({ host: 'lab', tls: { ca: 'the ca', verify: false } });
  });

  it('DOCKER_CONFIG moves where contexts are looked for', async () => {
    await write('other/config.json', { currentContext: 'lab' });
    await write(`other/contexts/meta/${idOf('lab')}/meta.json`, { Endpoints: { docker: { Host: 'tcp://lab:2375' } } });
    expect(await find({ DOCKER_CONFIG: join(home, 'other') })).toMatchObject({ host: 'lab' });
  });

  describe('with nothing said, at the usual places', () => {
    const rootSocket = () => join(home, 'root.sock');
    const usual = async (env: Surroundings['env'] = {}) =>
      (await findAddress({}, { ...around(env), rootSocket: rootSocket() }))._unsafeUnwrap();

    it("a root engine's socket goes before a rootless one's", async () => {
      await write('root.sock', '');
      await write('run/docker.sock', '');
      expect(await usual({ XDG_RUNTIME_DIR: join(home, 'run') })).toEqual({ kind: 'socket', path: rootSocket() });
    });

    it("a rootless engine's socket is found by XDG_RUNTIME_DIR, a desktop's in the home", async () => {
      await write('.docker/run/docker.sock', '');
      expect(await usual()).toEqual({ kind: 'socket', path: join(home, '.docker/run/docker.sock') });
      await write('run/docker.sock', '');
      const path = join(home, 'run/docker.sock');
      expect(await usual({ XDG_RUNTIME_DIR: join(home, 'run') })).toEqual({ kind: 'socket', path });
      expect(await usual({ XDG_RUNTIME_DIR: join(home, 'run'), DOCKER_CONTEXT: 'default' })).toMatchObject({ path });
    });

    it('where there is none, the root one is named, so that the error speaks of it', async () => {
      expect(await usual()).toEqual({ kind: 'socket', path: rootSocket() });
    });

    it('on Windows it is the named pipe', async () => {
      const found = await findAddress({}, { ...around(), platform: 'win32' });
      expect(found._unsafeUnwrap()).toEqual({ kind: 'socket', path: '//./pipe/docker_engine' });
    });
  });
});
