/** A change of keys: everything that was sealed opens with the new one alone, and nothing that runs is touched. */
import { describe, expect, it } from 'vitest';
import { unwrap } from '../domain/errors.js';
import type { Sealer } from '../ports/sealer.js';
import { type MemoryWorld, memorySealer, memoryWorld } from '../testing/index.js';
import { DEV, deployerIn, everythingIn, IMAGE, push, settled } from './testbed.js';

const OLD = 'old';
const NEW = 'new';

/** The first key seals, every one opens, as with `secrets.keys`; a virtual clock would not wait for web crypto. */
function sealerOf(...keys: string[]): Sealer {
  const [first = ''] = keys;
  return {
    ...memorySealer(first),
    seal: (value, context) =>
      memorySealer(first)
        .seal(value, context)
        .map((sealed) => `${first}:${sealed}`),
    open(text, context) {
      const key = keys.find((each) => text.startsWith(`${each}:`));
      return memorySealer(key ?? 'none').open(text.slice(text.indexOf(':') + 1), context);
    },
    isCurrent: (text) => text.startsWith(`${first}:`),
  };
}
const PROJECTS = {
  shop: {
    image: IMAGE,
    stages: {
      dev: {
        port: 3000,
        maxInstances: 3,
        env: { PASSWORD: 'correct-horse', MODE: { plain: 'production' } },
        healthcheck: { headers: { authorization: 'Bearer battery-staple', accept: 'text/plain' } },
      },
    },
  },
};
const withKeys = (world: MemoryWorld, ...keys: string[]) =>
  deployerIn(world, { sealer: sealerOf(...keys), projects: PROJECTS, store: world.store.connect() });
const ended = <T>(world: MemoryWorld, work: PromiseLike<T>): Promise<T> => world.clock.until(work);

async function deployedUnder(...keys: string[]) {
  const world = memoryWorld();
  push(world, 'v1', 'v2');
  const deployer = await withKeys(world, ...keys);
  await settled(world, deployer, 'v1');
  await ended(world, unwrap(deployer.deploy({ ...DEV, tag: 'v2', env: { TOKEN: 'of-a-request' } })));
  await world.clock.advance(60_000);
  await ended(world, deployer.close());
  return world;
}

