/** Where the values of the environment come from, and what is told where one does not come. */
import { ok } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import type { EnvOptions } from '../config/options.js';
import { QuaysideError } from '../domain/errors.js';
import { guard } from '../kernel/routine.js';
import { bounded } from '../kernel/scope.js';
import { Secrets } from '../kernel/secrets.js';
import { virtualClock } from '../testing/index.js';
import { gatherEnv, withOverrides } from './gather-env.js';

const ABOUT = { project: 'shop', stage: 'dev', tag: 'v1' };
const SECRET = 'correct-horse-battery';

function gather(env: readonly EnvOptions[], plainEnv: readonly string[] = [], clock = virtualClock()) {
  const secrets = new Secrets([]);
  const call = (what: string, signal: AbortSignal, work: never, limit = { ms: 1_000 }) =>
    bounded(clock, [signal], { ...limit, what }, work);
  const gathered = gatherEnv({ call: call as never, secrets }, { env, plainEnv: new Set(plainEnv) }, ABOUT, {
    signal: new AbortController().signal,
  });
  return { clock, gathered, shown: (text: string) => secrets.redactor().text(text) };
}

describe('a value', () => {
  it('is a text, marked or not, or what a function answers, and the nearest layer wins', async () => {
    const { gathered } = gather([
      { A: 'far', B: 'written', C: () => 'not asked' },
      {
        A: { plain: 'near' },
        C: { secret: SECRET },
        D: async ({ name, project, stage, tag }) => [name, project, stage, tag].join(),
      },
      () => ({ E: 'of all', F: { plain: 'shown' } }),
    ]);
    const { env, plain } = (await gathered)._unsafeUnwrap();
    expect(env).toEqual({ A: 'near', B: 'written', C: SECRET, D: 'D,shop,dev,v1', E: 'of all', F: 'shown' });
    expect([...plain].sort()).toEqual(['A', 'F']);
  });

  it('may be kept in the clear where its name is in plainEnv, unless it is marked as secret', async () => {
    const { gathered } = gather([{ A: 'a', B: { secret: SECRET }, C: () => 'c', D: 'd' }], ['A', 'B', 'C']);
    expect([...(await gathered)._unsafeUnwrap().plain]).toEqual(['A', 'C']);
  });

  it.each([
    ['marked as secret', { A: { secret: SECRET } }],
    ['answered by its function', { A: () => SECRET }],
    ['answered by a function of all', () => ({ A: SECRET })],
  ] satisfies [string, EnvOptions][])('%s is redacted everywhere from then on', async (_how, env) => {
    const { gathered, shown } = gather([env]);
    await gathered;
    expect(shown(btoa(`u:${SECRET}`))).toContain('***');
    expect(shown(SECRET)).toBe('***');
  });

  it('of a request is secret, unless plainEnv has its name: whatever stood there before', async () => {
    const { gathered } = gather([{ A: { plain: 'a' }, B: 'b' }], ['B']);
    const { env, plain } = withOverrides((await gathered)._unsafeUnwrap(), { A: SECRET, B: 'mine' });
    expect(env).toEqual({ A: SECRET, B: 'mine' });
    expect([...plain]).toEqual(['B']);
  });
});

describe('a function', () => {
  it('that throws is told of by the name of its value, and what it threw is not shown', async () => {
    const thrown = Object.assign(new TypeError(`cannot parse ${SECRET}`), { code: 'EVAULT', value: SECRET });
    const { gathered } = gather([{ PASSWORD: () => Promise.reject(thrown) }]);
    const error = (await gathered)._unsafeUnwrapErr();
    expect(error).toMatchObject({
      kind: 'secret-unreadable',
      message: 'The env function of PASSWORD threw TypeError (EVAULT).',
    });
    expect(JSON.stringify(error)).not.toContain(SECRET);
    expect(error.cause).toBeUndefined();
  });

  it('that throws a QuaysideError has its say', async () => {
    const error = new QuaysideError({
      kind: 'secret-unreadable',
      message: 'The vault is sealed.',
      hint: 'Unseal it.',
      retryable: true,
    });
    const { gathered } = gather([{ PASSWORD: () => Promise.reject(error) }]);
    expect((await gathered)._unsafeUnwrapErr()).toMatchObject({
      message: 'The env function of PASSWORD failed: The vault is sealed.',
      hint: 'Unseal it.',
      retryable: true,
    });
  });

  it.each([
    ['a number', 7],
    ['nothing', undefined],
    ['a text that no variable can hold', 'a\0b'],
    ['an object', { secret: SECRET }],
  ])('that answers %s is refused by name', async (_what, answer) => {
    const { gathered } = gather([{ PASSWORD: () => answer as string }]);
    const error = (await gathered)._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'invalid-config', issues: [{ path: 'env.PASSWORD of shop/dev' }] });
    expect(JSON.stringify(error)).not.toContain(SECRET);
  });

  it('that never answers is given up after 30 s, and its signal is aborted', async () => {
    const clock = virtualClock();
    let signal: AbortSignal | undefined;
    const { gathered } = gather(
      [
        {
          PASSWORD(context) {
            signal = context.signal;
            return new Promise<string>(() => {});
          },
        },
      ],
      [],
      clock,
    );
    const error = (await clock.until(gathered))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'timeout', message: expect.stringContaining('env function of PASSWORD') });
    expect(signal?.aborted).toBe(true);
    expect(clock.monotonicMs()).toBeLessThan(32_000);
  });

  it('waits for its turn: eight are asked at once', async () => {
    let now = 0;
    let most = 0;
    const slow = async () => {
      most = Math.max(most, ++now);
      await guard(async () => ok(undefined));
      now -= 1;
      return 'x';
    };
    const { gathered } = gather([Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`N${index}`, slow]))]);
    expect(Object.keys((await gathered)._unsafeUnwrap().env)).toHaveLength(30);
    expect(most).toBe(8);
  });
});
