import { check, duration, type InvalidError, type Issue, invalid, size } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { z } from 'zod';
import { type Image, imageOf } from './image.js';
import { PolicySchema } from './policy/options.js';
import { type Policy, policyOf } from './policy/policy.js';
import { SourceSchema, sourceOf } from './sources/index.js';
import type { Source } from './sources/source.js';

const bounded = (minMs: number, maxMs: number, defaultMs: number) =>
  duration().pipe(z.int().min(minMs).max(maxMs)).default(defaultMs);

const Watched = z.strictObject({
  project: z.string().min(1),
  /** A stage's own name, not a pattern. */
  stage: z
    .string()
    .min(1)
    .refine((name) => !name.includes('*'), { message: "expected a stage's own name, not a pattern" }),
  /** The project's image, without a tag. Only pushes to exactly this repository count. */
  image: z.string().refine((text) => imageOf(text) !== undefined, {
    message: "expected a repository such as 'registry.example.com/shop', without a tag",
  }),
  tags: PolicySchema,
  /** Whether the poller looks at it, too; default true. */
  poll: z.boolean().default(true),
});

/** Short, so that no secret of a URL can be taken for one. */
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,13}[a-z0-9])?$/;

const Options = z.strictObject({
  /** Which stages follow which images. */
  watch: z.array(Watched).min(1).max(1_000),
  /** Receivers by name, which is the part of the URL that tells them from each other. Default: none. */
  sources: z
    .record(z.string().regex(NAME, { message: 'expected 1 to 15 of a-z, 0-9 and -' }), SourceSchema)
    .default({}),
  /** `every` (default 5 m, at least 10 s), to which up to a tenth is added at random. `false`: no polling. */
  poll: z
    .union([z.literal(false), z.strictObject({ every: bounded(10_000, 86_400_000, 300_000) })])
    .default({ every: 300_000 }),
  /** How long pushes of a stage are gathered before it is looked at: those of one push with several tags become one. Default 1 s. */
  gather: bounded(0, 60_000, 1_000),
  /** Of a delivery's body: its size (default 1 MiB, at most 25 MiB, as much as GitHub sends), and the time it may take (default 10 s). */
  bodyLimit: size().pipe(z.int().min(1_024).max(26_214_400)).default(1_048_576),
  bodyTimeout: bounded(100, 60_000, 10_000),
  /** Deliveries that are accepted and wait to be looked into; what comes beyond is answered with 503. Default 1 000. */
  queueMax: z.int().min(1).max(100_000).default(1_000),
});

/** The options that are plain data. */
export type Plain = z.input<typeof Options>;

export interface Watch {
  readonly project: string;
  readonly stage: string;
  /** As it was written: what the registry is asked for. */
  readonly repository: string;
  readonly image: Image;
  readonly policy: Policy;
  readonly isPolled: boolean;
}

export interface Settings extends Omit<z.output<typeof Options>, 'watch' | 'sources'> {
  readonly watches: readonly Watch[];
  readonly sources: ReadonlyMap<string, Source>;
}

export function parseOptions(options: unknown): Result<Settings, InvalidError<'invalid-options'>> {
  return check('invalid-options', Options, options, 'triggers').andThen(({ watch, sources, ...rest }) => {
    const watches = watch.map(({ project, stage, image, tags, poll }) => ({
      project,
      stage,
      repository: image,
      image: imageOf(image) as Image,
      policy: policyOf(tags),
      isPolled: poll && rest.poll !== false,
    }));
    const issues = issuesOf(watches);
    if (issues.length > 0) return err(invalid('invalid-options', issues));
    return ok({
      ...rest,
      watches,
      sources: new Map(Object.entries(sources).map(([name, source]) => [name, sourceOf(source)])),
    });
  });
}

function issuesOf(watches: readonly Watch[]): Issue[] {
  const issues: Issue[] = [];
  const seen = new Set<string>();
  for (const [index, { project, stage, policy, isPolled }] of watches.entries()) {
    const key = JSON.stringify([project, stage]);
    if (seen.has(key)) {
      issues.push({
        path: `triggers.watch[${index}]`,
        expected: 'one entry per stage',
        received: `${project}/${stage} again`,
      });
    }
    seen.add(key);
    if (isPolled && policy.only === undefined && !policy.compare) {
      issues.push({
        path: `triggers.watch[${index}].tags.order`,
        expected:
          "'alphabetical', 'numerical' or 'semver', since a list of tags does not tell which was pushed last, or `poll: false` for this stage",
        received: "'pushed'",
      });
    }
  }
  return issues;
}
