/** The store's events, followed. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bed, bed, byToken, problem } from '../../test/support/bed.js';
import { type Frames, framesOf } from '../../test/support/frames.js';
import type { ApiOptions, Authorize } from '../index.js';

let api: Bed;
const { signal } = new AbortController();
const opened: Bed[] = [];
beforeEach(async () => {
  api = await withOptions({});
});
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

async function withOptions(options: Partial<ApiOptions>): Promise<Bed> {
  const made = await bed(options);
  opened.push(made);
  return made;
}

const follow = async (headers: Record<string, string> = {}, query = ''): Promise<Frames> =>
  framesOf(await api.call('GET', `/v1/events${query}`, undefined, headers));

let count = 0;
/** Something that happened, as another host would have written it. */
async function happens(project: string, stage = 'dev', times = 1): Promise<void> {
  const entries = Array.from({ length: times }, () => {
    count += 1;
    return { id: `e${count}`, type: 'stage.expired', time: 1, payload: { project, stage } };
  });
  (await api.world.store.commit([{ op: 'append', stream: 'events', entries }], { signal }))._unsafeUnwrap();
}

const newest = async () => {
  const page = await api.call('GET', '/v1/events?follow=0&limit=1000');
  return ((await page.json()) as { items: { seq: number }[] }).items.at(-1)?.seq ?? 0;
};

const next = (frames: Frames) => api.world.clock.until(frames.event());

