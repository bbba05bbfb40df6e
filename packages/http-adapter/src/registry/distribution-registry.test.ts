import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { authorize } from './authorization.js';
import { type DistributionRegistryOptions, distributionRegistry } from './distribution-registry.js';

const MANIFEST = JSON.stringify({
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  manifests: [],
});
const DIGEST = `sha256:${createHash('sha256').update(MANIFEST).digest('hex')}`;
const OTHER = `sha256:${'0'.repeat(64)}`;

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
type Handler = (asked: Asked, response: ServerResponse) => unknown;

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function serve(handler: Handler) {
  const asked: Asked[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://x');
      const each: Asked = {
        method: request.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body: String(Buffer.concat(parts)),
      };
      asked.push(each);
      handler(each, response);
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const end = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  ends.push(end);
  return { asked, host: `127.0.0.1:${(server.address() as AddressInfo).port}`, end };
}

const open = () => ({ signal: new AbortController().signal });
const registry = (options: DistributionRegistryOptions = {}) => distributionRegistry(options)._unsafeUnwrap();
const manifest: Handler = (asked, response) =>
  response
    .writeHead(200, {
      'content-type': 'application/vnd.oci.image.index.v1+json',
      'docker-content-digest': DIGEST,
      etag: `"${DIGEST}"`,
    })
    .end(asked.method === 'HEAD' ? undefined : MANIFEST);
const fail = (response: ServerResponse, status: number, code: string, headers: Record<string, string> = {}) =>
  response.writeHead(status, headers).end(JSON.stringify({ errors: [{ code, message: 'with secret words' }] }));

describe('resolve', () => {
  it('is one HEAD that accepts lists and manifests', async () => {
    const { asked, host } = await serve(manifest);
    expect((await registry().resolve(`${host}/team/shop:v1`, open()))._unsafeUnwrap()).toEqual({ digest: DIGEST });
    expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual(['HEAD /v2/team/shop/manifests/v1']);
    for (const type of ['image.index', 'manifest.list', 'image.manifest', 'distribution.manifest.v2']) {
      expect(asked[0]?.headers.accept).toContain(type);
    }
  });

  it('reads `latest` where no tag is written, and the digest where one is', async () => {
    const { asked, host } = await serve(manifest);
    await registry().resolve(`${host}/shop`, open());
    expect((await registry().resolve(`${host}/shop:v1@${DIGEST}`, open()))._unsafeUnwrap()).toEqual({ digest: DIGEST });
    expect(asked.map(({ path }) => path)).toEqual(['/v2/shop/manifests/latest', `/v2/shop/manifests/${DIGEST}`]);
  });

  it('asks conditionally the second time, and sees a tag that moved', async () => {
    let digest = DIGEST;
    const { asked, host } = await serve(({ headers }, response) => {
      if (headers['if-none-match'] === `"${digest}"`) return response.writeHead(304).end();
      return response.writeHead(200, { 'docker-content-digest': digest, etag: `"${digest}"` }).end();
    });
    const own = registry();
    const look = async () => (await own.resolve(`${host}/shop:v1`, open()))._unsafeUnwrap().digest;
    expect([await look(), await look()]).toEqual([DIGEST, DIGEST]);
    expect(asked[1]?.headers['if-none-match']).toBe(`"${DIGEST}"`);
    digest = OTHER;
    expect([await look(), await look()]).toEqual([OTHER, OTHER]);
    expect(asked.every(({ method }) => method === 'HEAD')).toBe(true);
  });

  it.each([
    ['answers no HEAD', 405],
    ['tells no digest', 200],
  ])('hashes the manifest itself where the registry %s', async (_, status) => {
    const { asked, host } = await serve(({ method }, response) =>
      method === 'HEAD' ? response.writeHead(status).end() : response.writeHead(200).end(MANIFEST),
    );
    expect((await registry().resolve(`${host}/shop:v1`, open()))._unsafeUnwrap()).toEqual({ digest: DIGEST });
    expect(asked.map(({ method }) => method)).toEqual(['HEAD', 'GET']);
  });

  it('believes no manifest that has another digest than it should', async () => {
    const lies = await serve(({ method }, response) =>
      method === 'HEAD'
        ? response.writeHead(405).end()
        : response.writeHead(200, { 'docker-content-digest': OTHER }).end(MANIFEST),
    );
    const wrong = await serve(manifest);
    for (const reference of [`${lies.host}/shop:v1`, `${wrong.host}/shop@${OTHER}`]) {
      const error = (await registry().resolve(reference, open()))._unsafeUnwrapErr();
      expect(error).toMatchObject({ code: 'digest-mismatch', retryable: false });
    }
  });

  it('takes a login page for no manifest', async () => {
    const { host } = await serve((_, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
    );
    const error = (await registry().resolve(`${host}/shop:v1`, open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'registry-unreachable', code: 'no-manifest', retryable: false });
  });

  it('tells what is not there from what is denied, and both from an accident', async () => {
    const { host } = await serve(({ path }, response) => {
      if (path.includes('missing')) return fail(response, 404, 'MANIFEST_UNKNOWN');
      if (path.includes('private')) return fail(response, 403, 'DENIED');
      return fail(response, 500, 'UNKNOWN');
    });
    const own = registry({ attempts: 1 });
    const look = async (name: string) => (await own.resolve(`${host}/${name}:v1`, open()))._unsafeUnwrapErr();
    expect(await look('missing')).toMatchObject({ kind: 'image-not-found', retryable: false });
    expect(await look('private')).toMatchObject({ kind: 'registry-denied', retryable: false });
    expect(await look('broken')).toMatchObject({ kind: 'registry-unreachable', code: '500', retryable: true });
    expect((await look('missing')).message).toContain(`${host}/missing:v1`);
  });

  it('refuses what is no reference, and asks nobody', async () => {
    for (const text of ['', 'team/Shop:v1', 'shop:v1@sha256:short', '127.0.0.1:1/a b', 'shop:"></']) {
      const error = (await registry().resolve(text, open()))._unsafeUnwrapErr();
      expect(error).toMatchObject({ kind: 'image-not-found', code: 'bad-reference', retryable: false });
    }
    const error = (await registry().tags('127.0.0.1:1/shop:v1', open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ code: 'bad-reference' });
  });
});

describe('accidents', () => {
  it.each([408, 425, 429, 500, 503])('tries again after a %i', async (status) => {
    const { asked, host } = await serve((each, response) =>
      asked.length === 1 ? response.writeHead(status).end() : manifest(each, response),
    );
    expect((await registry().resolve(`${host}/shop:v1`, open())).isOk()).toBe(true);
    expect(asked).toHaveLength(2);
  });

  it('heeds Retry-After where it fits, and passes on one that does not', async () => {
    const soon = await serve((each, response) =>
      soon.asked.length === 1 ? response.writeHead(429, { 'retry-after': '1' }).end() : manifest(each, response),
    );
    const beganMs = performance.now();
    expect((await registry().resolve(`${soon.host}/shop:v1`, open())).isOk()).toBe(true);
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(990);
    const late = await serve((_, response) => response.writeHead(429, { 'retry-after': '3600' }).end());
    const error = (await registry().resolve(`${late.host}/shop:v1`, open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ code: '429', retryable: true, details: { retryAfterMs: 3_600_000 } });
    expect(late.asked).toHaveLength(1);
  });

  it('says that nobody answers, and bounds what hangs', async () => {
    const gone = await serve(manifest);
    gone.end();
    const own = registry({ timeout: 100, attempts: 2 });
    const refused = (await own.resolve(`${gone.host}/shop:v1`, open()))._unsafeUnwrapErr();
    expect(refused).toMatchObject({ kind: 'registry-unreachable', code: 'ECONNREFUSED', retryable: true });
    const hanging = await serve(() => undefined);
    const beganMs = performance.now();
    const error = (await own.resolve(`${hanging.host}/shop:v1`, open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'registry-unreachable', code: 'timeout', retryable: true });
    expect(hanging.asked).toHaveLength(2);
    expect(performance.now() - beganMs).toBeLessThan(1_500);
  });

  it('answers aborted at once, whatever it waits for', async () => {
    const hanging = await serve(() => undefined);
    const login = await serve((_, response) =>
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
    );
    const never = registry({ credentials: () => new Promise(() => undefined) });
    const waits = [
      (signal: AbortSignal) => registry().resolve(`${hanging.host}/shop:v1`, { signal }),
      (signal: AbortSignal) => registry().tags(`${hanging.host}/shop`, { signal }),
      (signal: AbortSignal) => never.resolve(`${login.host}/shop:v1`, { signal }),
    ];
    for (const wait of waits) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 50);
      const beganMs = performance.now();
      expect((await wait(controller.signal))._unsafeUnwrapErr().kind).toBe('aborted');
      expect(performance.now() - beganMs).toBeLessThan(500);
    }
    const count = hanging.asked.length;
    const result = await registry().resolve(`${hanging.host}/shop:v1`, { signal: AbortSignal.abort() });
    expect(result._unsafeUnwrapErr().kind).toBe('aborted');
    expect(hanging.asked).toHaveLength(count);
  });
});

