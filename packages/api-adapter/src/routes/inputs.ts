/** What calls may give: checked here, and shown in the document as the same schemas. The deployer checks it all once more. */
import { z } from 'zod';

/** Controls, line separators, and halves of characters: none of them belongs into a line. */
const UNSEEN = /[\p{Cc}\p{Cs}\u2028\u2029]/u;
const visible = (text: string): boolean => text.trim() === text && !UNSEEN.test(text);

/** Project and stage names are what a person would write in one line. */
export const isName = (text: string): boolean => text.length >= 1 && text.length <= 100 && visible(text);
export const name = (what: string) =>
  z
    .string()
    .min(1)
    .max(100)
    .refine(visible, { message: `expected ${what} of 1 to 100 characters without control characters or outer spaces` })
    .describe(what);
export const projectName = () => name("a project's name");
export const stageName = () => name("a stage's name");

/** An id of ours has 18 of `[0-9a-z]`; what is none is not found. */
export const id = (what: string) =>
  z
    .string()
    .regex(/^[0-9A-Za-z_.-]{1,128}$/, `expected ${what}, such as '01k3v9x2m7q4ab8cde'`)
    .describe(what);

const tag = () =>
  z
    .string()
    .regex(
      /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/,
      'expected a tag of 1 to 128 letters, digits, dots, dashes and underscores that begins with none of . and -',
    );

/** In an address everything is text. */
export const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,16}$/, `expected a whole number from ${min} to ${max}`)
    .transform(Number)
    .pipe(z.int().min(min).max(max));

export const flag = (what: string) =>
  z
    .enum(['1', '0', 'true', 'false'])
    .describe(what)
    .transform((text) => text === '1' || text === 'true')
    .pipe(z.boolean().describe(what));

const cursor = () =>
  z
    .string()
    .min(1)
    .max(400)
    .refine((text) => !/[\p{Cc}\p{Cs}]/u.test(text), { message: 'expected `next` of the page before' })
    .describe('`next` of the page before');

export const paging = () => ({
  limit: whole(1, 1000).optional().describe('How many at most; default 50'),
  cursor: cursor().optional(),
});

export const ofStage = () => ({
  project: projectName().optional(),
  stage: stageName().optional(),
});

/** Behind which entry of a stream to go on: its sequence number. `Last-Event-ID` says the same. */
export const after = () => whole(0, Number.MAX_SAFE_INTEGER).optional();

const inLine = () => ({
  policy: z
    .enum(['queue', 'supersede', 'reject'])
    .optional()
    .describe("Where others of its stage wait or run; default the stage's own"),
  running: z.enum(['finish', 'cancel']).optional().describe('Of `supersede`: what becomes of the one that runs'),
  idempotencyKey: z
    .string()
    .regex(/^[!-~]{1,200}$/, 'expected 1 to 200 visible characters')
    .optional()
    .describe(
      'The same request under the same key means the same deployment, for 24 hours. The header `Idempotency-Key` says the same',
    ),
});

export const deployRequest = z.strictObject({
  project: projectName(),
  stage: stageName(),
  tag: tag(),
  digest: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/, "expected a digest such as 'sha256:…' with 64 hexadecimal digits")
    .optional()
    .describe('Exactly this image, whatever the tag points to'),
  force: z.boolean().optional().describe('Deploy even if nothing has changed'),
  env: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]*$/, 'expected a name of letters, digits and underscores'),
      z.string().refine((value) => !value.includes('\0'), { message: 'expected a text without NUL characters' }),
    )
    .optional()
    .describe("Overrides of the stage's environment; the host needs keys to seal them"),
  ...inLine(),
});

export const rollBackRequest = z.strictObject({
  project: projectName(),
  stage: stageName(),
  to: tag()
    .optional()
    .describe('The id of a deployment, or a tag; default the one that the default route pointed to before'),
  force: z.boolean().optional(),
  ...inLine(),
});

export const cancelRequest = z.strictObject({
  reason: z
    .string()
    .max(200)
    .refine((text) => !UNSEEN.test(text), { message: 'expected at most 200 characters without control characters' })
    .optional()
    .describe('Why, for its log'),
});

export const maintenanceRequest = z.strictObject({
  message: z
    .string()
    .max(500)
    .refine((text) => text.trim() !== '' && !/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(text), {
      message: 'expected one line of 1 to 500 characters without control characters',
    })
    .optional()
    .describe("What visitors are told; default the stage's own"),
  retryAfterMs: z
    .int()
    .min(1_000)
    .max(2_592_000_000)
    .optional()
    .describe("When they are told to come again, rounded up to whole seconds; default the stage's own"),
});
