import { getEventListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type ContainerSpec, outcomeUnknown, QuaysideError } from '@quayside/core/ports';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Script, type ScriptedEngine, scriptEngine } from '../test/support/scripted-engine.js';
import { openEngine } from './engine.js';
import type { DockerRuntimeOptions } from './options.js';
import { type DockerRuntime, dockerRuntime } from './runtime.js';
import { watchContainers } from './watch.js';

const open = () => ({ signal: new AbortController().signal });
const OWNER = { storeId: 'store-1', deployment: 'd1' };
const SPEC: ContainerSpec = {
  name: 'shop-1',
  owner: OWNER,
  project: 'shop',
  stage: 'dev',
  tag: 'v1',
  image: 'sha256:00',
  env: { PASSWORD: 'correct-horse' },
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
};
const network = (Id: string, Created = '2026-01-01T00:00:00Z', Labels = {}) => ({ Id, Name: 'apps', Created, Labels });
const inspection = (Id: string, deployment = 'd1') => ({
  Id,
  Name: '/shop-1',
  RestartCount: 0,
  State: { Status: 'created', OOMKilled: false, ExitCode: 0, FinishedAt: '0001-01-01T00:00:00Z' },
  Config: { Labels: { 'dev.quayside.store': 'store-1', 'dev.quayside.deployment': deployment } },
  HostConfig: { NetworkMode: 'net' },
  NetworkSettings: { Networks: {}, Ports: {} },
});

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
  vi.unstubAllEnvs();
});

async function against(
  script: Script,
  options: DockerRuntimeOptions = {},
): Promise<{ runtime: DockerRuntime; engine: ScriptedEngine; routes: () => string[] }> {
  const engine = await scriptEngine(script);
  const runtime = dockerRuntime({ host: engine.host, network: 'apps', ...options })._unsafeUnwrap();
  ends.push(
    () => engine.close(),
    async () => runtime.close(),
  );
  return { runtime, engine, routes: () => engine.seen.map(({ method, path }) => `${method} ${path}`) };
}

/** A network and a container that are there, and every change answered with success. */
const usual: Script = ({ method, path }) => {
  if (path === '/networks') return { status: 200, json: [network('net')] };
  if (path === '/containers/create') return { status: 201, json: { Id: 'c1' } };
  if (path === '/containers/shop-1/json') return { status: 200, json: inspection('c1') };
  if (method !== 'GET') return { status: 204 };
  return undefined;
};