describe('logins', () => {
  /** A registry whose tokens come from a service of its own. */
  async function tokenRegistry(options: { expiresIn?: number; token?: Handler } = {}) {
    let issued = 0;
    const valid = new Set<string>();
    const service = await serve((asked, response) => {
      if (options.token) return options.token(asked, response);
      issued += 1;
      valid.add(`token-${issued}`);
      return response
        .writeHead(200)
        .end(JSON.stringify({ token: `token-${issued}`, expires_in: options.expiresIn ?? 300 }));
    });
    const api = await serve((asked, response) => {
      const token = asked.headers.authorization?.replace(/^Bearer /, '') ?? '';
      if (valid.has(token)) return manifest(asked, response);
      const scope = `repository:${asked.path.split('/')[2]}:pull`;
      return fail(response, 401, 'UNAUTHORIZED', {
        'www-authenticate': `Bearer realm="http://${service.host}/token",service="registry.test",scope="${scope}"`,
      });
    });
    return { api, service, valid };
  }

  it('fetches a token as nobody, and keeps it for the repository', async () => {
    const { api, service } = await tokenRegistry();
    const own = registry();
    for (let i = 0; i < 3; i += 1) expect((await own.resolve(`${api.host}/shop:v${i}`, open())).isOk()).toBe(true);
    expect(service.asked).toHaveLength(1);
    expect(service.asked[0]?.query.get('service')).toBe('registry.test');
    expect(service.asked[0]?.query.get('scope')).toBe('repository:shop:pull');
    expect(service.asked[0]?.headers.authorization).toBeUndefined();
    await own.resolve(`${api.host}/other:v1`, open());
    expect(service.asked[1]?.query.get('scope')).toBe('repository:other:pull');
  });

  it('fetches another one when it has expired, or is not taken any more', async () => {
    const short = await tokenRegistry({ expiresIn: 0.05 });
    const own = registry();
    await own.resolve(`${short.api.host}/shop:v1`, open());
    await new Promise((resolve) => setTimeout(resolve, 60));
    await own.resolve(`${short.api.host}/shop:v1`, open());
    expect(short.service.asked).toHaveLength(2);
    // What it knew to be over was not sent: two requests, each refused once without a token.
    expect(short.api.asked.filter(({ headers }) => headers.authorization === undefined)).toHaveLength(2);
    short.valid.clear();
    expect((await own.resolve(`${short.api.host}/shop:v1`, open())).isOk()).toBe(true);
  });

  it('logs in to the token service, and to it alone', async () => {
    const { api, service } = await tokenRegistry();
    const credentials = vi.fn(() => ({ username: 'ada', password: 'p:ä' }));
    expect((await registry({ credentials }).resolve(`${api.host}/shop:v1`, open())).isOk()).toBe(true);
    const basic = `Basic ${Buffer.from('ada:p:ä').toString('base64')}`;
    expect(service.asked[0]?.headers.authorization).toBe(basic);
    expect(api.asked.some(({ headers }) => headers.authorization === basic)).toBe(false);
    expect(credentials).toHaveBeenCalledWith(api.host, expect.objectContaining({ signal: expect.any(AbortSignal) }));
  });

  it('takes an identity token to the service by OAuth2, and a registry token as it is', async () => {
    const { api, service, valid } = await tokenRegistry();
    const byIdentity = registry({ credentials: { [api.host]: { identityToken: 'refresh-me' } } });
    expect((await byIdentity.resolve(`${api.host}/shop:v1`, open())).isOk()).toBe(true);
    expect(service.asked[0]?.method).toBe('POST');
    const form = new URLSearchParams(service.asked[0]?.body);
    expect(Object.fromEntries(form)).toMatchObject({
      grant_type: 'refresh_token',
      refresh_token: 'refresh-me',
      service: 'registry.test',
    });
    valid.add('ready-made');
    const ready = registry({ credentials: { [api.host]: { registryToken: 'ready-made' } } });
    expect((await ready.resolve(`${api.host}/shop:v1`, open())).isOk()).toBe(true);
    expect(service.asked).toHaveLength(1);
  });

  it("gives one registry's password to no other", async () => {
    const { api } = await serve(manifest).then(async () => tokenRegistry());
    const own = registry({ credentials: { 'elsewhere.test': { username: 'ada', password: 'secret' } } });
    await own.resolve(`${api.host}/shop:v1`, open());
    expect(JSON.stringify(api.asked.map(({ headers }) => headers))).not.toContain(
      Buffer.from('ada:secret').toString('base64'),
    );
  });

  it('says denied for a wrong login, for none where one is wanted, and for a function that fails', async () => {
    const { api } = await tokenRegistry({ token: (_, response) => fail(response, 401, 'UNAUTHORIZED') });
    const basic = await serve((_, response) =>
      fail(response, 401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="x"' }),
    );
    const failures = [
      await registry({ credentials: () => ({ username: 'ada', password: 'wr0ng-secret' }) }).resolve(
        `${api.host}/a:1`,
        open(),
      ),
      await registry().resolve(`${api.host}/a:1`, open()),
      await registry().resolve(`${basic.host}/a:1`, open()),
      await registry({ credentials: () => ({ username: 'ada', password: 'wr0ng-secret' }) }).resolve(
        `${basic.host}/a:1`,
        open(),
      ),
      await registry({ credentials: () => Promise.reject(new Error('vault is sealed')) }).resolve(
        `${basic.host}/a:1`,
        open(),
      ),
      await registry({ credentials: (() => 'wr0ng-secret') as never }).resolve(`${basic.host}/a:1`, open()),
    ].map((result) => result._unsafeUnwrapErr());
    for (const error of failures) {
      expect(error.kind).toBe('registry-denied');
      expect(error.hint).toMatch(/credentials/);
      expect(JSON.stringify(error)).not.toContain('wr0ng-secret');
    }
  });

  it('sends no login to a token service without TLS because a registry with TLS says so', async () => {
    const service = await serve((_, response) => response.writeHead(200).end('{"token":"x"}'));
    const over = (origin: string, realm: string) =>
      authorize([{ scheme: 'bearer', parameters: { realm } }], () => ({ username: 'ada', password: 'secret' }), {
        repository: { registry: 'r.test', path: 'shop', origin },
        limitMs: 1_000,
        aborted: () => ({ kind: 'aborted', message: '', hint: '', retryable: true }),
        ...open(),
      });
    const refused = await over('https://r.test', `http://${service.host}/token`);
    expect(refused._unsafeUnwrapErr()).toMatchObject({ again: false, error: { code: 'insecure-realm' } });
    expect((await over('http://r.test', 'file:///etc/passwd'))._unsafeUnwrapErr().error.code).toBe('insecure-realm');
    expect(service.asked).toHaveLength(0);
    expect((await over('http://r.test', `http://${service.host}/token`)).isOk()).toBe(true);
  });

  it('shows no token that a header cannot carry', async () => {
    const { api } = await tokenRegistry({
      token: (_, response) => response.writeHead(200).end(JSON.stringify({ token: 'bad\ntoken-secret' })),
    });
    const error = (await registry().resolve(`${api.host}/a:1`, open()))._unsafeUnwrapErr();
    expect(error.code).toBe('no-token');
    expect(JSON.stringify(error)).not.toContain('token-secret');
  });
});

describe('tags', () => {
  it("follows the pages, relative and absolute, on the registry's own host", async () => {
    const pages: Record<string, { tags: string[] | null; link?: string }> = {
      '': { tags: ['a', 'b'], link: '</v2/shop/tags/list?last=b&n=2>; rel="next"' },
      b: { tags: ['b', 'c'], link: '<https://wrong.invalid/v2/shop/tags/list?last=c&n=2>; rel="next"' },
      c: { tags: ['d'] },
    };
    const { asked, host } = await serve(({ query }, response) => {
      const { tags, link } = pages[query.get('last') ?? ''] ?? { tags: [] };
      response.writeHead(200, link ? { link } : {}).end(JSON.stringify({ name: 'shop', tags }));
    });
    const result = await registry({ pageSize: 2 }).tags(`${host}/shop`, open());
    expect(result._unsafeUnwrap()).toEqual(['a', 'b', 'c', 'd']);
    expect(asked.map(({ query }) => query.get('n'))).toEqual(['2', '2', '2']);
  });

  it('gives up on pages that go round in a circle', async () => {
    const { host } = await serve((_, response) =>
      response.writeHead(200, { link: '</v2/shop/tags/list?last=b>; rel="next"' }).end('{"tags":["a"]}'),
    );
    const error = (await registry().tags(`${host}/shop`, open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ code: 'endless-pages', retryable: false });
  });

  it('knows a repository without tags, one that is not there, and an answer that is no list', async () => {
    const { host } = await serve(({ path }, response) => {
      if (path.includes('empty')) return response.writeHead(200).end('{"name":"empty","tags":null}');
      if (path.includes('odd')) return response.writeHead(200).end('<html>');
      return fail(response, 404, 'NAME_UNKNOWN');
    });
    const own = registry();
    expect((await own.tags(`${host}/empty`, open()))._unsafeUnwrap()).toEqual([]);
    expect((await own.tags(`${host}/missing`, open()))._unsafeUnwrapErr()).toMatchObject({
      kind: 'image-not-found',
      code: 'NAME_UNKNOWN',
    });
    expect((await own.tags(`${host}/odd`, open()))._unsafeUnwrapErr()).toMatchObject({
      code: 'no-tags',
      retryable: false,
    });
  });
});

describe('options', () => {
  it('refuses bad ones all at once, and shows no login', () => {
    const error = distributionRegistry({
      credentials: { 'a.test': { username: 'ada', password: 7 } },
      attempts: 0,
      timeout: 'soon',
      nmae: 'x',
    } as never)._unsafeUnwrapErr();
    expect(error.kind).toBe('invalid-options');
    expect(error.issues.map(({ path }) => path)).toEqual(
      expect.arrayContaining([
        'distributionRegistry.attempts',
        'distributionRegistry.timeout',
        'distributionRegistry.nmae',
      ]),
    );
    const text = distributionRegistry({ credentials: 'ada:s3cret' as never })._unsafeUnwrapErr();
    expect(JSON.stringify(text)).not.toContain('s3cret');
  });

  it('closes twice', async () => {
    const own = registry();
    expect((await own.close?.())?.isOk()).toBe(true);
    expect((await own.close?.())?.isOk()).toBe(true);
  });
});
