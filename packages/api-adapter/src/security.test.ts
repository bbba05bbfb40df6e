/** What must not get through, whoever calls. The routes come from the table itself: a new one is held to the same. */
import { errAsync } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { type Bed, bed, byToken, json, PROJECTS, problem, request } from '../test/support/bed.js';
import { BODIES, calls, watched } from '../test/support/calls.js';
import { type Ask, type Authorize, apiHandler } from './index.js';

const withBed = async (options: Parameters<typeof bed>[0], test: (api: Bed) => Promise<void>) => {
  const api = await bed(options);
  try {
    await test(api);
  } finally {
    await api.close();
  }
};

describe('authorize', () => {
  it('is needed for a handler', async () => {
    await withBed({}, async ({ deployer }) => {
      const made = apiHandler({ deployer } as unknown as Parameters<typeof apiHandler>[0]);
      expect(made._unsafeUnwrapErr()).toMatchObject({
        kind: 'invalid-options',
        message: expect.stringContaining('apiHandler.authorize: expected a function that says who may do what'),
      });
    });
  });

  it('is asked on every route before the deployer or the catalogue is', async () => {
    for (const call of calls) {
      await withBed({}, async (api) => {
        const id = await api.deployed('v1');
        const { deployer, asked } = watched(api.deployer);
        const refuse = (lookedUp: string) => () => {
          asked.push(lookedUp);
          return {};
        };
        const handler = apiHandler({ deployer, authorize: () => null, projects: refuse('projects') })._unsafeUnwrap();
        const response = await handler.fetch(request(call.method, call.path.replace('{id}', id), call.body));
        expect([call.name, response.status, asked]).toEqual([call.name, 401, []]);
        expect(response.headers.get('www-authenticate')).toBe('Bearer');
        expect(await problem(response)).toMatchObject({ kind: 'unauthenticated', hint: expect.any(String) });
      });
    }
  });

  it('is asked for the stage that an id or a body names, and nothing of another one is told or done', async () => {
    for (const call of calls.filter(({ path, body }) => path.includes('{id}') || body !== undefined)) {
      const onlyBlog: Authorize = (_request, { project }) =>
        project === undefined || project === 'blog' ? { by: 'ann' } : 'forbidden';
      await withBed({}, async (api) => {
        const id = await api.deployed('v1');
        const { deployer, asked } = watched(api.deployer);
        const handler = apiHandler({ deployer, authorize: onlyBlog })._unsafeUnwrap();
        const response = await handler.fetch(request(call.method, call.path.replace('{id}', id), call.body));
        // Of a record not even that is told that there is one.
        expect([call.name, response.status]).toEqual([call.name, call.path.includes('{id}') ? 404 : 403]);
        expect(JSON.stringify(await problem(response))).not.toContain('v1');
        expect(asked.filter((name) => !/^(deployments|instances)\.get$/.test(name))).toEqual([]);
      });
    }
  });

  it('is told the action and the stage', async () => {
    const asks: Ask[] = [];
    const authorize: Authorize = (asking, ask) => {
      asks.push(ask);
      return byToken(asking);
    };
    await withBed({ authorize }, async (api) => {
      await api.call('POST', '/v1/deployments', BODIES['/deployments']);
      expect(asks).toEqual([{ action: 'deploy' }, { action: 'deploy', project: 'shop', stage: 'dev' }]);
      asks.length = 0;
      await api.call('GET', '/v1/routes?project=shop&stage=dev');
      expect(asks[0]).toEqual({ action: 'read', project: 'shop', stage: 'dev' });
    });
  });

  it('hides from lists what is of stages that the caller may not see', async () => {
    const authorize: Authorize = (_request, { project }) => (project === 'blog' ? 'forbidden' : { by: 'ann' });
    await withBed({ authorize }, async (api) => {
      await api.deployed('v1', { project: 'blog', stage: 'prod' });
      const shop = await api.deployed('v1');
      for (const path of ['/v1/deployments', '/v1/instances']) {
        const page = await json<{ items: { id: string }[] }>(await api.call('GET', path));
        expect(page.items.map(({ id }) => id)).toEqual([shop]);
      }
      for (const path of ['/v1/projects', '/v1/routes', '/v1/events?follow=0&limit=1000']) {
        const text = await (await api.call('GET', path)).text();
        expect(text).toContain('shop');
        expect(text).not.toContain('blog');
      }
    });
  });

  it.each<[string, Authorize, number]>([
    ['throws', () => Promise.reject(new Error('secret-word in the cause')), 500],
    ['answers nonsense', () => ({ by: '' }), 500],
    ['answers a name with a line break', () => ({ by: 'ann\r\nX-Evil: 1' }), 500],
    ['answers a number', () => 1 as never, 500],
    ['answers a Response that cannot be sent', () => Response.error(), 500],
    ['forbids', () => 'forbidden', 403],
    ['does not know the caller', () => undefined, 401],
  ])('refuses where it %s', async (_what, authorize, status) => {
    const errors: string[] = [];
    await withBed({ authorize, onError: ({ kind }) => errors.push(kind) }, async (api) => {
      const response = await api.call('POST', '/v1/deployments', BODIES['/deployments']);
      expect(response.status).toBe(status);
      expect(await response.text()).not.toContain('secret-word');
      expect(errors).toEqual(status === 500 ? ['bug'] : []);
      expect((await api.deployer.deployments.list())._unsafeUnwrap().items).toEqual([]);
    });
  });

  it('that never answers is a refusal, too, once its time is over', async () => {
    await withBed({ authorize: () => new Promise(() => {}), authorizeTimeout: '5s' }, async (api) => {
      const response = await api.world.clock.until(api.call('POST', '/v1/deployments', BODIES['/deployments']));
      expect(response.status).toBe(504);
      expect((await api.deployer.deployments.list())._unsafeUnwrap().items).toEqual([]);
    });
  });

  it('may answer a Response of its own, the same each time', async () => {
    const login = new Response('log in first', { status: 401, headers: { location: '/login' } });
    await withBed({ authorize: () => login }, async (api) => {
      for (let time = 0; time < 2; time += 1) {
        const response = await api.call('GET', '/v1/deployments');
        expect([response.status, await response.text()]).toEqual([401, 'log in first']);
      }
    });
  });
});

