import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { conforms, registryLaws } from '@quayside/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWorkbench } from '../../../test/support/engine.js';
import { pushApp } from '../../../test/support/images.js';
import { freePort, REGISTRY_LOGIN, startRegistry, type TestRegistry } from '../../../test/support/registry.js';
import { distributionRegistry } from '../src/index.js';

const EMPTY = Buffer.from('{}');
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const open = () => ({ signal: new AbortController().signal });
const digestOf = (body: Buffer | string) => `sha256:${createHash('sha256').update(body).digest('hex')}`;
const basic = `Basic ${Buffer.from(`${REGISTRY_LOGIN.username}:${REGISTRY_LOGIN.password}`).toString('base64')}`;

/** Puts a manifest of nothing but an annotation to a real registry, as any client would. */
async function push(reference: string, content: string, authorization?: string): Promise<string> {
  const [, host = '', path = '', tag = ''] = /^([^/]+)\/(.+):([^:]+)$/.exec(reference) ?? [];
  const base = `http://${host}/v2/${path}`;
  const headers = authorization ? { authorization } : {};
  const config = digestOf(EMPTY);
  if ((await fetch(`${base}/blobs/${config}`, { method: 'HEAD', headers })).status !== 200) {
    const begun = await fetch(`${base}/blobs/uploads/`, { method: 'POST', headers });
    const location = new URL(begun.headers.get('location') ?? '', base);
    location.searchParams.set('digest', config);
    const put = await fetch(location, {
      method: 'PUT',
      body: EMPTY,
      headers: { ...headers, 'content-type': 'application/octet-stream' },
    });
    if (put.status !== 201) throw new Error(`The blob was answered ${put.status}.`);
  }
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config, size: EMPTY.length },
    layers: [],
    annotations: { content },
  });
  const put = await fetch(`${base}/manifests/${tag}`, {
    method: 'PUT',
    body,
    headers: { ...headers, 'content-type': MANIFEST_TYPE },
  });
  if (put.status !== 201) throw new Error(`The manifest was answered ${put.status}: ${await put.text()}`);
  return digestOf(body);
}

let free: TestRegistry;
let locked: TestRegistry;
let away: string;
beforeAll(async () => {
  free = await startRegistry();
  locked = await startRegistry({ login: true });
  away = `127.0.0.1:${await freePort()}`;
});
afterAll(async () => {
  await free.stop();
  await locked.stop();
});

let runs = 0;
const harness =
  (host: () => string, options: Parameters<typeof distributionRegistry>[0], authorization?: string) => async () => {
    runs += 1;
    const prefix = `${host()}/run-${runs}`;
    return {
      registry: distributionRegistry({ pageSize: 10, attempts: 1, ...options })._unsafeUnwrap(),
      repository: (name: string) => `${prefix}/${name}`,
      push: (reference: string, content: string) => push(reference, content, authorization),
      away,
      denying: locked.host,
      close: async () => {},
    };
  };

describe('distributionRegistry keeps the laws of Registry, at an open registry', () => {
  conforms(
    it,
    registryLaws,
    harness(() => free.host, {}),
  );
});

/** Before a real registry: cuts its lists of tags into pages, as version 3 and most others do and version 2 does not. */
async function startPaging(host: string) {
  const server = createServer(async ({ method = 'GET', url = '/', headers }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://x');
    const answer = await fetch(`http://${host}${url}`, {
      method,
      headers: Object.entries(headers).filter(([name]) => ['accept', 'if-none-match'].includes(name)) as [
        string,
        string,
      ][],
    });
    const answered = Object.fromEntries(
      ['docker-content-digest', 'etag', 'content-type'].flatMap((name) => {
        const value = answer.headers.get(name);
        return value === null ? [] : [[name, value]];
      }),
    );
    const body = Buffer.from(await answer.arrayBuffer());
    const size = Number(searchParams.get('n'));
    if (!pathname.endsWith('/tags/list') || answer.status !== 200 || !size) {
      return void response.writeHead(answer.status, answered).end(body);
    }
    const { name, tags } = JSON.parse(String(body)) as { name: string; tags: string[] };
    const after = tags.sort().filter((tag) => tag > (searchParams.get('last') ?? ''));
    const page = after.slice(0, size);
    const link = `<${pathname}?n=${size}&last=${page.at(-1)}>; rel="next"`;
    response.writeHead(200, after.length > size ? { link } : {}).end(JSON.stringify({ name, tags: page }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe('distributionRegistry keeps the laws of Registry, at one that answers in pages', () => {
  let paging: Awaited<ReturnType<typeof startPaging>>;
  beforeAll(async () => {
    paging = await startPaging(free.host);
  });
  afterAll(() => paging.stop());
  conforms(it, registryLaws, async () => ({
    ...(await harness(() => paging.host, {})()),
    push: (reference, content) => push(reference.replace(paging.host, free.host), content),
  }));
});

describe('distributionRegistry keeps the laws of Registry, behind a password', () => {
  let denying: TestRegistry;
  beforeAll(async () => {
    denying = await startRegistry({ login: true });
  });
  afterAll(() => denying.stop());
  conforms(it, registryLaws, async () => ({
    ...(await harness(
      () => locked.host,
      { credentials: async (registry) => (registry === locked.host ? REGISTRY_LOGIN : undefined) },
      basic,
    )()),
    denying: denying.host,
  }));
});

describe('distributionRegistry at a real registry', () => {
  it('asks with a HEAD, and a second time conditionally', async () => {
    const reference = `${free.host}/conditional:v1`;
    const digest = await push(reference, 'content');
    const registry = distributionRegistry()._unsafeUnwrap();
    const from = free.lines.length;
    for (let round = 0; round < 3; round += 1) {
      expect((await registry.resolve(reference, open()))._unsafeUnwrap()).toEqual({ digest });
    }
    await expect
      .poll(
        () =>
          free.lines
            .slice(from)
            .filter((line) => line.includes('/v2/conditional/manifests/v1') && line.includes('HTTP/1.1"')).length,
      )
      .toBe(3);
    const asked = free.lines.slice(from).filter((line) => line.includes('HTTP/1.1"'));
    expect(asked.every((line) => line.includes('"HEAD '))).toBe(true);
    expect(asked.filter((line) => / 304 /.test(line))).toHaveLength(2);
  });

  it('names the wrong password as such, and shows neither', async () => {
    const credentials = { [locked.host]: { ...REGISTRY_LOGIN, password: 'wr0ng-battery' } };
    const registry = distributionRegistry({ credentials })._unsafeUnwrap();
    const error = (await registry.resolve(`${locked.host}/shop:v1`, open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'registry-denied', retryable: false });
    expect(JSON.stringify(error)).not.toContain('battery');
  });

  it('tells of an image that an engine pushed the digest that the engine knows', async () => {
    await using bench = openWorkbench('registry');
    const reference = `${free.host}/${bench.prefix}:v1`;
    const digest = await pushApp(bench, reference, { version: 'v1' });
    const registry = distributionRegistry()._unsafeUnwrap();
    expect((await registry.resolve(reference, open()))._unsafeUnwrap()).toEqual({ digest });
    expect((await registry.tags(reference.slice(0, -3), open()))._unsafeUnwrap()).toEqual(['v1']);
  });
});
