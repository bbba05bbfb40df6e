/** The short form of `npm run test:create`: one of the ports. */
import { expect, it } from 'vitest';
import { PORTS } from '../../packages/create-quayside-adapter/src/index.js';
import { problemsOf } from './judge.js';
import { openWorkshop } from './workshop.js';

it('a fresh package builds and typechecks, and its laws say what to implement next', { timeout: 150_000 }, async () => {
  await using workshop = await openWorkshop();
  const store = PORTS.find(({ key }) => key === 'store')!;
  expect(await problemsOf(await workshop.make(store.key), store)).toEqual([]);
});