describe('paths', () => {
  it.each([
    ['an end slash', '/v1/deployments/', 404],
    ['a double slash', '/v1//deployments', 404],
    ['a slash in front', '//v1/deployments', 404],
    ['another prefix', '/v1x/deployments', 404],
    ['no prefix', '/deployments', 404],
    ['dots that leave the base path', '/v1/../deployments', 404],
    ['encoded dots that leave the base path', '/v1/%2e%2e/deployments', 404],
    ['other letters', '/V1/Deployments', 404],
    ['an encoded separator', '/v1%2Fdeployments', 404],
    ['an encoded slash in an id', '/v1/deployments/a%2Fb', 400],
    ['a backslash that a browser would turn', '/v1/deployments/a%5Cb', 400],
    ['a NUL', '/v1/deployments/a%00', 400],
    ['a line break', '/v1/deployments/a%0d%0aSet-Cookie:x', 400],
    ['half a percent sign', '/v1/deployments/%', 400],
    ['bytes that are no UTF-8', '/v1/deployments/%ff', 400],
    ['an id that is too long', `/v1/deployments/${'a'.repeat(200)}`, 400],
  ])('with %s are not taken for others', async (_what, path, status) => {
    await withBed({}, async (api) => {
      const response = await api.call('GET', path);
      expect(response.status).toBe(status);
      expect(response.headers.get('set-cookie')).toBeNull();
      expect(response.headers.get('content-type')).toBe('application/problem+json');
    });
  });

  it('have names in them that are decoded once', async () => {
    const asks: Ask[] = [];
    const authorize: Authorize = (_request, ask) => {
      asks.push(ask);
      return { by: 'ann' };
    };
    await withBed({ authorize }, async (api) => {
      await api.call('DELETE', '/v1/projects/a%2Fb/stages/..%252Fc');
      expect(asks).toEqual([{ action: 'remove', project: 'a/b', stage: '..%2Fc' }]);
    });
  });

  it('answer 405 with what they take, HEAD without a body, and OPTIONS', async () => {
    await withBed({}, async (api) => {
      const wrong = await api.call('PUT', '/v1/deployments', {});
      expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS, POST']);
      const head = await api.call('HEAD', '/v1/deployments');
      expect([head.status, await head.text(), head.headers.get('content-type')]).toEqual([200, '', 'application/json']);
      const options = await api.call('OPTIONS', '/v1/instances/x/pin');
      expect([options.status, options.headers.get('allow')]).toEqual([204, 'DELETE, OPTIONS, PUT']);
      expect(options.headers.has('access-control-allow-origin')).toBe(false);
    });
  });

  it('take no field that is unknown or given twice', async () => {
    await withBed({}, async (api) => {
      const unknown = await problem(await api.call('GET', '/v1/deployments?projct=shop'));
      expect(unknown).toMatchObject({ status: 400, path: 'projct', detail: expect.stringContaining('"project"') });
      const twice = await problem(await api.call('GET', '/v1/deployments?project=shop&project=blog'));
      expect(twice).toMatchObject({ status: 400, path: 'project' });
    });
  });
});