describe('events that are followed', () => {
  it('begin behind the newest, and have its number before anything happens', async () => {
    await api.deployed('v1');
    const last = await newest();
    expect(last).toBeGreaterThan(5);
    const frames = await follow();
    expect(await frames.next()).toEqual({ event: 'ready', id: String(last), data: { after: last } });
    // Lost at once, and come again: what happened meanwhile is not missed.
    await frames.cancel();
    await happens('shop');
    const again = await follow({ 'last-event-id': frames.lastId });
    await next(again);
    expect(await next(again)).toMatchObject({ event: 'stage.expired', id: String(last + 1), data: { seq: last + 1 } });
  });

  it('are all there are, from where one says', async () => {
    await happens('shop', 'dev', 1_000);
    const frames = await follow({}, '?after=0');
    await next(frames);
    const seen: number[] = [];
    while (seen.length < 900) seen.push((await next(frames))?.data.seq);
    const resumed = await follow({ 'last-event-id': frames.lastId });
    await next(resumed);
    while (seen.length < 1_000) seen.push((await next(resumed))?.data.seq);
    expect(seen).toEqual(Array.from({ length: 1_000 }, (_, index) => (seen[0] ?? 0) + index));
  });

  it('are told while they happen, by the name of their type', async () => {
    const frames = await follow();
    await next(frames);
    const names: string[] = [];
    const reading = (async () => {
      for (;;) {
        const frame = await next(frames);
        if (!frame) return;
        names.push(frame.event ?? '');
        if (frame.event === 'deployment.succeeded') return;
      }
    })();
    await api.deployed('v1');
    await reading;
    expect(names[0]).toBe('deployment.queued');
    expect(names).toContain('deployment.step');
  });

  it('are kept alive by a comment every 15 s, which costs nothing however long nothing happens', async () => {
    const frames = await follow();
    await next(frames);
    const startedMs = api.world.clock.monotonicMs();
    const times: number[] = [];
    for (let beat = 0; beat < 200; beat += 1) {
      const frame = await api.world.clock.until(frames.next());
      expect(frame).toMatchObject({ event: null, data: null });
      times.push(api.world.clock.monotonicMs() - startedMs);
    }
    expect(times[0]).toBeGreaterThanOrEqual(15_000);
    expect(times[0]).toBeLessThanOrEqual(17_000);
    expect(times.at(-1)).toBeLessThanOrEqual(200 * 17_000);
    await happens('shop');
    expect(await next(frames)).toMatchObject({ event: 'stage.expired' });
  });

  it('end for a reader that takes nothing for a minute, which is told where to resume', async () => {
    const frames = await follow();
    await frames.next();
    const reading = frames.event();
    await happens('shop', 'dev', 3);
    const { data: first } = (await api.world.clock.until(reading)) ?? { data: null };
    await happens('shop', 'dev', 1_000);
    await api.passes(70_000);
    const rest = await frames.rest();
    const last = rest.at(-1);
    expect(last).toMatchObject({ event: 'lagging', data: { ends: true } });
    const resumed = await follow({ 'last-event-id': frames.lastId });
    await next(resumed);
    expect(last?.data.after).toBe(Number(frames.lastId));
    expect((await next(resumed))?.data.seq).toBe(Number(frames.lastId) + 1);
    expect(first.seq).toBeLessThan(Number(frames.lastId));
  });

  it('that were pruned before a reader saw them are told as a gap', async () => {
    await happens('shop', 'dev', 1_200);
    const last = await newest().then(() => 1_200);
    await api.world.store.commit([{ op: 'trim', stream: 'events', through: 1_000 }], { signal });
    const frames = await follow({ 'last-event-id': '5' });
    await next(frames);
    expect(await next(frames)).toEqual({ event: 'gap', id: null, data: { after: 5, next: 1_001 } });
    expect((await next(frames))?.data.seq).toBe(1_001);
    const fresh = await follow({}, '?after=0');
    await next(fresh);
    expect((await next(fresh))?.data.seq).toBe(1_001);
    expect(last).toBe(1_200);
  });

  it('of a store that was put back to an earlier state go on, and that is told', async () => {
    await happens('shop', 'dev', 3);
    const last = await newest();
    const frames = await follow({ 'last-event-id': '99999' });
    expect(await next(frames)).toMatchObject({ event: 'ready', id: String(last) });
    expect(await next(frames)).toEqual({ event: 'gap', id: null, data: { after: 99_999, next: last + 1 } });
    await happens('shop');
    expect((await next(frames))?.data.seq).toBe(last + 1);
  });

  it('are those of one stage where it is asked for, and a reader of them resumes as well', async () => {
    const frames = await follow({}, '?project=shop&stage=dev');
    await next(frames);
    const reading = next(frames);
    await happens('blog', 'prod', 500);
    await happens('shop', 'pr-1', 20);
    await happens('shop');
    const found = await reading;
    expect(found?.data.payload).toEqual({ project: 'shop', stage: 'dev' });
    const waiting = api.world.clock.until(frames.next());
    await happens('blog', 'prod', 100);
    const beat = await waiting;
    expect(beat).toEqual({ event: null, id: String(found?.data.seq + 100), data: null });
  });

  it('of stages that the caller may not see are not sent', async () => {
    const authorize: Authorize = (asking, { project, action }) =>
      project === 'blog' || action === 'read-store' ? 'forbidden' : byToken(asking);
    api = await withOptions({ authorize });
    await happens('blog', 'prod', 3);
    await happens('shop');
    const entry = { id: 'pruned', type: 'store.pruned', time: 1, payload: { report: {} } };
    await api.world.store.commit([{ op: 'append', stream: 'events', entries: [entry] }], { signal });
    await happens('shop');
    const frames = await follow({}, '?after=0');
    await next(frames);
    const found = [await next(frames), await next(frames)];
    const other = found.filter((frame) => frame?.data.payload.project !== 'shop');
    expect(other.filter((frame) => frame?.event !== 'notifier.added')).toEqual([]);
  });

  it('end once the login of their reader was taken back', async () => {
    const known = new Set(['ann']);
    const authorize: Authorize = (asking) => {
      const grant = byToken(asking);
      return grant && known.has(grant.by) ? grant : null;
    };
    api = await withOptions({ authorize, reauthorize: '30s' });
    const frames = await follow();
    await next(frames);
    known.clear();
    const rest = api.world.clock.until(frames.rest());
    expect((await rest).filter(({ event }) => event !== null)).toEqual([]);
    expect(api.world.clock.monotonicMs()).toBeLessThan(60_000);
    expect((await api.call('GET', '/v1/events')).status).toBe(401);
  });

  it('end when the handler closes, so that a reader comes again', async () => {
    const frames = await follow();
    await next(frames);
    const rest = frames.rest();
    await api.handler.close();
    expect(await rest).toEqual([]);
    expect((await api.call('GET', '/v1/events')).status).toBe(503);
  });

  it('end when their request is aborted', async () => {
    const leaving = new AbortController();
    const request = new Request('http://quayside.test/v1/events', {
      headers: { authorization: 'Bearer ann' },
      signal: leaving.signal,
    });
    const frames = framesOf(await api.handler.fetch(request));
    await next(frames);
    const rest = frames.rest();
    leaving.abort();
    expect(await rest).toEqual([]);
  });

  it('are followed by no more readers than there may be', async () => {
    api = await withOptions({ followers: 2 });
    const first = await follow();
    await follow();
    const refused = await api.call('GET', '/v1/events');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await problem(refused)).toMatchObject({ kind: 'too-many-followers', retryable: true });
    await first.cancel();
    await follow();
  });

  it('that nobody ever reads are given up', async () => {
    api = await withOptions({ followers: 1 });
    await follow();
    await api.passes(70_000);
    await follow();
  });
});

describe('a container’s output', () => {
  it('is a page, or a stream without numbers', async () => {
    const id = await api.deployed('v1');
    const page = await api.call('GET', `/v1/instances/${id}/log?tail=5`);
    expect(await page.json()).toMatchObject({ items: expect.any(Array), next: null });
    const frames = framesOf(await api.call('GET', `/v1/instances/${id}/log?follow=1`));
    expect(await frames.next()).toEqual({ event: 'ready', id: null, data: { after: null } });
    await frames.cancel();
  });
});
