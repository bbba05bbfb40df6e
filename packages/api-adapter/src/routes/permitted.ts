import { type AnyError, quoted } from '@quayside/core/ports';
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import type { Place } from '../authorize.js';
import type { Failure } from '../problem.js';
import type { Call } from './route.js';

export interface Permitted<T> {
  readonly record: T;
  /** Who the caller is. */
  readonly by: string;
}

/**
 * The record that a call names, once the caller may do with it what was asked for. One that the caller may not even look at is answered as one
 * that there is not: else an id would tell that there is such a project, and its name.
 */
export async function permitted<T extends Place>(
  { permit, shows }: Pick<Call<unknown, unknown, unknown>, 'permit' | 'shows'>,
  named: ResultAsync<T, AnyError>,
  unknown: () => AnyError,
): Promise<Result<Permitted<T>, Failure>> {
  const found = await named;
  if (found.isErr()) return err(isUnknown(found.error) ? unknown() : found.error);
  const { project, stage } = found.value;
  const by = await permit({ project, stage });
  if (by.isOk()) return ok({ record: found.value, by: by.value });
  const isHidden = 'kind' in by.error && by.error.kind === 'forbidden' && !(await shows({ project, stage }, 'read'));
  return err(isHidden ? unknown() : by.error);
}

const isUnknown = ({ kind }: AnyError): boolean => kind === 'unknown-deployment' || kind === 'unknown-instance';

/** In words that depend on nothing but what was asked for. */
export const unknownRecord = (what: 'deployment' | 'instance', id: string): AnyError => ({
  kind: `unknown-${what}`,
  message: `There is no ${what} ${quoted(id)}.`,
  hint: `Look at those that there are: \`GET /${what}s\`.`,
  retryable: false,
});
