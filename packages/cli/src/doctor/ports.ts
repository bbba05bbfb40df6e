/** The ports as they were configured: each is itself, or what its factory answered. */
import type { AnyError, PortOption } from '@quayside/core';
import type { Result } from 'neverthrow';

export function portOf<Port extends object>(given: PortOption<Port> | undefined): Port | undefined {
  if (given === undefined) return undefined;
  if (!('isOk' in given)) return given;
  const result = given as Result<Port, AnyError>;
  return result.isOk() ? result.value : undefined;
}
