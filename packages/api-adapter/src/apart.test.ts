/** Two teams on one host: who may see `shop` learns nothing of `blog`, by whatever way. The routes come from the table itself. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bed, bed, json, PROJECTS, problem, request } from '../test/support/bed.js';
import { BODIES, calls } from '../test/support/calls.js';
import { framesOf } from '../test/support/frames.js';
import { type Authorize, apiHandler } from './index.js';

let api: Bed;
let allowed: readonly string[] = ['shop'];
/** May do everything in its projects, and nothing for the whole store. */
const byProject: Authorize = (_request, { project, action }) => {
  const isTheirs = project === undefined ? action !== 'read-store' : allowed.includes(project);
  return isTheirs ? { by: 'ann' } : 'forbidden';
};

let shop: string;
let blog: string;
beforeEach(async () => {
  allowed = ['shop'];
  api = await bed({ authorize: byProject, reauthorize: '2s' });
  blog = await api.deployed('v1', { project: 'blog', stage: 'prod' });
  shop = await api.deployed('v1');
});
afterEach(() => api.close());

/** Status, headers and body; of a stream what there is by now. */
async function whole(response: Response): Promise<string> {
  const head = `${response.status} ${JSON.stringify([...response.headers])}`;
  if (response.headers.get('content-type') !== 'text/event-stream' || !response.body)
    return head + (await response.text());
  const reader = response.body.getReader();
  let text = '';
  for (;;) {
    const pending = reader.read();
    await api.passes(20_000);
    const part = await pending;
    const more = new TextDecoder().decode(part.value);
    text += more;
    // A heartbeat: there is nothing more for now.
    if (part.done || more.startsWith(':')) break;
  }
  await reader.cancel();
  return head + text;
}

const called = ({ method, path, body }: (typeof calls)[number], id: string, headers: Record<string, string> = {}) =>
  api.handler.fetch(request(method, path.replace('{id}', id), body, headers));

