/** Requests as they come: checked field by field before anything is touched, whoever made them. */
import { err, type Result } from 'neverthrow';
import { z } from 'zod';
import { envRecord, maintenanceFields, name, text } from '../config/schema.js';
import type { InvalidError } from '../domain/errors.js';
import { once } from '../domain/once.js';
import { isDigest, isTag } from '../domain/reference.js';
import { check, invalid } from '../ports/kit.js';
import type { AnyStage, DeployRequest, RollBackOptions } from './types.js';

const by = () =>
  text(
    (value) => value.length <= 200 && !/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(value),
    'at most 200 characters without control characters',
  ).optional();

/** What any request may say of others of its stage, and of itself sent again. */
const inLine = () => ({
  policy: z.enum(['queue', 'supersede', 'reject']).optional(),
  running: z.enum(['finish', 'cancel']).optional(),
  idempotencyKey: text(/^[!-~]{1,200}$/, '1 to 200 visible characters').optional(),
});

/** Where something is, or is about to be. */
const ofStage = () => ({
  project: name(),
  stage: name().refine((value) => !value.includes('*'), { message: "expected a stage's own name, not a pattern" }),
});

const schemas = once(() => ({
  deploy: z.strictObject({
    ...ofStage(),
    tag: text(
      isTag,
      'a tag of 1 to 128 letters, digits, dots, dashes and underscores that begins with none of . and -',
    ),
    digest: text(isDigest, "a digest such as 'sha256:…' with 64 hexadecimal digits").optional(),
    force: z.boolean().optional(),
    by: by(),
    env: envRecord().optional(),
    ...inLine(),
  }),
  rollBack: z.strictObject({
    project: name(),
    stage: name(),
    to: text(isTag, 'the id of a deployment, or a tag').optional(),
    by: by(),
    force: z.boolean().optional(),
    ...inLine(),
  }),
  maintenance: z.discriminatedUnion('on', [
    z.strictObject({ ...ofStage(), on: z.literal(true), ...maintenanceFields(), by: by() }),
    z.strictObject({ ...ofStage(), on: z.literal(false), by: by() }),
  ]),
  cancel: z.strictObject({ by: by(), reason: by() }),
  asked: z.strictObject({ by: by() }),
  instance: z.strictObject({ instance: text(/^[0-9a-z]{18}$/, "an instance's id of 18 characters") }),
  stage: z.strictObject({ project: name(), stage: name() }),
  pin: z.strictObject({ instance: text(/^[0-9a-z]{18}$/, "an instance's id of 18 characters"), by: by() }),
}));

function parse<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
): Result<z.output<Schema>, InvalidError<'invalid-request'>> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    const received = input === null ? 'null' : Array.isArray(input) ? 'an array' : typeof input;
    return err(invalid('invalid-request', [{ path: 'request', expected: 'an object', received }]));
  }
  return check('invalid-request', schema, input, '');
}

export const parseDeploy = (input: unknown) =>
  parse(schemas().deploy, input) as Result<DeployRequest, InvalidError<'invalid-request'>>;

export const parseRollBack = (input: unknown) =>
  parse(schemas().rollBack, input) as Result<AnyStage & RollBackOptions, InvalidError<'invalid-request'>>;

export const parseCancel = (input: unknown) => parse(schemas().cancel, input);

export const parseMaintenance = (input: unknown) => parse(schemas().maintenance, input);

export const parsePin = (input: unknown) => parse(schemas().pin, input);

/** Who asks, and nothing else. */
export const parseAsked = (input: unknown) => parse(schemas().asked, input);

/** An instance, or a stage: what is named tells which of the two was meant. */
export const parseRemove = (
  input: unknown,
): Result<{ instance: string } | { project: string; stage: string }, InvalidError<'invalid-request'>> =>
  typeof input === 'object' && input !== null && 'instance' in input
    ? parse(schemas().instance, input)
    : parse(schemas().stage, input);
