/** What laws cannot say of every runtime: this engine's own ways to fail, to limit, and to be reached. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttp, request } from 'node:http';
import { type AddressInfo, connect, createServer as createTcp } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTls } from 'node:tls';
import { type ContainerSpec, type LocalImage, outcomeUnknown, type PullProgress } from '@quayside/core/ports';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { eventually, openWorkbench } from '../../../test/support/engine.js';
import { buildApp, pushApp } from '../../../test/support/images.js';
import { freePort, REGISTRY_LOGIN, startRegistry, type TestRegistry } from '../../../test/support/registry.js';
import { type DockerRuntime, type DockerRuntimeOptions, dockerRuntime } from '../src/index.js';

const bench = openWorkbench('docker');
const { docker } = bench;
const owner = { storeId: bench.prefix, deployment: 'd1' };
const open = () => ({ signal: new AbortController().signal });
const ends: (() => unknown)[] = [];

let registry: TestRegistry;
let closed: TestRegistry;
let image: LocalImage;
let runtime: DockerRuntime;
let count = 0;

const runtimeWith = (options: DockerRuntimeOptions = {}): DockerRuntime => {
  const made = dockerRuntime({ network: `${bench.prefix}-apps`, ...options })._unsafeUnwrap();
  ends.push(() => made.close());
  return made;
};

beforeAll(async () => {
  [registry, closed] = await Promise.all([startRegistry(), startRegistry({ login: true })]);
  await pushApp(bench, `${registry.host}/shop:v1`, { version: 'v1' });
  await pushApp(bench, `${closed.host}/shop:v1`, { version: 'v1' }, { login: REGISTRY_LOGIN });
  runtime = dockerRuntime({ network: `${bench.prefix}-apps` })._unsafeUnwrap();
  image = (await runtime.pull(`${registry.host}/shop:v1`, open()))._unsafeUnwrap();
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  vi.unstubAllEnvs();
  for (const { Id } of await docker.listContainers({
    all: true,
    filters: { label: [`dev.quayside.store=${bench.prefix}`] },
  })) {
    await docker.getContainer(Id).remove({ force: true, v: true });
  }
});

afterAll(async () => {
  await runtime?.close();
  await registry?.stop();
  await closed?.stop();
  await bench.cleanUp();
  expect(await bench.leftovers()).toEqual({ containers: [], images: [], networks: [], volumes: [] });
});

function spec(more: Partial<ContainerSpec> = {}): ContainerSpec {
  count += 1;
  return {
    name: `${bench.prefix}-${count}`,
    owner,
    project: 'shop',
    stage: 'dev',
    tag: 'v1',
    image: image.id,
    env: {},
    port: 3000,
    expose: [],
    options: null,
    labels: {},
    command: null,
    entrypoint: null,
    workingDir: null,
    user: null,
    readOnlyRoot: false,
    init: true,
    mounts: [],
    limits: { memoryBytes: null, cpus: null, pids: null },
    restart: 'no',
    logRotation: null,
    networks: [],
    ports: [],
    stopSignal: null,
    stopGraceMs: 1_000,
    ...more,
  };
}

async function run(more: Partial<ContainerSpec> = {}, on = runtime): Promise<ContainerSpec> {
  const made = spec(more);
  (await on.create(made, open()))._unsafeUnwrap();
  (await on.start(made, open()))._unsafeUnwrap();
  return made;
}

const seen = async ({ name }: ContainerSpec, on = runtime) => {
  const found = (await on.inspect(name, { ...open(), port: 3000 }))._unsafeUnwrap();
  if (!found) throw new Error(`${name} is not there`);
  return found;
};

describe('registries', () => {
  const pull = (reference: string, options: DockerRuntimeOptions = {}) =>
    runtimeWith({ credentials: () => null, ...options }).pull(reference, open());
  const reference = () => `${closed.host}/shop:v1`;

  it('one that asks for a login denies without one, and with a wrong one', async () => {
    const wrong = () => ({ username: REGISTRY_LOGIN.username, password: 'wrong' });
    for (const credentials of [() => null, wrong]) {
      expect((await pull(reference(), { credentials }))._unsafeUnwrapErr().kind).toBe('registry-denied');
      const resolved = await runtimeWith({ credentials }).resolve(reference(), open());
      expect(resolved._unsafeUnwrapErr().kind).toBe('registry-denied');
    }
  });

  it('gives to who has the login, by a function or from `docker login`', async () => {
    const byFunction = await pull(reference(), { credentials: async () => REGISTRY_LOGIN });
    expect(byFunction.isOk()).toBe(true);
    const folder = await mkdtemp(join(tmpdir(), 'quayside-config-'));
    ends.push(() => rm(folder, { recursive: true }));
    const auth = Buffer.from(`${REGISTRY_LOGIN.username}:${REGISTRY_LOGIN.password}`).toString('base64');
    await writeFile(join(folder, 'config.json'), JSON.stringify({ auths: { [closed.host]: { auth } } }));
    vi.stubEnv('DOCKER_CONFIG', folder);
    const usual = runtimeWith();
    expect((await usual.resolve(reference(), open())).isOk()).toBe(true);
    expect((await usual.pull(reference(), open())).isOk()).toBe(true);
  });

  it('one that is down, or whose name nobody knows, is registry-unreachable and worth another try', async () => {
    const nobody = `127.0.0.1:${await freePort()}/shop:v1`;
    for (const gone of [nobody, 'nohost.invalid/shop:v1']) {
      const pulled = (await pull(gone))._unsafeUnwrapErr();
      expect([gone, pulled.kind, pulled.retryable]).toEqual([gone, 'registry-unreachable', true]);
      const resolved = (await runtime.resolve(gone, open()))._unsafeUnwrapErr();
      expect([gone, resolved.kind]).toEqual([gone, 'registry-unreachable']);
    }
  });

  it('a missing repository is image-not-found, and so is what is no reference', async () => {
    for (const missing of [`${registry.host}/none:v1`, 'Not A Reference', `${registry.host}/shop@sha256:12`]) {
      expect((await pull(missing))._unsafeUnwrapErr().kind).toBe('image-not-found');
      expect((await runtime.resolve(missing, open()))._unsafeUnwrapErr().kind).toBe('image-not-found');
    }
  });

  it('a layer that is not what it should be is image-unusable, told half-way', async () => {
    const version = 'tampered';
    await pushApp(bench, `${registry.host}/padded:v1`, { version, paddingBytes: 300_000 });
    const between = await registryBetween((body) => (body.length > 200_000 ? flipped(body) : body));
    const error = (await pull(`${between}/padded:v1`))._unsafeUnwrapErr();
    expect(error.kind).toBe('image-unusable');
    expect((await runtime.image(`${between}/padded:v1`, open()))._unsafeUnwrap()).toBeUndefined();
  });

  it('one that stalls in the middle of a layer is a timeout, and an abort ends the pull at once', async () => {
    await pushApp(bench, `${registry.host}/slow:v1`, { version: 'slow', paddingBytes: 300_000 });
    const between = await registryBetween((body) => (body.length > 200_000 ? undefined : body));
    const stalled = (await pull(`${between}/slow:v1`, { pullStall: 700 }))._unsafeUnwrapErr();
    expect([stalled.kind, stalled.code]).toEqual(['timeout', 'stalled']);
    const controller = new AbortController();
    const startedMs = performance.now();
    const pulling = runtime.pull(`${between}/slow:v1`, { signal: controller.signal });
    setTimeout(() => controller.abort(), 300);
    expect((await pulling)._unsafeUnwrapErr().kind).toBe('aborted');
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });

  it('a pull tells each layer’s bytes', async () => {
    await pushApp(bench, `${registry.host}/progress:v1`, { version: 'progress', paddingBytes: 3_000_000 });
    const told: PullProgress[] = [];
    const onProgress = (progress: PullProgress) => told.push(progress);
    (await runtime.pull(`${registry.host}/progress:v1`, { ...open(), onProgress }))._unsafeUnwrap();
    const counted = told.filter(({ layer, currentBytes, totalBytes }) => layer && currentBytes && totalBytes);
    expect(counted.length).toBeGreaterThan(0);
    expect(counted.every(({ currentBytes, totalBytes }) => (currentBytes ?? 0) <= (totalBytes ?? 0))).toBe(true);
    expect(told.some(({ status }) => status === 'Pull complete')).toBe(true);
  });

  it('an image that was only built here is found, has no digest, and can be run by its id', async () => {
    await buildApp(bench, `${bench.prefix}/local:v1`, { version: 'local', port: 4000 });
    const local = (await runtime.image(`${bench.prefix}/local:v1`, open()))._unsafeUnwrap();
    expect(local).toMatchObject({ digests: [], ports: [4000], hasHealthcheck: false });
    const made = await run({ image: local?.id ?? '', port: 4000 });
    expect((await seen(made)).state).toBe('running');
  });
});

describe('containers', () => {
  it('somebody else’s container of our name is told, kept and never touched', async () => {
    const made = spec();
    const theirs = await docker.createContainer({
      name: made.name,
      Image: image.id,
      HostConfig: { RestartPolicy: { Name: 'no' } },
    });
    await theirs.start();
    expect((await runtime.create(made, open()))._unsafeUnwrapErr().kind).toBe('name-taken');
    expect((await runtime.start(made, open()))._unsafeUnwrapErr().kind).toBe('container-missing');
    expect((await runtime.stop(made, { ...open(), graceMs: 0 })).isOk()).toBe(true);
    expect((await runtime.remove(made, open()))._unsafeUnwrap()).toBe('foreign');
    expect(await seen(made)).toMatchObject({ state: 'running', owner: null });
    await theirs.remove({ force: true });
  });

  it('a create that is aborted may have worked: by its name it is found, and removed', async () => {
    let found = 0;
    for (let delayMs = 0; delayMs < 40; delayMs += 2) {
      const made = spec();
      const controller = new AbortController();
      const creating = runtime.create(made, { signal: controller.signal });
      setTimeout(() => controller.abort(), delayMs);
      const result = await creating;
      if (result.isErr()) expect(result.error.kind).toBe('aborted');
      // The engine goes on without us.
      await new Promise((resolve) => setTimeout(resolve, 100));
      const was = (await runtime.remove(made, open()))._unsafeUnwrap();
      if (was === 'removed' && result.isErr()) {
        found += 1;
        expect(outcomeUnknown(result.error)).toBe(true);
      }
      if (result.isErr() && !outcomeUnknown(result.error)) expect(was).toBe('absent');
    }
    expect(found).toBeGreaterThan(0);
  });

  it('a command that is not in the image is named, with and without an init process', async () => {
    const plain = spec({ command: ['no-such-command'], init: false });
    (await runtime.create(plain, open()))._unsafeUnwrap();
    const error = (await runtime.start(plain, open()))._unsafeUnwrapErr();
    expect([error.kind, error.code]).toEqual(['start-failed', 'command-missing']);
    expect(error.hint).toContain('no-such-command');
    const withInit = await run({ command: ['no-such-command'], init: true });
    const ended = await eventually('it ends', async () => {
      const container = await seen(withInit);
      return container.state === 'exited' && container;
    });
    expect(ended.exitCode).toBe(127);
  });

  it('one that needs more memory than it has is told as out of memory', async () => {
    const made = await run({
      command: ['sh', '-c', 'x=a; while :; do x=$x$x; done'],
      limits: { memoryBytes: 8_000_000, cpus: null, pids: null },
      options: { memorySwap: 8_000_000 },
      init: false,
    });
    const ended = await eventually('it ends', async () => {
      const container = await seen(made);
      return container.state === 'exited' && container;
    });
    expect(ended).toMatchObject({ exitCode: 137, oomKilled: true, endpoints: [] });
  });

  it('limits, restart policy, init, log rotation and all the rest reach the engine', async () => {
    const volume = `${bench.prefix}-data`;
    const made = await run({
      limits: { memoryBytes: 67_108_864, cpus: 0.5, pids: 50 },
      restart: 'unless-stopped',
      logRotation: { maxBytes: 10_485_760, maxFiles: 3 },
      mounts: [
        { type: 'volume', source: volume, target: '/data', readOnly: false },
        { type: 'tmpfs', target: '/scratch', sizeBytes: 65_536 },
      ],
      readOnlyRoot: true,
      user: '1000:1000',
      env: { GREETING: 'hello there' },
      stopSignal: 'SIGINT',
      stopGraceMs: 2_500,
      options: { capDrop: ['ALL'], securityOpt: ['no-new-privileges'], hostname: 'shop' },
    });
    const { HostConfig, Config } = await docker.getContainer(made.name).inspect();
    expect(HostConfig).toMatchObject({
      Memory: 67_108_864,
      NanoCpus: 500_000_000,
      PidsLimit: 50,
      RestartPolicy: { Name: 'unless-stopped' },
      Init: true,
      ReadonlyRootfs: true,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10485760', 'max-file': '3' } },
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
    });
    expect(Config).toMatchObject({ User: '1000:1000', StopSignal: 'SIGINT', StopTimeout: 3, Hostname: 'shop' });
    const shell = async (line: string) => (await runtime.exec(made, ['sh', '-c', line], open()))._unsafeUnwrap();
    expect(await shell('echo $GREETING; echo x > /scratch/x && cat /scratch/x')).toEqual({
      exitCode: 0,
      output: 'hello there\nx\n',
    });
    expect((await shell('echo x > /x')).exitCode).not.toBe(0);
    expect((await runtime.remove(made, open()))._unsafeUnwrap()).toBe('removed');
    // A named volume is data: it stays.
    expect((await docker.getVolume(volume).inspect()).Name).toBe(volume);
  });

  it('a setting that the engine refuses is told with its words, and nothing is made', async () => {
    const made = spec({ limits: { memoryBytes: 1_000, cpus: null, pids: null } });
    const error = (await runtime.create(made, open()))._unsafeUnwrapErr();
    expect(error.kind).toBe('engine-refused');
    expect(error.message).toMatch(/memory/i);
    const mounts = [{ type: 'bind' as const, source: '/no/such/folder', target: '/x', readOnly: true }];
    expect((await runtime.create(spec({ mounts }), open()))._unsafeUnwrapErr()).toMatchObject({ code: 'mount-source' });
    expect((await runtime.list(owner, open()))._unsafeUnwrap()).toEqual([]);
  });

  it('the grace of a stop is kept, and then it is killed', async () => {
    const polite = await run({ env: {} });
    const stubborn = await run({ env: { APP_IGNORES_TERM: 'yes' }, init: false });
    const timed = async (made: ContainerSpec, graceMs: number) => {
      await eventually('it has started', async () => (await lines(made)).length > 0);
      const startedMs = performance.now();
      (await runtime.stop(made, { ...open(), graceMs }))._unsafeUnwrap();
      return performance.now() - startedMs;
    };
    expect(await timed(polite, 9_000)).toBeLessThan(6_000);
    expect(await timed(stubborn, 1_200)).toBeGreaterThan(1_900);
    expect((await seen(stubborn)).exitCode).toBe(137);
  });

  it('answers at its address and at its published port, and again after a restart under whatever it has then', async () => {
    const { offers } = (await runtime.describe(open()))._unsafeUnwrap();
    expect(offers.map(({ kind }) => kind)).toEqual(['name', 'address', 'published']);
    const made = await run({ expose: offers, env: { APP_VERSION: 'v7' } });
    const answers = async () => {
      const { endpoints } = await seen(made);
      const reached = endpoints.filter(({ kind }) => kind !== 'name');
      expect(reached.map(({ kind }) => kind)).toEqual(['address', 'published']);
      for (const { host, port } of reached) {
        // The image's page says v1 whatever the variable says.
        const body = () =>
          fetch(`http://${host}:${port}/`)
            .then((response) => response.text())
            .catch(() => undefined);
        expect(await eventually(`it answers at ${host}:${port}`, body)).toBe('v1\n');
      }
    };
    await answers();
    await docker.getContainer(made.name).restart({ t: 1 });
    await answers();
  });

  it('on a network it is found by name and by alias', async () => {
    const network = `${bench.prefix}-named`;
    expect((await runtime.ensureNetwork(network, owner, open()))._unsafeUnwrap()).toBe(true);
    const server = await run({ networks: [{ name: network, aliases: ['web'] }] });
    const client = await run({ networks: [{ name: network, aliases: [] }] });
    for (const name of [server.name, 'web']) {
      const fetched = await eventually('it answers', async () => {
        const got = (
          await runtime.exec(client, ['wget', '-q', '-O', '-', `http://${name}:3000/`], open())
        )._unsafeUnwrap();
        return got.exitCode === 0 && got.output;
      });
      expect(fetched).toBe('v1\n');
    }
  });

  it('removed behind our back between create and start, it is container-missing', async () => {
    const made = spec();
    (await runtime.create(made, open()))._unsafeUnwrap();
    await docker.getContainer(made.name).remove();
    expect((await runtime.start(made, open()))._unsafeUnwrapErr().kind).toBe('container-missing');
    expect((await runtime.remove(made, open()))._unsafeUnwrap()).toBe('absent');
  });

  it('whose network was removed before its start is network-missing', async () => {
    const network = `${bench.prefix}-going`;
    await runtime.ensureNetwork(network, owner, open());
    const made = spec({ networks: [{ name: network, aliases: [] }] });
    (await runtime.create(made, open()))._unsafeUnwrap();
    await docker.getNetwork(network).remove();
    expect((await runtime.start(made, open()))._unsafeUnwrapErr().kind).toBe('network-missing');
  });

  it('by two runtimes that make a network at once, there is one of the name', async () => {
    const network = `${bench.prefix}-race`;
    const all = Array.from({ length: 4 }, () => runtimeWith());
    const made = await Promise.all(all.map((each) => each.ensureNetwork(network, owner, open())));
    expect(made.filter((each) => each._unsafeUnwrap())).toHaveLength(1);
    const there = (await docker.listNetworks()).filter(({ Name }) => Name === network);
    expect(there).toHaveLength(1);
  });
});

const lines = async ({ name }: ContainerSpec, options = {}) => {
  const found: string[] = [];
  for await (const { text } of runtime.logs(name, { ...open(), ...options })) found.push(text);
  return found;
};

describe('output', () => {
  it('of both streams, with times; long lines in parts, and characters whole', async () => {
    const script = 'echo out; echo err >&2; i=0; while [ $i -lt 4000 ]; do printf 0123456789€; i=$((i+1)); done; echo';
    // The driver `json-file` itself breaks a character that falls on 16 KiB; `local` keeps it.
    const options = { logDriver: { type: 'local', options: {} } };
    const made = await run({ command: ['sh', '-c', script], init: false, options });
    await eventually('it ends', async () => (await seen(made)).state === 'exited');
    const all: { stream: string; text: string; time: number | null }[] = [];
    for await (const line of runtime.logs(made.name, open())) all.push(line);
    expect(all.find(({ stream }) => stream === 'stderr')?.text).toBe('err');
    expect(all.every(({ time }) => time !== null && Math.abs(time - Date.now()) < 600_000)).toBe(true);
    expect(all.every(({ text }) => text.length <= 16_384)).toBe(true);
    const out = all.filter(({ stream }) => stream === 'stdout').map(({ text }) => text);
    expect(out[0]).toBe('out');
    const isWhole = out.slice(1).join('') === '0123456789€'.repeat(4_000);
    expect(isWhole).toBe(true);
  });

  it('followed across the moment in which it is written', async () => {
    const script = 'for i in 1 2 3 4 5; do echo line $i; usleep 100000; done';
    const made = await run({ command: ['sh', '-c', script] });
    expect(await lines(made, { follow: true })).toEqual(['line 1', 'line 2', 'line 3', 'line 4', 'line 5']);
  });
});

describe('the engine is reached', () => {
  const identity = async (on: DockerRuntime) => (await on.describe(open()))._unsafeUnwrap().identity;

  it('at the usual socket, and its node is this machine', async () => {
    const { offers } = (await runtime.describe(open()))._unsafeUnwrap();
    expect(offers).toContainEqual({ kind: 'address', node: hostname() });
  });

  it('through a docker context', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'quayside-config-'));
    ends.push(() => rm(folder, { recursive: true }));
    vi.stubEnv('DOCKER_CONFIG', folder);
    vi.stubEnv('DOCKER_HOST', undefined);
    vi.stubEnv('DOCKER_CONTEXT', undefined);
    execFileSync('docker', ['context', 'create', 'lab', '--docker', `host=unix://${bench.socketPath}`], {
      stdio: 'pipe',
    });
    expect(await identity(runtimeWith({ context: 'lab' }))).toBe(await identity(runtime));
    execFileSync('docker', ['context', 'use', 'lab'], { stdio: 'pipe' });
    expect(await identity(runtimeWith())).toBe(await identity(runtime));
    const missing = (await runtimeWith({ context: 'none' }).describe(open()))._unsafeUnwrapErr();
    expect(missing).toMatchObject({ kind: 'engine-unreachable', code: 'context-missing' });
  });

  it('over TCP', async () => {
    const port = await tcpTo(bench.socketPath);
    expect(await identity(runtimeWith({ host: `tcp://127.0.0.1:${port}` }))).toBe(await identity(runtime));
  });

  it('over TLS, with certificates on both sides; without ours, or with another’s, it is not', async () => {
    const { folder, port } = await tlsTo(bench.socketPath);
    const host = `tcp://127.0.0.1:${port}`;
    const right = runtimeWith({ host, tls: { certPath: folder } });
    expect(await identity(right)).toBe(await identity(runtime));
    for (let turn = 0; turn < 3; turn += 1) expect((await right.list(owner, open())).isOk()).toBe(true);
    const stranger = (await runtimeWith({ host, tls: {} }).describe(open()))._unsafeUnwrapErr();
    expect(stranger).toMatchObject({ kind: 'engine-unreachable', retryable: false });
    expect(stranger.hint).toContain('tls');
    vi.stubEnv('DOCKER_HOST', host);
    vi.stubEnv('DOCKER_TLS_VERIFY', '1');
    vi.stubEnv('DOCKER_CERT_PATH', folder);
    expect(await identity(runtimeWith())).toBe(await identity(runtime));
  });

  it('over ssh, with one connection for many calls, streams included, and an end with close', async () => {
    const folder = await fakeSsh(`exec docker --host unix://${bench.socketPath} system dial-stdio`);
    const far = dockerRuntime({
      host: 'ssh://ops@engine.example:2222',
      network: `${bench.prefix}-apps`,
    })._unsafeUnwrap();
    expect(await identity(far)).toBe(await identity(runtime));
    const made = await run({}, far);
    expect((await seen(made, far)).endpoints.length).toBeGreaterThan(0);
    const output: string[] = [];
    for await (const { text } of far.logs(made.name, open())) output.push(text);
    expect(output[0]).toBe('app v1 starts');
    expect((await far.exec(made, ['echo', 'hi'], open()))._unsafeUnwrap().output).toBe('hi\n');
    expect((await far.remove(made, open()))._unsafeUnwrap()).toBe('removed');
    const dials = execFileSync('cat', [join(folder, 'dials'), join(folder, 'pids')])
      .toString()
      .trim()
      .split('\n');
    const [first = ''] = dials;
    expect(first).toContain('-o BatchMode=yes');
    expect(first).toContain('-l ops -p 2222 -- engine.example docker system dial-stdio');
    expect(dials.filter((line) => line.includes('dial-stdio')).length).toBeLessThanOrEqual(4);
    (await far.close())._unsafeUnwrap();
    await eventually('every connection has ended', () => dials.filter((line) => /^\d+$/.test(line)).every(isGone));
  });

  it('not over an ssh that fails, whose words are told', async () => {
    await fakeSsh('echo "Permission denied (publickey)." >&2; exit 255');
    const error = (await runtimeWith({ host: 'ssh://engine.example' }).describe(open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'engine-unreachable', code: 'ESSH', outcome: 'refused' });
    expect(error.message).toContain('Permission denied');
    await fakeSsh('exec sleep 60');
    const hanging = runtimeWith({ host: 'ssh://engine.example', answerTimeout: 300 });
    expect((await hanging.describe(open()))._unsafeUnwrapErr().kind).toBe('timeout');
  });
});

const isGone = (pid: string): boolean => {
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch {
    return true;
  }
};

/** A program called `ssh` in front of the PATH, which notes how it was called and by which process, and then does that. */
async function fakeSsh(script: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'quayside-ssh-'));
  ends.push(() => rm(folder, { recursive: true }));
  await writeFile(
    join(folder, 'ssh'),
    `#!/bin/sh\necho "$@" >> ${folder}/dials\necho $$ >> ${folder}/pids\n${script}\n`,
  );
  await chmod(join(folder, 'ssh'), 0o755);
  vi.stubEnv('PATH', `${folder}:${process.env['PATH']}`);
  return folder;
}