describe('a caller who may see one project', () => {
  it('reads nothing of another one on any route, page by page, as JSON or as a stream', async () => {
    for (const call of calls.filter(({ method }) => method === 'GET')) {
      const texts = [await whole(await called(call, shop, { accept: 'application/json' }))];
      for (const query of ['limit=1', 'limit=2', 'follow=1&after=0', 'follow=1']) {
        const response = await api.call('GET', `${call.path.replace('{id}', shop)}?${query}`);
        texts.push(await whole(response));
        const { next } = JSON.parse((/\{"items".*\}$/s.exec(texts.at(-1) ?? '') ?? ['{}'])[0]) as { next?: string };
        if (next)
          texts.push(await whole(await api.call('GET', `${call.path}?limit=1&cursor=${encodeURIComponent(next)}`)));
      }
      for (const text of texts) expect([call.name, text.includes('blog')]).toEqual([call.name, false]);
    }
  });

  it('gets whole pages of its own routes, with no name of another one in a cursor', async () => {
    const domains: string[] = [];
    let query = 'limit=1';
    for (let pages = 0; pages < 10; pages += 1) {
      const page = await json<{ items: { domain: string }[]; next: string | null }>(
        await api.call('GET', `/v1/routes?${query}`),
      );
      expect(page.items).toHaveLength(1);
      domains.push(...page.items.map(({ domain }) => domain));
      if (page.next === null) break;
      query = `limit=1&cursor=${page.next}`;
    }
    expect(domains.sort()).toEqual(['stage-dev-shop-v1.apps.test', 'stage-dev-shop.apps.test']);
  });

  it('cannot tell what is there of another one from what is not there at all', async () => {
    const unknown = `${blog.slice(0, -1)}${blog.endsWith('0') ? '1' : '0'}`;
    for (const call of calls.filter(({ path }) => path.includes('{id}'))) {
      const [there, absent] = await Promise.all([called(call, blog), called(call, unknown)]);
      expect([call.name, there.status]).toEqual([call.name, 404]);
      const texts = await Promise.all([whole(there), whole(absent)]);
      expect([call.name, texts[0]?.replaceAll(blog, 'ID')]).toEqual([call.name, texts[1]?.replaceAll(unknown, 'ID')]);
      expect(texts[0]).not.toMatch(/blog|prod/);
    }
    expect((await api.deployer.instances.list())._unsafeUnwrap().items).toHaveLength(2);
  });

  it('is told that it may not, where it may look and not touch', async () => {
    const authorize: Authorize = (_request, { project, action }) =>
      project === undefined || action.startsWith('read') ? { by: 'ann' } : 'forbidden';
    const handler = apiHandler({ deployer: api.deployer, authorize })._unsafeUnwrap();
    for (const call of calls.filter(({ path, method }) => path.includes('{id}') && method !== 'GET')) {
      const response = await handler.fetch(request(call.method, call.path.replace('{id}', shop), call.body));
      expect([call.name, response.status, (await problem(response)).kind]).toEqual([call.name, 403, 'forbidden']);
    }
  });

  it('is answered the same for a project of others and for one that nobody has', async () => {
    const texts = await Promise.all(
      ['blog', 'void'].map(async (project) => {
        const answers = [
          ...['/v1/plan', '/v1/deployments'].map((path) =>
            api.call('POST', path, { project, stage: 'prod', tag: 'v1' }),
          ),
          api.call('POST', '/v1/rollbacks', { project, stage: 'prod' }),
          api.call('DELETE', `/v1/projects/${project}/stages/prod`),
          api.call('GET', `/v1/projects/${project}/tags`),
          ...['deployments', 'instances', 'routes', 'events', 'audit'].map((list) =>
            api.call('GET', `/v1/${list}?project=${project}`),
          ),
        ];
        return (await Promise.all((await Promise.all(answers)).map(whole))).map((text) =>
          text.replaceAll(project, 'NAME'),
        );
      }),
    );
    expect(texts[0]).toEqual(texts[1]);
    for (const text of texts[0] ?? []) expect(text.startsWith('403')).toBe(true);
  });

  it('is suggested no name of another one where its own is none', async () => {
    allowed = ['shop', 'blo', 'sho'];
    for (const [project, meant] of [
      ['blo', ''],
      ['sho', 'did you mean "shop"'],
    ]) {
      for (const path of ['/v1/plan', '/v1/deployments', `/v1/projects/${project}/tags`]) {
        const body = { ...(BODIES['/plan'] as object), project };
        const response = await (path.endsWith('tags') ? api.call('GET', path) : api.call('POST', path, body));
        const text = await response.text();
        expect([path, response.status]).toEqual([path, 404]);
        expect(text).not.toContain('blog');
        expect(JSON.parse(text).detail).toContain(meant);
      }
    }
    const stage = await problem(await api.call('POST', '/v1/plan', { project: 'shop', stage: 'de', tag: 'v1' }));
    expect(stage).toMatchObject({ kind: 'unknown-stage', hint: 'Choose one of: dev, pr-*.' });
  });

  it('follows a log no longer than it may, whatever else it still may', async () => {
    allowed = ['shop', 'blog'];
    // Its health is looked at for far longer than the stream is granted.
    api.world.engine.push(`${PROJECTS.blog.image}:v2`, { listensAfterMs: 14_000 });
    const submitted = await api.deployer.submit({ project: 'blog', stage: 'prod', tag: 'v2' });
    const running = submitted._unsafeUnwrap().id;
    for (const path of [`deployments/${running}`, `instances/${blog}`]) {
      allowed = ['shop', 'blog'];
      const frames = framesOf(await api.call('GET', `/v1/${path}/log?follow=1`));
      await api.world.clock.until(frames.event());
      allowed = ['shop'];
      const startedMs = api.world.clock.monotonicMs();
      const rest = await api.world.clock.until(frames.rest());
      expect(rest.filter(({ event }) => event === 'end')).toEqual([]);
      expect(api.world.clock.monotonicMs() - startedMs).toBeLessThanOrEqual(5_000);
    }
  });
});

describe('who did what', () => {
  it('is told by events only to who may read the audit trail', async () => {
    const noAudit: Authorize = (_request, { action }) => (action === 'read-audit' ? 'forbidden' : { by: 'ann' });
    const handler = apiHandler({ deployer: api.deployer, authorize: noAudit, clock: api.world.clock })._unsafeUnwrap();
    const page = await handler.fetch(request('GET', '/v1/events?follow=0&limit=1000'));
    const text = await page.text();
    expect(text).toContain('deployment.succeeded');
    expect(text).not.toContain('audit.recorded');
    const followed = await whole(await handler.fetch(request('GET', '/v1/events?after=0')));
    expect(followed).toContain('deployment.succeeded');
    expect(followed).not.toContain('audit.recorded');
    const all = await (await api.call('GET', '/v1/events?follow=0&limit=1000')).text();
    expect(all).toContain('audit.recorded');
    await handler.close();
  });
});