describe('bodies', () => {
  const posting = (body: string | Uint8Array | ReadableStream, headers: Record<string, string> = {}) =>
    new Request('http://quayside.test/v1/deployments', {
      method: 'POST',
      headers: { authorization: 'Bearer ann', 'content-type': 'application/json', ...headers },
      body,
      duplex: 'half',
    } as RequestInit);

  it.each([
    ['no JSON', '{"env":{"TOKEN":"hunter2"', 'invalid-request', 400],
    ['no UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), 'invalid-request', 400],
    ['a list', '[]', 'invalid-request', 400],
    ['no request', '{"env":{"TOKEN":"hunter2\\u0000"}}', 'invalid-request', 400],
    ['more than the limit', JSON.stringify({ env: { TOKEN: 'hunter2'.repeat(1_000) } }), 'body-too-large', 413],
  ])('that have %s are refused, and nothing of them is shown', async (_what, body, kind, status) => {
    await withBed({ bodyLimit: '4k' }, async (api) => {
      const response = await api.handler.fetch(posting(body));
      const text = await response.text();
      expect([response.status, JSON.parse(text).kind]).toEqual([status, kind]);
      expect(text).not.toContain('hunter2');
    });
  });

  it('that go on for ever are read up to the limit', async () => {
    await withBed({ bodyLimit: '64k' }, async (api) => {
      let sent = 0;
      let isCancelled = false;
      const endless = new ReadableStream({
        pull(controller) {
          sent += 1_024;
          controller.enqueue(new Uint8Array(1_024).fill(0x20));
        },
        cancel() {
          isCancelled = true;
        },
      });
      const response = await api.handler.fetch(posting(endless));
      expect(response.status).toBe(413);
      expect(isCancelled).toBe(true);
      expect(sent).toBeLessThan(80 * 1_024);
    });
  });

  it('that come too slowly are given up', async () => {
    await withBed({ bodyTimeout: '3s' }, async (api) => {
      const never = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array([0x7b])) });
      const response = await api.world.clock.until(api.handler.fetch(posting(never)));
      expect(response.status).toBe(408);
      expect(await problem(response)).toMatchObject({ kind: 'body-too-slow', retryable: true });
    });
  });

  it('cannot say who asks', async () => {
    await withBed({}, async (api) => {
      const response = await api.call('POST', '/v1/deployments', {
        project: 'shop',
        stage: 'dev',
        tag: 'v1',
        by: 'eve',
      });
      expect(await problem(response)).toMatchObject({ status: 400, path: 'by' });
    });
  });
});

describe('a page of another site', () => {
  const changing = calls.filter(({ method }) => method !== 'GET');

  it('changes nothing, on any route', async () => {
    await withBed({}, async (api) => {
      const { deployer, asked } = watched(api.deployer);
      const handler = apiHandler({ deployer, authorize: () => ({ by: 'ann' }) })._unsafeUnwrap();
      for (const { method, path, body, name } of changing) {
        for (const headers of [
          { 'sec-fetch-site': 'cross-site' },
          { 'sec-fetch-site': 'same-site', origin: 'http://other.quayside.test' },
          { origin: 'https://evil.test' },
          { origin: 'null' },
        ] as Record<string, string>[]) {
          const response = await handler.fetch(request(method, path.replace('{id}', 'x'), body, headers));
          expect([name, response.status, (await problem(response)).kind]).toEqual([name, 403, 'cross-site']);
        }
      }
      expect(asked).toEqual([]);
    });
  });

  it('cannot send a form as a request', async () => {
    await withBed({}, async (api) => {
      for (const { method, path, body } of changing.filter((call) => call.body !== undefined)) {
        for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx', '']) {
          const response = await api.call(method, path.replace('{id}', 'x'), body, { 'content-type': type });
          expect([path, type, response.status]).toEqual([path, type, 415]);
        }
      }
    });
  });

  it('may call where its origin is named, and then only it may read', async () => {
    await withBed({ origins: ['https://ops.test'] }, async (api) => {
      const from = (origin: string) => ({ origin, 'sec-fetch-site': 'cross-site' });
      const body = BODIES['/deployments'];
      const named = await api.call('POST', '/v1/deployments', body, from('https://ops.test'));
      expect([named.status, named.headers.get('access-control-allow-origin')]).toEqual([202, 'https://ops.test']);
      expect(named.headers.get('vary')).toBe('Origin');
      const other = await api.call('GET', '/v1/deployments', undefined, from('https://evil.test'));
      expect(other.headers.has('access-control-allow-origin')).toBe(false);
      expect(other.headers.get('cross-origin-resource-policy')).toBe('same-origin');
      const asking = { ...from('https://ops.test'), 'access-control-request-method': 'POST' };
      const preflight = await api.call('OPTIONS', '/v1/deployments', undefined, asking);
      expect(preflight.headers.get('access-control-allow-headers')).toContain('Content-Type');
    });
  });

  it('is not what a page of the same origin or a program is', async () => {
    await withBed({}, async (api) => {
      for (const headers of [
        {},
        { 'sec-fetch-site': 'same-origin' },
        { 'sec-fetch-site': 'none' },
        { origin: 'https://quayside.test', host: 'quayside.test' },
      ]) {
        expect((await api.call('POST', '/v1/deployments', BODIES['/deployments'], headers)).status).toBe(202);
      }
    });
  });
});

