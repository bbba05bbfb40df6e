/** What no route may fall for, tried on each of the table. */
import { describe, expect, it } from 'vitest';
import { type Bed, bed, PROJECTS, problem, request } from '../test/support/bed.js';
import { calls, watched } from '../test/support/calls.js';
import { apiHandler } from './index.js';

/** A handler whose caller may do everything, and what reaches its deployer. */
async function opened(options: { readonly bodyLimit?: string; readonly bodyTimeout?: string } = {}) {
  const api: Bed = await bed();
  const id = await api.deployed('v1');
  const { deployer, asked } = watched(api.deployer);
  const handler = apiHandler({
    deployer,
    authorize: () => ({ by: 'ann' }),
    projects: PROJECTS,
    registry: api.world.registry,
    clock: api.world.clock,
    ...options,
  })._unsafeUnwrap();
  return { api, handler, asked, pathOf: (path: string) => path.replace('{id}', id) };
}

/** What leaves a path the same for a reader who cleans up, and another one for a reader who does not. */
const TRICKS: readonly (readonly [string, (path: string) => string])[] = [
  ['an end slash', (path) => `${path}/`],
  ['a double slash', (path) => path.replace('/v1/', '/v1//')],
  ['a slash in front', (path) => `/${path}`],
  ['an encoded slash', (path) => path.replace(/\/(?=[^/]*$)/, '%2f')],
  ['a slash that is encoded twice', (path) => path.replace(/\/(?=[^/]*$)/, '%252f')],
  ['a backslash that is encoded', (path) => path.replace(/\/(?=[^/]*$)/, '%5c')],
  ['encoded dots', (path) => path.replace('/v1/', '/v1/..%2fv1/')],
  ['an encoded dot at its end', (path) => `${path}%2e`],
  ['a dot at its end', (path) => `${path}.`],
  ['a suffix', (path) => `${path}.json`],
  ['a NUL', (path) => `${path}%00`],
  ['a line break', (path) => `${path}%0d%0aX-Evil:%201`],
  ['a parameter of a segment', (path) => `${path};a=b`],
  ['capitals', (path) => path.replace(/[a-z]+(?=[^a-z]*$)/, (word) => word.toUpperCase())],
  ['an encoded letter', (path) => path.replace('/v1/', '/%761/')],
];