async function tcpTo(socketPath: string): Promise<number> {
  const server = createTcp((socket) => {
    const engine = connect(socketPath);
    socket.on('error', () => engine.destroy()).on('close', () => engine.destroy());
    engine.on('error', () => socket.destroy());
    socket.pipe(engine).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.unshift(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function tlsTo(socketPath: string): Promise<{ folder: string; port: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'quayside-tls-'));
  ends.unshift(() => rm(folder, { recursive: true }));
  const openssl = (...parts: string[]) => execFileSync('openssl', parts, { cwd: folder, stdio: 'pipe' });
  const key = ['-newkey', 'rsa:2048', '-nodes'];
  openssl('req', '-x509', ...key, '-days', '2', '-subj', '/CN=test ca', '-keyout', 'ca-key.pem', '-out', 'ca.pem');
  await mkdir(join(folder, 'server'));
  await writeFile(join(folder, 'names'), 'subjectAltName=IP:127.0.0.1\n');
  for (const [prefix, name] of [
    ['server/', 'engine'],
    ['', 'client'],
  ] as const) {
    openssl('req', ...key, '-subj', `/CN=${name}`, '-keyout', `${prefix}key.pem`, '-out', 'request.pem');
    openssl(
      ...['x509', '-req', '-in', 'request.pem', '-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial'],
      ...['-days', '2', '-extfile', 'names', '-out', `${prefix}cert.pem`],
    );
  }
  const file = (name: string) => execFileSync('cat', [join(folder, name)]);
  const server = createTls(
    {
      ca: file('ca.pem'),
      cert: file('server/cert.pem'),
      key: file('server/key.pem'),
      requestCert: true,
      rejectUnauthorized: true,
    },
    (socket) => {
      const engine = connect(socketPath);
      socket.on('error', () => engine.destroy()).on('close', () => engine.destroy());
      engine.on('error', () => socket.destroy());
      socket.pipe(engine).pipe(socket);
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.unshift(() => server.close());
  return { folder, port: (server.address() as AddressInfo).port };
}

const flipped = (body: Buffer): Buffer => {
  const copy = Buffer.from(body);
  copy[100_000] = (copy[100_000] ?? 0) ^ 0xff;
  return copy;
};

/** A registry that passes on what the real one answers, blobs as `change` has them; undefined: half of it, and then silence. */
async function registryBetween(change: (blob: Buffer) => Buffer | undefined): Promise<string> {
  const [host, port] = registry.host.split(':');
  const server = createHttp((incoming, response) => {
    const { method, url, headers } = incoming;
    const outgoing = request(
      { host, port, method, path: url, headers: { ...headers, host: registry.host } },
      async (answer) => {
        const parts: Buffer[] = [];
        for await (const part of answer) parts.push(part as Buffer);
        const body = Buffer.concat(parts);
        const changed = method === 'GET' && url?.includes('/blobs/') ? change(body) : body;
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        if (changed) response.end(changed);
        else response.write(body.subarray(0, body.length / 2));
      },
    );
    incoming.pipe(outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
