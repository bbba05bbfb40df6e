import type { Deployment, Instance, Page, Stage } from '@quayside/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bed, bed, json, problem } from '../test/support/bed.js';

let api: Bed;
beforeEach(async () => {
  api = await bed();
});
afterEach(() => api.close());

const DEPLOY = { project: 'shop', stage: 'dev', tag: 'v1' };

describe('deployments', () => {
  it('are submitted in the name of the caller, and answered before they end', async () => {
    const response = await api.call('POST', '/v1/deployments', DEPLOY);
    expect(response.status).toBe(202);
    const { id } = await json<{ id: string }>(response);
    expect(response.headers.get('location')).toBe(`/v1/deployments/${id}`);
    await api.world.clock.until(api.deployer.result(id));
    const found = await json<Deployment>(await api.call('GET', `/v1/deployments/${id}`));
    expect(found).toMatchObject({ id, status: 'succeeded', by: 'ann', tag: 'v1' });
  });

  it('are listed newest first, page by page', async () => {
    const first = await api.deployed('v1');
    const second = await api.deployed('v2');
    const page = await json<Page<Deployment>>(await api.call('GET', '/v1/deployments?project=shop&limit=1'));
    expect(page.items.map(({ id }) => id)).toEqual([second]);
    const rest = await json<Page<Deployment>>(await api.call('GET', `/v1/deployments?limit=1&cursor=${page.next}`));
    expect(rest).toMatchObject({ items: [{ id: first }], next: null });
  });

  it('tell what is wrong with a request, field by field', async () => {
    const response = await api.call('POST', '/v1/deployments', { ...DEPLOY, tag: '-', force: 'yes' });
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    const { kind, path, issues, hint } = await problem(response);
    expect({ kind, path, hint }).toEqual({ kind: 'invalid-request', path: 'tag', hint: 'Correct `tag`, `force`.' });
    expect(issues).toHaveLength(2);
  });

  it('that are unknown are not found', async () => {
    const response = await api.call('GET', '/v1/deployments/nope');
    expect(response.status).toBe(404);
    expect(await problem(response)).toMatchObject({ kind: 'unknown-deployment', hint: expect.any(String) });
  });
});

describe('instances', () => {
  it('are pinned, unpinned and removed in the name of the caller', async () => {
    const first = await api.deployed('v1');
    await api.deployed('v2');
    const pinned = await json<Instance>(await api.call('PUT', `/v1/instances/${first}/pin`));
    expect(pinned).toMatchObject({ id: first, isPinned: true });
    expect(await json(await api.call('DELETE', `/v1/instances/${first}/pin`))).toMatchObject({ isPinned: false });
    const removed = await api.call('DELETE', `/v1/instances/${first}`);
    expect(removed.status).toBe(202);
    expect(await json(removed)).toEqual({ instances: [first] });
    const audit = await json<Page<{ act: string; by: string }>>(await api.call('GET', '/v1/audit'));
    expect(audit.items).toContainEqual(expect.objectContaining({ act: 'remove', by: 'ann', subject: first }));
    const events = await json<Page<{ type: string; payload: { by?: string } }>>(
      await api.call('GET', '/v1/events?limit=1000', undefined, { accept: 'application/json' }),
    );
    const pins = events.items.filter(({ type }) => /pinned$/.test(type));
    expect(pins.map(({ type, payload }) => [type, payload.by])).toEqual([
      ['instance.pinned', 'ann'],
      ['instance.unpinned', 'ann'],
    ]);
  });
});

describe('stages', () => {
  const MAINTENANCE = '/v1/projects/shop/stages/dev/maintenance';

  it('are put into maintenance and out of it in the name of the caller, and tell so', async () => {
    await api.deployed('v1');
    const asked = { message: 'Back at noon.', retryAfterMs: 90_000 };
    const held = await json<Stage>(await api.call('PUT', MAINTENANCE, asked));
    expect(held).toMatchObject({ stage: 'dev', maintenance: { ...asked, by: 'ann' } });
    const listed = await json<Page<Stage>>(await api.call('GET', '/v1/stages?project=shop'));
    expect(listed.items).toEqual([held]);
    const [instance] = (await json<Page<Instance>>(await api.call('GET', '/v1/instances'))).items;
    expect(instance).toMatchObject({ isDefault: true, isHeld: true });
    expect(await json(await api.call('DELETE', MAINTENANCE))).toMatchObject({ maintenance: null });
    const audit = await json<Page<{ act: string; by: string }>>(await api.call('GET', '/v1/audit'));
    expect(audit.items.filter(({ act, by }) => act === 'maintenance' && by === 'ann')).toHaveLength(2);
  });

  it('say what is wrong with a message, and which stage there is not', async () => {
    const wrong = await api.call('PUT', MAINTENANCE, { message: 'two\nlines', retryAfterMs: 1 });
    expect(wrong.status).toBe(400);
    expect((await problem(wrong)).issues).toHaveLength(2);
    const unknown = await api.call('PUT', '/v1/projects/shop/stages/nosuch/maintenance', {});
    expect([unknown.status, (await problem(unknown)).kind]).toEqual([404, 'unknown-stage']);
  });
});

describe('projects', () => {
  it('are listed with their stages and patterns', async () => {
    expect(await json(await api.call('GET', '/v1/projects'))).toEqual({
      items: [
        { name: 'blog', image: 'registry.test/blog', stages: [{ name: 'prod' }] },
        { name: 'shop', image: 'registry.test/shop', stages: [{ name: 'dev' }, { pattern: 'pr-*' }] },
      ],
      next: null,
    });
  });

  it('have the newest version of their tags first', async () => {
    expect(await json(await api.call('GET', '/v1/projects/shop/tags'))).toEqual({
      items: ['v10', 'v9', 'v2', 'v1'],
      next: null,
    });
  });
});