describe('every route', () => {
  it.each(TRICKS)('takes no path with %s for its own', async (_what, trick) => {
    const { api, handler, asked, pathOf } = await opened();
    for (const { method, path, body, name } of calls) {
      asked.length = 0;
      const response = await handler.fetch(request(method, trick(pathOf(path)), body));
      expect([name, response.status >= 400 && response.status < 500]).toEqual([name, true]);
      expect(response.headers.has('x-evil')).toBe(false);
      // A name is looked up as it was written, and there is none of it; nothing else is asked.
      expect(asked.filter((each) => !/^((deployments|instances)\.get|remove)$/.test(each))).toEqual([]);
    }
    expect((await api.deployer.instances.list())._unsafeUnwrap().items).toMatchObject([{ state: 'running' }]);
    await api.close();
  });

  it('answers a method that it does not have with 405, and OPTIONS without asking anybody', async () => {
    const { api, handler, asked, pathOf } = await opened();
    for (const { path, name } of calls) {
      const own = calls.filter((each) => each.path === path).map(({ method }) => method as string);
      for (const method of ['PATCH', 'PROPFIND', 'patch', 'GET', 'POST', 'PUT', 'DELETE']) {
        if (own.includes(method)) continue;
        const response = await handler.fetch(request(method, pathOf(path), method === 'GET' ? undefined : {}));
        expect([name, method, response.status]).toEqual([name, method, 405]);
        for (const each of own) expect(response.headers.get('allow')).toContain(each);
      }
      const options = await handler.fetch(request('OPTIONS', pathOf(path)));
      expect([name, options.status, await options.text()]).toEqual([name, 204, '']);
    }
    expect(asked).toEqual([]);
    await api.close();
  });

  it('that can be read answers HEAD with the same status, and no body', async () => {
    const { api, handler, pathOf } = await opened();
    for (const { path, name } of calls.filter(({ method }) => method === 'GET')) {
      const full = await handler.fetch(request('GET', pathOf(path)));
      await full.body?.cancel();
      const head = await handler.fetch(request('HEAD', pathOf(path)));
      expect([name, head.status, head.body]).toEqual([name, full.status, null]);
      expect(head.headers.get('content-type')).toBe(full.headers.get('content-type'));
    }
    await api.close();
  });

  const withBody = calls.filter(({ body }) => body !== undefined);
  const sending = (path: string, body: string | ReadableStream, headers: Record<string, string> = {}) =>
    new Request(`http://quayside.test${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
      duplex: 'half',
    } as RequestInit);

  it('reads nothing of a body that says that it is too large, and no more than the limit of one that does not', async () => {
    const { api, handler, asked, pathOf } = await opened({ bodyLimit: '4k' });
    for (const { path, name } of withBody) {
      let sent = 0;
      const endless = () =>
        new ReadableStream(
          {
            pull(controller) {
              sent += 512;
              controller.enqueue(new Uint8Array(512).fill(0x20));
            },
          },
          { highWaterMark: 0 },
        );
      const said = await handler.fetch(sending(pathOf(path), endless(), { 'content-length': '4097' }));
      expect([name, said.status, sent]).toEqual([name, 413, 0]);
      const unsaid = await handler.fetch(sending(pathOf(path), endless()));
      expect([name, unsaid.status, sent]).toEqual([name, 413, 4_096 + 512]);
    }
    expect(asked).toEqual([]);
    await api.close();
  });

  it('gives up a body that trickles in, however alive it looks', async () => {
    const { api, handler, asked, pathOf } = await opened({ bodyTimeout: '3s' });
    for (const { path, name } of withBody) {
      let isCancelled = false;
      const trickling = new ReadableStream({
        pull: (controller) =>
          new Promise((resolve) => {
            api.world.clock.after(1_000, () => {
              if (!isCancelled) controller.enqueue(new Uint8Array([0x20]));
              resolve();
            });
          }),
        cancel() {
          isCancelled = true;
        },
      });
      const startedMs = api.world.clock.monotonicMs();
      const response = await api.world.clock.until(handler.fetch(sending(pathOf(path), trickling)));
      expect([name, response.status, isCancelled]).toEqual([name, 408, true]);
      expect(api.world.clock.monotonicMs() - startedMs).toBeLessThanOrEqual(3_500);
    }
    expect(asked).toEqual([]);
    await api.close();
  });

  it('refuses a body of brackets and one of a thousand unknown fields in one short answer', async () => {
    const { api, handler, asked, pathOf } = await opened();
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    const wide = `{${Array.from({ length: 20_000 }, (_, at) => `"f${at}":1`).join()}}`;
    const inside = `{"env":{"A":${'['.repeat(60_000)}${']'.repeat(60_000)}}}`;
    for (const { path, name } of withBody) {
      for (const body of [deep, wide, inside]) {
        const response = await handler.fetch(sending(pathOf(path), body));
        const text = await response.text();
        expect([name, response.status, text.length < 100_000]).toEqual([name, 400, true]);
      }
    }
    expect(asked).toEqual([]);
    await api.close();
  });

  it('that lists refuses a cursor, a limit and a place that it never gave', async () => {
    const { api, handler, pathOf } = await opened();
    for (const { path, name } of calls.filter(({ method }) => method === 'GET')) {
      for (const query of [
        'cursor=%00',
        'limit=1e9',
        'limit=-1',
        'after=-1',
        'after=1.5',
        `cursor=${'x'.repeat(500)}`,
      ]) {
        const response = await handler.fetch(request('GET', `${pathOf(path)}?${query}`));
        expect([name, query, response.status, (await problem(response)).kind]).toEqual([
          name,
          query,
          400,
          'invalid-request',
        ]);
      }
      for (const query of ['cursor=nonsense', "cursor=' OR 1=1 --", 'cursor=..%2f']) {
        const response = await handler.fetch(request('GET', `${pathOf(path)}?${query}`));
        expect([name, query, response.status < 500]).toEqual([name, query, true]);
        await response.body?.cancel();
      }
    }
    await api.close();
  });
});
