/** Requests as they come: checked field by field before anything is touched, whoever made them. */
import { err, type Result } from 'neverthrow';
import { z } from 'zod';
import { envRecord, isName, NAME_RULE } from '../config/schema.js';
import type { InvalidError } from '../domain/errors.js';
import { isDigest, isTag } from '../domain/reference.js';
import { check, invalid } from '../ports/kit.js';
import type { DeployRequest } from './types.js';

const text = (test: (value: string) => boolean, what: string) =>
  z.string().refine(test, { message: `expected ${what}` });

const name = () => text(isName, NAME_RULE);
const by = text(
  (value) => value.length <= 200 && !/\p{Cc}/u.test(value),
  'at most 200 characters without control characters',
);
const TAG_RULE = 'a tag of 1 to 128 letters, digits, dots, dashes and underscores that begins with none of . and -';

export const deployRequest = z.strictObject({
  project: name(),
  stage: name().refine((value) => !value.includes('*'), { message: "expected a stage's own name, not a pattern" }),
  tag: text(isTag, TAG_RULE),
  digest: text(isDigest, "a digest such as 'sha256:…' with 64 hexadecimal digits").optional(),
  force: z.boolean().optional(),
  by: by.optional(),
  env: envRecord.optional(),
});

export const rollBackRequest = z.strictObject({
  project: name(),
  stage: name(),
  to: text((value) => isTag(value), 'the id of a deployment, or a tag').optional(),
  by: by.optional(),
  force: z.boolean().optional(),
});

export const removeRequest = z.union([
  z.strictObject({ instance: text((value) => /^[0-9a-z]{18}$/.test(value), "an instance's id of 18 characters") }),
  z.strictObject({ project: name(), stage: name() }),
]);

const WORDS = Object.keys(deployRequest.shape);

export function parse<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
): Result<z.output<Schema>, InvalidError<'invalid-request'>> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    const received = input === null ? 'null' : Array.isArray(input) ? 'an array' : typeof input;
    return err(invalid('invalid-request', [{ path: 'request', expected: 'an object', received }]));
  }
  return check('invalid-request', schema, input, '', WORDS);
}

export const parseDeploy = (input: unknown): Result<DeployRequest, InvalidError<'invalid-request'>> =>
  parse(deployRequest, input) as Result<DeployRequest, InvalidError<'invalid-request'>>;
