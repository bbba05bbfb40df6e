import { hostname } from 'node:os';
import { memoryStore, virtualClock } from '@quayside/core/testing';
import { describe, expect, it } from 'vitest';
import { type EmbeddedProxyOptions, embeddedProxy } from './index.js';

const open = () => ({ signal: new AbortController().signal });

describe('embeddedProxy', () => {
  it('names every wrong option at once, with what was expected', () => {
    const wrong = { nme: 'x', trust: ['everybody'], headerLimit: '1g', serverTtl: 'soon', onProblem: 3, name: 'A b' };
    const error = embeddedProxy(wrong as unknown as EmbeddedProxyOptions)._unsafeUnwrapErr();
    expect(error.kind).toBe('invalid-options');
    expect(error.issues.map(({ path }) => path).sort()).toEqual(
      ['headerLimit', 'name', 'nme', 'onProblem', 'serverTtl', 'trust[0]'].map((path) => `embeddedProxy.${path}`),
    );
    expect(error.message).toContain('did you mean "name"');
  });
  it('is one proxy per store and name, and reaches what is on its node', async () => {
    const identity = async (name?: string, storeId = 'aaaaaaaaaaaa') => {
      const proxy = embeddedProxy(name ? { name } : {})._unsafeUnwrap();
      proxy.attach?.(memoryStore({ storeId }), virtualClock());
      return (await proxy.describe(open()))._unsafeUnwrap();
    };
    const own = await identity();
    expect(own.identity).toBe((await identity()).identity);
    expect(
      new Set([own.identity, (await identity('inner')).identity, (await identity(undefined, 'bbbbbbbbbbbb')).identity])
        .size,
    ).toBe(3);
    expect(own.reaches).toContainEqual({ kind: 'published', node: hostname() });
    expect(own.reaches.some(({ kind }) => kind === 'address')).toBe(process.platform === 'linux');
  });
  it('says what is missing where it has no store yet', async () => {
    const proxy = embeddedProxy()._unsafeUnwrap();
    expect((await proxy.describe(open()))._unsafeUnwrapErr()).toMatchObject({
      kind: 'unsupported',
      code: 'not-attached',
    });
    expect((await proxy.close?.())?.isOk()).toBe(true);
  });
  it('refuses a route that it could not serve, before anything is written', async () => {
    const proxy = embeddedProxy()._unsafeUnwrap();
    const store = memoryStore();
    proxy.attach?.(store, virtualClock());
    const target = { instance: 'a', host: '127.0.0.1', port: 80 };
    const good = { domain: 'shop.test', mark: 'm', targets: [target], options: {} };
    for (const wrong of [
      { domain: 'Shop.test' },
      { domain: 'shop.test/x' },
      { domain: '' },
      { mark: '' },
      { mark: 'm'.repeat(64) },
      { targets: [] },
      { targets: [{ ...target, port: 0 }] },
      { targets: [{ ...target, port: 70_000 }] },
      { targets: [{ ...target, host: 'a/b' }] },
      { targets: [{ ...target, host: '' }] },
      { targets: [{ ...target, weight: -1 }] },
    ]) {
      const error = (await proxy.put({ ...good, ...wrong }, open()))._unsafeUnwrapErr();
      expect(error.kind, JSON.stringify(wrong)).toBe('proxy-refused');
    }
    expect(store.commits).toBe(0);
  });
  it('takes a stage’s options as durations, and names an unknown one with its path', () => {
    const proxy = embeddedProxy()._unsafeUnwrap();
    expect(proxy.parseOptions?.({ answerTimeout: '2m' }, 'shop.dev.proxy')._unsafeUnwrap()).toEqual({
      answerTimeout: 120_000,
    });
    expect(proxy.parseOptions?.(undefined, 'shop.dev.proxy')._unsafeUnwrap()).toEqual({});
    const error = proxy.parseOptions?.({ answerTimout: 1, idleTimeout: 0 }, 'shop.dev.proxy')._unsafeUnwrapErr();
    expect(error?.issues.map(({ path }) => path).sort()).toEqual([
      'shop.dev.proxy.answerTimout',
      'shop.dev.proxy.idleTimeout',
    ]);
    expect(error?.message).toContain('did you mean "answerTimeout"');
  });
});
