/** The lighter `ResultAsync` answers as neverthrow's own does. */
import { err, errAsync, ok, okAsync, type Result, ResultAsync } from 'neverthrow';
import { expect, it } from 'vitest';
import { useLightResults } from './light-results.js';

type Any = ResultAsync<unknown, unknown>;

const fails = () => {
  throw new Error('thrown');
};
const rejects = () => Promise.reject(new Error('rejected'));

/** Everything that is done with one, for one that is ok and for one that is not. */
const uses: { readonly [what: string]: (result: Any) => Any | Promise<unknown> } = {
  'map to a value': (result) => result.map((value) => [value, 'mapped']),
  'map to a promise': (result) => result.map(async (value) => [value, 'later']),
  'map that throws': (result) => result.map(fails),
  'map that rejects': (result) => result.map(rejects),
  'mapErr to a value': (result) => result.mapErr((error) => [error, 'mapped']),
  'mapErr to a promise': (result) => result.mapErr(async (error) => [error, 'later']),
  'mapErr that throws': (result) => result.mapErr(fails),
  'orElse to a result': (result) => result.orElse((error) => ok([error, 'mended'])),
  'orElse to another error': (result) => result.orElse((error) => errAsync([error, 'worse'])),
  'orElse that throws': (result) => result.orElse(fails),
  'andThen behind it': (result) => result.map((value) => [value]).andThen((value) => okAsync([value])),
  andTee: (result) => result.andTee(() => 'nothing'),
  'andTee that throws': (result) => result.andTee(fails),
  'andTee that rejects': (result) => result.andTee(rejects),
  orTee: (result) => result.orTee(() => 'nothing'),
  'orTee that throws': (result) => result.orTee(fails),
  'orTee that rejects': (result) => result.orTee(rejects),
  'yield*': (result) => yielded(result),
};

/** What comes of `yield*`, and whether the generator around it was closed. */
async function yielded(result: Any): Promise<unknown> {
  let isClosed = false;
  async function* body() {
    try {
      return { value: yield* result };
    } finally {
      isClosed = true;
    }
  }
  const generator = body();
  const first = await generator.next();
  if (first.done) return { ...first.value, isClosed };
  await generator.return(undefined as never);
  return { yielded: plain(first.value as Result<unknown, unknown>), isClosed };
}

const plain = (result: Result<unknown, unknown>) =>
  result.match<unknown>(
    (value) => ({ ok: value }),
    (error) => ({ err: error }),
  );

async function outcomes(): Promise<unknown> {
  const all: Record<string, unknown> = {};
  for (const [what, use] of Object.entries(uses)) {
    for (const [of, result] of [
      ['ok', ok(1)],
      ['err', err('e')],
    ] as const) {
      const settled = await (use(new ResultAsync(Promise.resolve(result))) as Promise<unknown>).then(
        (answer) => (typeof (answer as { isOk?: unknown }).isOk === 'function' ? plain(answer as never) : answer),
        (thrown: unknown) => ({ rejected: String(thrown) }),
      );
      all[`${what}, ${of}`] = settled;
    }
  }
  return all;
}

it('answers as that of neverthrow does, whatever is done with it', async () => {
  const own = await outcomes();
  useLightResults();
  expect(await outcomes()).toEqual(own);
});