describe('a deployment asks the engine for no more than it must', () => {
  it('one look at the network and one request for each step, once the engine is known', async () => {
    const { runtime, routes } = await against(usual);
    await runtime.describe(open());
    await runtime.create(SPEC, open());
    await runtime.start(SPEC, open());
    await runtime.inspect('shop-1', { ...open(), port: 3000 });
    await runtime.stop(SPEC, { ...open(), graceMs: 400 });
    await runtime.remove(SPEC, open());
    expect(routes()).toEqual([
      'GET /info',
      'GET /networks',
      'POST /containers/create',
      'POST /containers/c1/start',
      'GET /containers/shop-1/json',
      'POST /containers/c1/stop',
      'DELETE /containers/c1',
    ]);
  });

  it('over one connection, which close lets go of', async () => {
    const { runtime, engine } = await against(usual);
    for (let turn = 0; turn < 5; turn += 1) await runtime.inspect('shop-1', { ...open(), port: null });
    expect(engine.connections).toBe(1);
    expect(engine.openConnections).toBe(1);
    await runtime.close();
    await runtime.close();
    await vi.waitUntil(() => engine.openConnections === 0);
  });

  it('and leaves no timer behind, and nothing on a signal that outlives the calls', async () => {
    const { runtime } = await against(usual);
    const { signal } = new AbortController();
    await runtime.describe({ signal });
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    for (let turn = 0; turn < 5; turn += 1) await runtime.start(SPEC, { signal });
    expect(timers()).toBeLessThan(before + 5);
    for await (const _ of runtime.logs('none', { signal: AbortSignal.abort() })) break;
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('what is sent', () => {
  it('keeps the environment out of the address, where proxies and logs would see it', async () => {
    const { runtime, engine } = await against(usual);
    await runtime.create(SPEC, open());
    const create = engine.seen.find(({ path }) => path === '/containers/create');
    expect([...(create?.query.keys() ?? [])]).toEqual(['name']);
    expect(create?.body).toMatchObject({ Env: ['PASSWORD=correct-horse'], HostConfig: { NetworkMode: 'net' } });
  });

  it('rounds the grace up to whole seconds', async () => {
    const { runtime, engine } = await against(usual);
    await runtime.stop(SPEC, { ...open(), graceMs: 400 });
    await runtime.stop(SPEC, { ...open(), graceMs: 10_001 });
    await runtime.stop(SPEC, { ...open(), graceMs: 0 });
    expect(engine.seen.filter(({ path }) => path.endsWith('/stop')).map(({ query }) => query.get('t'))).toEqual([
      '1',
      '11',
      '0',
    ]);
  });

  it('goes to the host that was given, whatever DOCKER_HOST says', async () => {
    vi.stubEnv('DOCKER_HOST', 'tcp://127.0.0.1:1');
    vi.stubEnv('DOCKER_CLIENT_TIMEOUT', '1');
    const { runtime } = await against(usual);
    expect((await runtime.describe(open())).isOk()).toBe(true);
  });

  it('goes to DOCKER_HOST where no host was given', async () => {
    const engine = await scriptEngine(usual);
    ends.push(() => engine.close());
    vi.stubEnv('DOCKER_HOST', engine.host);
    const runtime = dockerRuntime()._unsafeUnwrap();
    ends.push(async () => runtime.close());
    expect((await runtime.describe(open()))._unsafeUnwrap().identity).toBe('docker:ENGINE-ID');
  });

  it.each(['../x', 'a/b', '', 'x?y', '..'])('never has a name in it that leads elsewhere: %j', async (name) => {
    const { runtime, routes } = await against(usual);
    expect((await runtime.inspect(name, { ...open(), port: null }))._unsafeUnwrap()).toBeUndefined();
    expect((await runtime.remove({ name, owner: OWNER }, open()))._unsafeUnwrap()).toBe('absent');
    expect((await runtime.image(`x/../../${name}`, open())).isErr()).toBe(true);
    expect(routes()).toEqual([]);
  });

  it('asks for the credentials of each pull anew, and tells them the engine alone', async () => {
    const asked: string[] = [];
    const { runtime, engine } = await against(
      ({ path }) => (path === '/images/create' ? { status: 500, json: { message: 'unauthorized: no' } } : undefined),
      {
        credentials: (registry) => {
          asked.push(registry);
          return { username: 'ci', password: `correct-horse-${asked.length}` };
        },
      },
    );
    for (let turn = 0; turn < 2; turn += 1) {
      const error = (await runtime.pull('ghcr.io/acme/shop:v1', open()))._unsafeUnwrapErr();
      expect(error.kind).toBe('registry-denied');
      expect(JSON.stringify({ ...error, cause: null })).not.toContain('correct-horse');
    }
    expect(asked).toEqual(['ghcr.io', 'ghcr.io']);
    const sent = engine.seen.map(({ headers }) => String(headers['x-registry-auth']));
    expect(sent.map((header) => JSON.parse(Buffer.from(header, 'base64url').toString()).password)).toEqual([
      'correct-horse-1',
      'correct-horse-2',
    ]);
  });

  it.each([
    ['ghcr.io/acme/shop:v1', 'ghcr.io/acme/shop', 'v1'],
    ['localhost:5000/shop', 'localhost:5000/shop', 'latest'],
    [`shop@sha256:${'a'.repeat(64)}`, 'shop', `sha256:${'a'.repeat(64)}`],
    [`localhost:5000/shop:v1@sha256:${'a'.repeat(64)}`, 'localhost:5000/shop', `sha256:${'a'.repeat(64)}`],
  ])('names the image as the engine takes it: %s', async (reference, fromImage, tag) => {
    const { runtime, engine } = await against(({ path }) => ({ status: path === '/images/create' ? 404 : 500 }), {
      credentials: () => null,
    });
    await runtime.pull(reference, open());
    expect(Object.fromEntries(engine.seen[0]?.query ?? [])).toEqual({ fromImage, tag });
  });
});

describe('an engine that does not answer', () => {
  const hangs: Script = (seen, response) => (seen.path === '/containers/create' ? undefined : usual(seen, response));

  it('is a timeout after the limit, and a create of unknown outcome', async () => {
    const { runtime } = await against(hangs, { answerTimeout: 50 });
    const error = (await runtime.create(SPEC, open()))._unsafeUnwrapErr();
    expect([error.kind, outcomeUnknown(error)]).toEqual(['timeout', true]);
    expect(error.message).toContain('50 ms');
  });

  it('has the grace on top of its time to answer', async () => {
    let stopped: ServerResponse | undefined;
    const { runtime } = await against(
      ({ path, ...rest }, response) => {
        if (!path.endsWith('/stop')) return usual({ path, ...rest }, response);
        stopped = response;
        setTimeout(() => response.writeHead(204).end(), 300);
        return undefined;
      },
      { answerTimeout: 100 },
    );
    expect((await runtime.stop(SPEC, { ...open(), graceMs: 1_000 })).isOk()).toBe(true);
    expect(stopped).toBeDefined();
  });

  it('is left at once by an abort, with the outcome unknown once the request was sent', async () => {
    const { runtime, engine } = await against(hangs);
    const controller = new AbortController();
    const creating = runtime.create(SPEC, { signal: controller.signal });
    await vi.waitUntil(() => engine.seen.some(({ path }) => path === '/containers/create'));
    controller.abort();
    const error = (await creating)._unsafeUnwrapErr();
    expect([error.kind, outcomeUnknown(error)]).toEqual(['aborted', true]);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('was asked nothing where the signal was aborted before: that outcome is known', async () => {
    const { runtime, routes } = await against(usual);
    const error = (await runtime.start(SPEC, { signal: AbortSignal.abort() }))._unsafeUnwrapErr();
    expect([error.kind, outcomeUnknown(error), routes()]).toEqual(['aborted', false, []]);
  });

  it('and breaks its answer off does not hold us for ever', async () => {
    const { runtime } = await against(
      ({ path }, response) => {
        if (path !== '/info') return undefined;
        response.writeHead(200, { 'content-length': '1000' });
        response.write('{');
        setTimeout(() => response.destroy(), 20);
        return undefined;
      },
      { answerTimeout: 300 },
    );
    const error = (await runtime.describe(open()))._unsafeUnwrapErr();
    expect(['engine-unreachable', 'timeout']).toContain(error.kind);
  });

  it('is engine-unreachable where its socket is not there, and found once it is', async () => {
    const { runtime, engine } = await against(usual);
    await engine.close();
    const error = (await runtime.describe(open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'engine-unreachable', retryable: true, outcome: 'refused' });
    expect(error.message).toContain(engine.socketPath);
  });

  it('but resets a kept connection is asked once more for what changes nothing, and not for what does', async () => {
    let resets = 0;
    const { runtime, routes } = await against((seen, response) => {
      const isFirst = routes().filter((route) => route === `${seen.method} ${seen.path}`).length === 1;
      if (seen.path === '/containers/shop-1/json' || !isFirst) return usual(seen, response);
      if (seen.path === '/networks' || seen.path === '/containers/create') {
        resets += 1;
        response.destroy();
        return undefined;
      }
      return undefined;
    });
    const error = (await runtime.create(SPEC, open()))._unsafeUnwrapErr();
    expect([error.kind, outcomeUnknown(error), resets]).toEqual(['engine-unreachable', true, 2]);
    expect(routes().filter((route) => route === 'GET /networks')).toHaveLength(2);
    expect(routes().filter((route) => route === 'POST /containers/create')).toHaveLength(1);
  });
});

describe('whose container it is', () => {
  it('decides: what carries another deployment is not started, stopped or removed', async () => {
    const { runtime, routes } = await against((seen, response) =>
      seen.path.endsWith('/json') ? { status: 200, json: inspection('c1', 'd2') } : usual(seen, response),
    );
    expect((await runtime.start(SPEC, open()))._unsafeUnwrapErr().kind).toBe('container-missing');
    expect((await runtime.stop(SPEC, { ...open(), graceMs: 0 })).isOk()).toBe(true);
    expect((await runtime.remove(SPEC, open()))._unsafeUnwrap()).toBe('foreign');
    expect(new Set(routes())).toEqual(new Set(['GET /containers/shop-1/json']));
  });

  it('is looked up where it was not created here, and remembered', async () => {
    const { runtime, routes } = await against(usual);
    await runtime.start(SPEC, open());
    await runtime.start(SPEC, open());
    expect(routes()).toEqual(['GET /containers/shop-1/json', 'POST /containers/c1/start', 'POST /containers/c1/start']);
  });

  it('is looked up again where the one that was known is gone', async () => {
    let isGone = false;
    const { runtime } = await against((seen, response) => {
      if (!isGone) return usual(seen, response);
      if (seen.path.startsWith('/containers/c1/')) return { status: 404, json: { message: 'No such container: c1' } };
      if (seen.path.endsWith('/json')) return { status: 200, json: inspection('c2') };
      return { status: 204 };
    });
    await runtime.start(SPEC, open());
    isGone = true;
    expect((await runtime.start(SPEC, open())).isOk()).toBe(true);
  });

  it('is not told from the beginning of an id that reads like its name', async () => {
    const { runtime } = await against(() => ({ status: 200, json: { ...inspection('shop-1aaaa'), Name: '/other' } }));
    expect((await runtime.remove(SPEC, open()))._unsafeUnwrap()).toBe('absent');
  });

  it('a name that is taken while its holder cannot be seen is worth another try', async () => {
    const { runtime } = await against((seen, response) => {
      if (seen.path === '/containers/create') return { status: 409, json: { message: 'Conflict. The container name' } };
      if (seen.path === '/containers/shop-1/json')
        return { status: 404, json: { message: 'No such container: shop-1' } };
      return usual(seen, response);
    });
    const error = (await runtime.create(SPEC, open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'engine-refused', retryable: true });
  });

  it('a removal that is under way is waited for', async () => {
    const { runtime, routes } = await against((seen, response) => {
      if (seen.method === 'DELETE') {
        return { status: 409, json: { message: 'removal of container c1 is already in progress' } };
      }
      if (seen.path.endsWith('/wait')) return { status: 200, json: { StatusCode: 0 } };
      return usual(seen, response);
    });
    expect((await runtime.remove(SPEC, open()))._unsafeUnwrap()).toBe('removed');
    expect(routes().at(-1)).toBe('POST /containers/c1/wait');
  });
});

describe('networks of one name', () => {
  it('the oldest counts, whoever lists first', async () => {
    const young = network('young', '2026-01-02T00:00:00Z');
    const { runtime, engine } = await against((seen, response) =>
      seen.path === '/networks' ? { status: 200, json: [young, network('old')] } : usual(seen, response),
    );
    await runtime.create(SPEC, open());
    const create = engine.seen.find(({ path }) => path === '/containers/create');
    expect(create?.body).toMatchObject({ HostConfig: { NetworkMode: 'old' } });
  });

  it('one that was made anew since is found out, and the container is on it', async () => {
    let id: string | undefined = 'net';
    const { runtime, routes, engine } = await against((seen, response) =>
      seen.path === '/networks' ? { status: 200, json: id ? [network(id)] : [] } : usual(seen, response),
    );
    await runtime.create(SPEC, open());
    id = 'anew';
    expect((await runtime.create(SPEC, open())).isOk()).toBe(true);
    const created = engine.seen.filter(({ path }) => path === '/containers/create');
    expect(created.map(({ body }) => (body as { HostConfig: object }).HostConfig)).toMatchObject([
      { NetworkMode: 'net' },
      { NetworkMode: 'net' },
      { NetworkMode: 'anew' },
    ]);
    expect(routes().slice(-2)).toEqual(['DELETE /containers/c1', 'POST /containers/create']);
    id = undefined;
    const networks = [{ name: 'apps', aliases: [] }];
    expect((await runtime.create({ ...SPEC, networks }, open()))._unsafeUnwrapErr().kind).toBe('network-missing');
    expect(routes().at(-1)).toBe('DELETE /containers/c1');
    expect((await runtime.create({ ...SPEC, networks }, open()))._unsafeUnwrapErr().kind).toBe('network-missing');
    expect(routes().at(-1)).toBe('GET /networks');
  });

  it('one that only begins like it is another', async () => {
    const { runtime } = await against((seen, response) =>
      seen.path === '/networks' ? { status: 200, json: [{ ...network('x'), Name: 'apps-2' }] } : usual(seen, response),
    );
    const networks = [{ name: 'apps', aliases: [] }];
    expect((await runtime.create({ ...SPEC, networks }, open()))._unsafeUnwrapErr().kind).toBe('network-missing');
  });

  it('made by two hosts at once, the younger one is taken away by who made it', async () => {
    let made = false;
    const { runtime, routes } = await against((seen) => {
      if (seen.path === '/networks/create') {
        made = true;
        return { status: 201, json: { Id: 'mine' } };
      }
      if (seen.method === 'DELETE') return { status: 204 };
      const all = [network('mine', '2026-01-02T00:00:00Z'), network('theirs')];
      return seen.path === '/networks' ? { status: 200, json: made ? all : [] } : undefined;
    });
    expect((await runtime.ensureNetwork('apps', OWNER, open()))._unsafeUnwrap()).toBe(false);
    expect(routes().at(-1)).toBe('DELETE /networks/mine');
  });

  it('made by another in the same instant, it is there', async () => {
    let asked = 0;
    const { runtime } = await against((seen) => {
      if (seen.path === '/networks/create')
        return { status: 409, json: { message: 'network with name apps already exists' } };
      asked += 1;
      return { status: 200, json: asked === 1 ? [] : [network('theirs')] };
    });
    expect((await runtime.ensureNetwork('apps', OWNER, open()))._unsafeUnwrap()).toBe(false);
  });

  it('of the stage’s own naming are not made by create; the runtime’s default is', async () => {
    let made = false;
    const { runtime, routes } = await against((seen, response) => {
      if (seen.path === '/networks/create') {
        made = true;
        return { status: 201, json: { Id: 'net' } };
      }
      if (seen.path === '/networks') return { status: 200, json: made ? [network('net')] : [] };
      return usual(seen, response);
    });
    const networks = [{ name: 'apps', aliases: [] }];
    expect((await runtime.create({ ...SPEC, networks }, open()))._unsafeUnwrapErr().kind).toBe('network-missing');
    expect(routes()).not.toContain('POST /networks/create');
    expect((await runtime.create(SPEC, open())).isOk()).toBe(true);
    expect(routes()).toContain('POST /networks/create');
  });
});

describe('a pull', () => {
  const stream =
    (lines: readonly object[], end: 'end' | 'hang' | 'break'): Script =>
    (seen, response) => {
      if (seen.path !== '/images/create') return { status: 500, json: { message: 'not asked for' } };
      response.writeHead(200, { 'content-type': 'application/json' });
      for (const line of lines) response.write(`${JSON.stringify(line)}\r\n`);
      if (end === 'end') response.end();
      if (end === 'break') setTimeout(() => response.destroy(), 20);
      return undefined;
    };
  const layer = { status: 'Downloading', progressDetail: { current: 5, total: 10 }, id: 'aaaaaaaaaaaa' };

  it('that fails half-way, under a status of success, is an error like any other', async () => {
    const error = { errorDetail: { message: 'manifest unknown' }, error: 'manifest unknown' };
    const { runtime } = await against(stream([layer, error], 'end'), { credentials: () => null });
    expect((await runtime.pull('shop:v1', open()))._unsafeUnwrapErr().kind).toBe('image-not-found');
  });

  it('tells layers by their id, and the whole without one', async () => {
    const seen: unknown[] = [];
    const lines = [{ status: 'Pulling from shop', id: 'v1' }, layer, { status: 'Digest: sha256:00' }];
    const { runtime } = await against(stream(lines, 'end'), { credentials: () => null });
    await runtime.pull('shop:v1', { ...open(), onProgress: (progress) => seen.push(progress) });
    expect(seen).toEqual([
      { layer: null, status: 'Pulling from shop', currentBytes: null, totalBytes: null },
      { layer: 'aaaaaaaaaaaa', status: 'Downloading', currentBytes: 5, totalBytes: 10 },
      { layer: null, status: 'Digest: sha256:00', currentBytes: null, totalBytes: null },
    ]);
  });

  it('that stalls is a timeout, one that breaks off is engine-unreachable, one that is aborted says so', async () => {
    const stalling = await against(stream([layer], 'hang'), { credentials: () => null, pullStall: 50 });
    expect((await stalling.runtime.pull('shop:v1', open()))._unsafeUnwrapErr()).toMatchObject({
      kind: 'timeout',
      code: 'stalled',
    });
    const breaking = await against(stream([layer], 'break'), { credentials: () => null });
    expect((await breaking.runtime.pull('shop:v1', open()))._unsafeUnwrapErr().kind).toBe('engine-unreachable');
    const hanging = await against(stream([layer], 'hang'), { credentials: () => null });
    const controller = new AbortController();
    const pulling = hanging.runtime.pull('shop:v1', {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    expect((await pulling)._unsafeUnwrapErr().kind).toBe('aborted');
  });
});

describe('watching', () => {
  const attributes = { 'dev.quayside.store': 'store-1', 'dev.quayside.deployment': 'd1', name: 'shop-1' };
  const watched: Script = (seen, response) => {
    if (seen.path !== '/events') return undefined;
    response.writeHead(200);
    response.write(`${JSON.stringify({ Action: 'start', Actor: { Attributes: attributes } })}\n`);
    return undefined;
  };

  it("asks for the store's own, from the engine's time on, and says so when the connection is lost", async () => {
    const { runtime, engine } = await against(watched);
    const events = (await runtime.watch(OWNER, open()))._unsafeUnwrap();
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of events) {
        seen.push(event.type);
        await engine.close();
      }
    })();
    await expect(reading).rejects.toSatisfy(
      (cause: unknown) => cause instanceof QuaysideError && cause.kind === 'engine-unreachable' && cause.retryable,
    );
    expect(seen).toEqual(['started']);
    const { query } = engine.seen.find(({ path }) => path === '/events') ?? {};
    expect(JSON.parse(query?.get('filters') ?? '')).toMatchObject({ label: ['dev.quayside.store=store-1'] });
    expect(query?.get('since')).toMatch(/\.000000006$/);
  });

  it('an engine that ends the stream, and says nothing wrong, has gone away all the same', async () => {
    const { runtime } = await against((seen, response) => {
      if (seen.path === '/events') response.writeHead(200).end();
      return undefined;
    });
    const events = (await runtime.watch(OWNER, open()))._unsafeUnwrap();
    await expect(events[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(QuaysideError);
  });

  it('a connection that died without a word is found out by a ping', async () => {
    const scripted = await scriptEngine(watched);
    const engine = openEngine({ host: scripted.host }, { answerTimeoutMs: 40 });
    ends.push(
      () => scripted.close(),
      async () => engine.close(),
    );
    const events = (await watchContainers(engine, OWNER, open(), 30))._unsafeUnwrap();
    const reading = (async () => {
      for await (const _ of events);
    })();
    await expect(reading).rejects.toSatisfy(
      (cause: unknown) => cause instanceof QuaysideError && cause.kind === 'engine-unreachable',
    );
    expect(scripted.seen.some(({ path }) => path === '/_ping')).toBe(true);
  });

  it('ends quietly with its signal, and leaves nothing on it', async () => {
    const { runtime } = await against(watched);
    const controller = new AbortController();
    const events = (await runtime.watch(OWNER, { signal: controller.signal }))._unsafeUnwrap();
    for await (const _ of events) controller.abort();
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });
});

describe('options', () => {
  it('that are wrong are told all at once, with their paths, and nothing is opened', () => {
    const error = dockerRuntime({
      host: 'ftp://x',
      network: '-',
      answerTimeout: 'soon',
      hots: 1,
    } as never)._unsafeUnwrapErr();
    expect(error.kind).toBe('invalid-options');
    const paths = error.issues.map(({ path }) => path);
    for (const name of ['host', 'network', 'answerTimeout', 'hots']) expect(paths).toContain(`dockerRuntime.${name}`);
  });

  it('name one engine: a host or a context', () => {
    const error = dockerRuntime({ host: 'unix:///x', context: 'lab' })._unsafeUnwrapErr();
    expect(error.issues[0]?.path).toBe('dockerRuntime.context');
  });
});
