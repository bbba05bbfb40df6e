import type { AnyError } from '@quayside/core/ports';
import { err, type Result, type ResultAsync } from 'neverthrow';
import type { Place } from '../authorize.js';
import type { Failure } from '../problem.js';
import type { Call } from './route.js';

export interface Permitted<T> {
  readonly record: T;
  /** Who the caller is. */
  readonly by: string;
}

/** The record that a call names, once the caller may do with it what was asked for. */
export async function permitted<T extends Place>(
  { permit }: Pick<Call<unknown, unknown, unknown>, 'permit'>,
  named: ResultAsync<T, AnyError>,
): Promise<Result<Permitted<T>, Failure>> {
  const found = await named;
  if (found.isErr()) return err(found.error);
  return (await permit(found.value)).map((by) => ({ record: found.value, by }));
}
