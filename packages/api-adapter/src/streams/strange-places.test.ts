/** Places that nobody was given, and readers who do not read. */
import { afterEach, expect, it } from 'vitest';
import { type Bed, bed, problem } from '../../test/support/bed.js';
import { framesOf } from '../../test/support/frames.js';

let api: Bed | undefined;
afterEach(() => api?.close());

it.each(['abc', '-1', '+1', '1e3', '0x10', '1.5', '1,2', '\u00b2', '9'.repeat(16), '1'.repeat(4_000), '1;2', '%31'])(
  'a place that is no number (%s) is refused, of events and of a log',
  async (lastEventId) => {
    api = await bed();
    const id = await api.deployed('v1');
    for (const path of ['/v1/events', `/v1/deployments/${id}/log?follow=1`]) {
      const response = await api.call('GET', path, undefined, { 'last-event-id': lastEventId });
      expect(await problem(response)).toMatchObject({ status: 400, path: 'Last-Event-ID' });
    }
  },
);

it.each(['999999999999999', '5000000'])(
  'a place that another store has given (%s) is told as lost, and the reader goes on where this one is',
  async (lastEventId) => {
    api = await bed();
    const id = await api.deployed('v1');
    for (const path of ['/v1/events', `/v1/deployments/${id}/log?follow=1`]) {
      const response = await api.call('GET', path, undefined, { 'last-event-id': lastEventId });
      if (response.status === 204) continue;
      const frames = framesOf(response);
      const ready = await api.world.clock.until(frames.next());
      expect(Number(ready?.id)).toBeLessThan(10_000);
      expect(await api.world.clock.until(frames.next())).toMatchObject({
        event: 'gap',
        data: { after: Number(lastEventId) },
      });
      await frames.cancel();
    }
  },
);

it('thousands who never read cost no more than their place, and make room', async () => {
  api = await bed({ followers: 2_000, stallTimeout: '10s' });
  await api.deployed('v1');
  const open = (query = '') => (api as Bed).call('GET', `/v1/events${query}`);
  const silent = await Promise.all(Array.from({ length: 2_000 }, () => open('?after=0')));
  expect(silent.every(({ status }) => status === 200)).toBe(true);
  const refused = await open();
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
  expect((await api.call('GET', '/v1/deployments')).status).toBe(200);
  await api.passes(12_000);
  const next = await open();
  expect(next.status).toBe(200);
  await next.body?.cancel();
  for (const { body } of silent.slice(0, 3)) {
    const text = await new Response(body).text();
    expect(text).toContain('event: lagging');
    expect(text).not.toContain('deployment.succeeded');
  }
});
