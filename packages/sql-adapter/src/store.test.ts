import { unwrap } from '@quayside/core/ports';
import { describe, expect, it } from 'vitest';
import { countListeners } from '../../../test/support/listeners.js';
import { sqliteStore } from './sqlite-store.js';

const open = () => ({ signal: new AbortController().signal });
const cursor = (id: string) => ({ op: 'insert', collection: 'cursors', record: { id, after: 0 } }) as const;

describe('a store in memory', () => {
  it('does what one in a file does, and is gone when it is closed', async () => {
    const store = unwrap(sqliteStore({ path: ':memory:' }));
    let calls = 0;
    store.subscribe?.(() => {
      calls += 1;
    });
    expect(await unwrap(store.storeId(open()))).toMatch(/^[0-9a-z]{12}$/);
    // Reads take their turn among the writes: they never see a commit that is not done.
    const [, seen] = await Promise.all([
      unwrap(store.commit([cursor('a'), { op: 'append', stream: 's', entries: [1, 2] }], open())),
      unwrap(store.read('s', { after: 0 }, open())),
    ]);
    expect(seen).toEqual([
      { seq: 1, value: 1 },
      { seq: 2, value: 2 },
    ]);
    expect((await unwrap(store.list('cursors', {}, open()))).map((each) => each.value.id)).toEqual(['a']);
    expect((await store.commit([cursor('b'), cursor('a')], open()))._unsafeUnwrapErr().kind).toBe('store-conflict');
    expect(await unwrap(store.get('cursors', 'b', open()))).toBeUndefined();
    expect(calls).toBe(1);
    await unwrap(store.close());
    const another = unwrap(sqliteStore({ path: ':memory:' }));
    expect(await unwrap(another.get('cursors', 'a', open()))).toBeUndefined();
    await unwrap(another.close());
  });
});

describe('what a caller gets wrong', () => {
  it('is answered as a bug, and changes nothing', async () => {
    const store = unwrap(sqliteStore({ path: ':memory:' }));
    const loop: { self?: unknown } = {};
    loop.self = loop;
    for (const entry of [loop, 1n, undefined, () => {}]) {
      const changes = [cursor('a'), { op: 'append', stream: 's', entries: [entry] }] as never;
      expect((await store.commit(changes, open()))._unsafeUnwrapErr().kind).toBe('bug');
    }
    const odd = { op: 'put', collection: 'stages', record: { id: 'x', project: { name: 'shop' } } } as never;
    expect((await store.commit([cursor('a'), odd], open()))._unsafeUnwrapErr().kind).toBe('bug');
    expect(await unwrap(store.get('cursors', 'a', open()))).toBeUndefined();
    await unwrap(store.close());
  });

  it('does not reach the store later: a commit takes what it was given when it was called', async () => {
    const store = unwrap(sqliteStore({ path: ':memory:' }));
    const record = { id: 'a', after: 1 };
    // Not open yet: it has to wait.
    const committed = store.commit([{ op: 'insert', collection: 'cursors', record }], open());
    record.after = 99;
    await unwrap(committed);
    expect((await unwrap(store.get('cursors', 'a', open())))?.value.after).toBe(1);
    await unwrap(store.close());
  });
});

describe('an open signal', () => {
  it('is listened to once, however many calls wait under it, and not for longer than they do', async () => {
    const store = unwrap(sqliteStore({ path: ':memory:' }));
    const { signal } = new AbortController();
    const listening = countListeners(signal);
    await Promise.all(Array.from({ length: 50 }, (_, index) => store.commit([cursor(`c${index}`)], { signal })));
    expect(listening.most).toBeLessThanOrEqual(2);
    expect(listening.now).toBe(0);
    await unwrap(store.close());
  });
});