describe('a change of keys', () => {
  it('seals everything with the new one, and the old one can go', async () => {
    const world = await deployedUnder(OLD);
    const both = await withKeys(world, NEW, OLD);
    const report = await ended(world, unwrap(both.resealSecrets()));
    // Password and header of both, the token of the request and of its spec, and two fingerprints.
    expect(report).toEqual({ resealed: 8, current: 0, later: [], unreadable: [] });
    expect(await ended(world, unwrap(both.resealSecrets()))).toEqual({
      resealed: 0,
      current: 6,
      later: [],
      unreadable: [],
    });
    await ended(world, both.close());

    world.engine.containers.clear();
    const fresh = await withKeys(world, NEW);
    const back = await ended(world, unwrap(fresh.rollBack({ ...DEV, to: 'v1' })));
    const made = [...world.engine.containers.values()].find(({ spec }) => spec.owner.deployment === back.id);
    expect(made?.spec.env).toEqual({ PASSWORD: 'correct-horse', MODE: 'production' });
    await ended(world, fresh.close());
  });

  it('leaves what runs unchanged in the eyes of the next deployment', async () => {
    const world = await deployedUnder(OLD);
    const both = await withKeys(world, NEW, OLD);
    const again = { ...DEV, tag: 'v2', env: { TOKEN: 'of-a-request' } };
    expect(await ended(world, unwrap(both.plan(again)))).toMatchObject({ action: 'replace' });
    await ended(world, unwrap(both.resealSecrets()));
    expect(await ended(world, unwrap(both.plan(again)))).toMatchObject({ action: 'unchanged' });
    await ended(world, both.close());
  });

  it('says what no key opens, and leaves it as it is', async () => {
    const world = await deployedUnder(OLD);
    const fresh = await withKeys(world, NEW);
    const report = await ended(world, unwrap(fresh.resealSecrets()));
    expect(report).toMatchObject({ resealed: 0, later: [] });
    expect(report.unreadable.map((each) => each.replace(/^\S+ /, '')).sort()).toEqual([
      'PASSWORD',
      'PASSWORD',
      'TOKEN',
      'TOKEN',
      'authorization',
      'authorization',
    ]);
    await ended(world, fresh.close());
    const old = await withKeys(world, OLD);
    expect(await ended(world, unwrap(old.resealSecrets()))).toMatchObject({ resealed: 0, current: 6, unreadable: [] });
    await ended(world, old.close());
  });

  it('leaves a deployment under way alone, and takes it with the next call', async () => {
    const world = await deployedUnder(OLD);
    const old = await withKeys(world, OLD);
    world.engine.push(`${IMAGE}:slow`, { status: 503 });
    const slow = await ended(world, unwrap(old.submit({ ...DEV, tag: 'slow' })));
    await world.clock.advance(1_000);
    const both = await withKeys(world, NEW, OLD);
    const first = await ended(world, unwrap(both.resealSecrets()));
    expect(first.later).toContain(slow.id);
    await ended(world, slow.result);
    await world.clock.advance(60_000);
    expect(await ended(world, unwrap(both.resealSecrets()))).toMatchObject({ later: [], unreadable: [] });
    await ended(world, old.close());
    await ended(world, both.close());
  });

  it('goes on where it was broken off, whichever commit that was', async () => {
    for (let dieAt = 1, isThrough = false; !isThrough; dieAt += 1) {
      const world = await deployedUnder(OLD);
      const stop = new AbortController();
      const store = world.store.connect();
      let commits = Number.NEGATIVE_INFINITY;
      const both = await deployerIn(world, {
        sealer: sealerOf(NEW, OLD),
        projects: PROJECTS,
        recover: 'manual',
        store: {
          ...store,
          commit(changes, options) {
            if (changes.some(({ op }) => op === 'put') && ++commits === dieAt) stop.abort();
            return store.commit(changes, options);
          },
        },
      });
      commits = 0;
      const first = await ended(world, both.resealSecrets({ signal: stop.signal }));
      isThrough = !stop.signal.aborted;
      commits = Number.NEGATIVE_INFINITY;
      expect(first.isOk()).toBe(isThrough);
      expect(await ended(world, unwrap(both.resealSecrets()))).toMatchObject({ later: [], unreadable: [] });
      await ended(world, both.close());
      const fresh = await withKeys(world, NEW);
      expect(await ended(world, unwrap(fresh.resealSecrets()))).toMatchObject({ resealed: 0, current: 6 });
      await ended(world, fresh.close());
    }
  });

  it('is refused without a key', async () => {
    const world = memoryWorld();
    const deployer = await deployerIn(world);
    expect((await ended(world, deployer.resealSecrets()))._unsafeUnwrapErr()).toMatchObject({ kind: 'unsupported' });
    await ended(world, deployer.close());
  });
});

it('a login in a health check is nowhere in the store, with a key and without one', async () => {
  for (const keys of [{ sealer: sealerOf(NEW) }, {}]) {
    const world = memoryWorld();
    push(world, 'v1', 'v2');
    const deployer = await deployerIn(world, { ...keys, projects: PROJECTS });
    await settled(world, deployer, 'v1');
    await settled(world, deployer, 'v2');
    world.engine.containers.clear();
    const back = await ended(world, unwrap(deployer.rollBack(DEV)));
    expect(back.status).toBe('succeeded');
    const { items } = await unwrap(deployer.deployments.list());
    const text = await everythingIn(world.store.connect(), ...items.map(({ id }) => id));
    expect(text).not.toContain('battery-staple');
    expect(text).toContain('text/plain');
    await ended(world, deployer.close());
  }
});
