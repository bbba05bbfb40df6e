/** What becomes of a deployer whose rest cannot be loaded: a disk that is gone, a package that is being replaced. */
import { errAsync } from 'neverthrow';
import { expect, it, vi } from 'vitest';
import { failure } from '../domain/errors.js';
import { memoryWorld } from '../testing/index.js';
import { createDeployer } from './create.js';

vi.mock('./start.js', () => {
  throw new Error('no such file');
});

const options = () => {
  const { engine: _engine, ...ports } = memoryWorld();
  return { ...ports, projects: {} };
};

it('answers an error where the rest of the library cannot be loaded', async () => {
  expect((await createDeployer(options()))._unsafeUnwrapErr().kind).toBe('bug');
});

it('says what is wrong with the store first', async () => {
  const { store, ...rest } = options();
  const away = failure('store-refused', 'It is of a newer version.', 'Upgrade.');
  const refusing = { ...store, storeId: () => errAsync(away) };
  expect((await createDeployer({ ...rest, store: refusing }))._unsafeUnwrapErr().kind).toBe('store-refused');
});
