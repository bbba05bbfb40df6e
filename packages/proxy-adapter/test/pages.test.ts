/** What a visitor is told where there is no answer: the truth, as far as the proxy can know it. */

import type { Store } from '@quayside/core/ports';
import { unwrap } from '@quayside/core/ports';
import { errAsync } from 'neverthrow';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, eventually, MARK, open, openWorld, routeTo, type World } from './support/world.js';

let world: World;
beforeEach(() => {
  world = openWorld();
});
afterEach(() => world.close());

const claim = (domain: string, state: 'pending' | 'live') =>
  unwrap(
    world.store.commit(
      [
        {
          op: 'put',
          collection: 'routes',
          record: {
            id: domain,
            owner: { kind: 'default', project: 'shop', stage: 'dev' },
            ownerKey: 'default shop/dev',
            stageKey: 'shop/dev',
            mark: MARK,
            state,
            instance: null,
            target: null,
            claimedBy: 'deployment',
            options: null,
            identity: 'embedded',
          } as never,
        },
      ],
      open(),
    ),
  );

describe('the page', () => {
  it('of a name that nobody has says that nothing is deployed there', async () => {
    const { door } = await world.serving();
    const reply = await ask(door.port, 'nobody.test');
    expect(reply.status).toBe(404);
    expect(reply.body).toContain('Nothing is deployed under this name');
  });

  it('of a name whose first deployment is under way says so, and asks to come again', async () => {
    const { door } = await world.serving();
    await claim('new.test', 'pending');
    const reply = await ask(door.port, 'new.test');
    expect(reply).toMatchObject({ status: 503, message: 'Being deployed' });
    expect(reply.body).toContain('being deployed');
    expect(reply.headers['retry-after']).toBe('2');
  });

  it('says it too while the new app does not listen yet, and not of one that serves already', async () => {
    const { proxy, door } = await world.serving();
    const app = await world.app('one');
    await app.close();
    await claim('new.test', 'pending');
    await unwrap(proxy.put(routeTo('new.test', app), open()));
    await claim('old.test', 'live');
    await unwrap(proxy.put(routeTo('old.test', app), open()));
    expect((await ask(door.port, 'new.test')).status).toBe(503);
    expect((await ask(door.port, 'old.test')).status).toBe(502);
    await claim('new.test', 'live');
    await eventually(async () => (await ask(door.port, 'new.test')).status === 502, 'what was known is forgotten');
  });

  it('comes soon although the store does not answer, and the store is not asked for every visitor', async () => {
    const inner = world.store.connect();
    let asked = 0;
    let mood: 'answer' | 'hang' | 'refuse' = 'answer';
    const store: Store = {
      ...inner,
      get: (collection, id, options) => {
        if (collection !== 'routes') return inner.get(collection, id, options);
        asked += 1;
        if (mood === 'hang') return errAsync(undefined as never).orElse(() => new Promise(() => undefined) as never);
        if (mood === 'refuse')
          return errAsync({ kind: 'store-unavailable', message: 'away', hint: 'wait', retryable: true });
        return inner.get(collection, id, options);
      },
    };
    const { door } = await world.serving({ store });
    for (let round = 0; round < 20; round += 1) expect((await ask(door.port, 'nobody.test')).status).toBe(404);
    expect(asked).toBeLessThanOrEqual(2);
    mood = 'refuse';
    expect((await ask(door.port, 'other.test')).status).toBe(404);
    mood = 'hang';
    const startedAt = performance.now();
    const replies = await Promise.all(Array.from({ length: 40 }, (_, index) => ask(door.port, `n${index}.test`)));
    expect(replies.every(({ status }) => status === 404)).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(2_500);
    expect(asked).toBeLessThanOrEqual(2 + 1 + 16);
  });
});
