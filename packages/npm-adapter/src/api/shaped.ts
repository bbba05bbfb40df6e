import { err, ok, type Result } from 'neverthrow';
import type { z } from 'zod';
import { notNpm } from '../errors.js';
import type { ApiFault } from './client.js';

/** An answer of the API as it is read here, or that it is none of the product's. */
export function shaped<T>(
  schema: z.ZodType<T>,
  answer: Result<unknown, ApiFault>,
  { what, url }: { readonly what: string; readonly url: string },
): Result<T, ApiFault> {
  if (answer.isErr()) return err(answer.error);
  const parsed = schema.safeParse(answer.value);
  if (parsed.success) return ok(parsed.data);
  return err({ kind: 'refused', error: notNpm(url, `${what} has not the shape that we know`) });
}