describe('answers', () => {
  it('are kept, guessed at and embedded by nobody', async () => {
    await withBed({}, async (api) => {
      for (const path of ['/v1/deployments', '/v1/nothing']) {
        const { headers } = await api.call('GET', path);
        expect(headers.get('cache-control')).toBe('no-store');
        expect(headers.get('x-content-type-options')).toBe('nosniff');
        expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
      }
    });
  });

  it('say nothing of what was thrown; the host is told', async () => {
    const told: unknown[] = [];
    const lookup = () => {
      throw new Error('password=hunter2');
    };
    await withBed({ projects: lookup, onError: (error) => told.push(error.cause) }, async (api) => {
      const response = await api.call('GET', '/v1/projects');
      expect(response.status).toBe(500);
      expect(await response.text()).not.toContain('hunter2');
      expect(String(told[0])).toContain('hunter2');
    });
  });

  it('say nothing of the login that a registry repeats, in whatever form', async () => {
    const login = 'the-password/of+the-registry';
    const said = `${login} ${Buffer.from(`me:${login}`).toString('base64')} ${encodeURIComponent(login)}`;
    const error = { kind: 'registry-denied', message: said, hint: said, code: said, retryable: false } as const;
    const told: string[] = [];
    await withBed({}, async ({ deployer, world }) => {
      const registry = { ...world.registry, secrets: () => [login], tags: () => errAsync(error) };
      const handler = apiHandler({
        deployer,
        registry,
        projects: PROJECTS,
        authorize: () => ({ by: 'ann' }),
        onError: (failure) => told.push(JSON.stringify(failure)),
      })._unsafeUnwrap();
      const response = await handler.fetch(request('GET', '/v1/projects/shop/tags'));
      expect(response.status).toBe(502);
      for (const text of [await response.text(), told.join()]) {
        expect(text).toContain('***');
        for (const form of said.split(' ').map((each) => each.slice(6, -6))) expect(text).not.toContain(form);
      }
    });
  });

  it('take header values as values', async () => {
    await withBed({}, async (api) => {
      const body = BODIES['/deployments'];
      // A Request refuses line breaks itself; what is left is refused here.
      for (const key of ['with space', 'é', 'x'.repeat(201)]) {
        const response = await api.call('POST', '/v1/deployments', body, { 'idempotency-key': key });
        expect(await problem(response)).toMatchObject({ status: 400, path: 'Idempotency-Key' });
      }
      const once = await json(await api.call('POST', '/v1/deployments', body, { 'idempotency-key': 'k1' }));
      const again = await json(await api.call('POST', '/v1/deployments', body, { 'idempotency-key': 'k1' }));
      expect(again).toEqual(once);
      const resumed = await api.call('GET', '/v1/events', undefined, { 'last-event-id': '1; DROP' });
      expect(await problem(resumed)).toMatchObject({ status: 400, path: 'Last-Event-ID' });
    });
  });

  it('are 503 once the handler is closed', async () => {
    await withBed({}, async (api) => {
      await api.handler.close();
      const response = await api.call('GET', '/v1/deployments');
      expect([response.status, (await problem(response)).kind]).toEqual([503, 'closed']);
    });
  });
});
