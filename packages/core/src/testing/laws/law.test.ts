import { describe, expect, it } from 'vitest';
import { LawBroken, same } from './assert.js';
import { type Contract, conforms, type Harness, keep, type Law } from './law.js';

const contract: Contract = { says: 'remove() takes it away.', page: 'docs/guides/write-a-thing.md#removing' };
const law = (holds: () => Promise<void>): Law<object> => ({ name: 'what is removed is gone', contract, holds });

/** A harness that tells whether it was closed. */
function harness() {
  const state = { closed: 0 };
  const open = async (): Promise<Harness<object>> => ({
    async close() {
      state.closed += 1;
    },
  });
  return { state, open };
}

const broken = async (holds: () => Promise<void>, open = harness().open): Promise<LawBroken> => {
  const thrown = await keep(law(holds), open, { limitMs: 50 }).catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(LawBroken);
  return thrown as LawBroken;
};

describe('a broken law', () => {
  it('tells what was seen, the rule, what the contract says, and where to read', async () => {
    const { message, how } = await broken(async () => same('there', 'gone', 'it is gone'));
    expect(message.split('\n')).toEqual([
      'it is gone',
      '  expected "gone"',
      '  got      "there"',
      '  rule: what is removed is gone',
      '  contract: remove() takes it away.',
      '  read: docs/guides/write-a-thing.md#removing',
    ]);
    expect(how).toBe('answer');
  });

  it('tells so of what an adapter throws, too, with the place where it was thrown', async () => {
    const surprise = () => {
      throw new TypeError('undefined is not a function');
    };
    const failure = await broken(async () => surprise());
    expect(failure).toMatchObject({
      how: 'throw',
      message: expect.stringMatching(/^undefined is not[\s\S]*read: docs/),
    });
    expect(failure.stack).toContain('surprise');
  });

  it('tells so of what never ends, and closes the harness all the same', async () => {
    const { state, open } = harness();
    const failure = await broken(() => new Promise(() => {}), open);
    expect(failure).toMatchObject({
      how: 'limit',
      message: expect.stringMatching(/^not ended within 50 ms[\s\S]*rule: /),
    });
    expect(state.closed).toBe(1);
  });

  it('is told before a failure of the close, which is told where there is no other', async () => {
    const close = async () => {
      throw new Error('the port cannot be closed');
    };
    const open = async () => ({ close });
    expect((await broken(async () => same(1, 2, 'the first to fail'), open)).message).toMatch(/^the first to fail/);
    expect((await broken(async () => {}, open)).message).toMatch(/^the port cannot be closed[\s\S]*rule: /);
  });

  it('closes a harness that was opened too late', async () => {
    const { state, open } = harness();
    let openNow = () => {};
    const opening = new Promise<void>((resolve) => {
      openNow = resolve;
    });
    await broken(
      async () => {},
      () => opening.then(open),
    );
    openNow();
    await expect.poll(() => state.closed).toBe(1);
  });
});

describe('conforms', () => {
  it('is a test per law, each with a harness of its own, and spares what a port is exempt from', async () => {
    const { state, open } = harness();
    const bodies = new Map<string, () => Promise<void>>();
    let held = 0;
    const count = async () => {
      held += 1;
    };
    const laws = [
      { name: 'one', holds: count },
      { name: 'two', exempt: () => 'it cannot', holds: count },
    ];
    conforms((name, body) => bodies.set(name, body), laws, open);
    for (const body of bodies.values()) await body();
    expect([[...bodies.keys()], held, state.closed]).toEqual([['one', 'two'], 1, 2]);
  });
});
