import picomatch from 'picomatch';
import safeRegex from 'safe-regex2';
import semver from 'semver';
import { z } from 'zod';
import { ORDERS } from './order.js';

const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const PATTERN_MAX = 200;

const tag = () =>
  z.string().refine((text) => TAG.test(text), {
    message: "expected a tag such as 'latest', without the repository",
  });

const order = () => z.enum(ORDERS).default('pushed');

/** Letters, digits and what tags and globs are made of: nothing that would make the matcher expand without a bound. */
const isGlob = (text: string): boolean => {
  if (text.length === 0 || text.length > PATTERN_MAX || /[()\s/\\]/.test(text) || text.startsWith('!')) return false;
  try {
    picomatch.makeRe(text, GLOB);
    return true;
  } catch {
    return false;
  }
};

/** Tags have no folders, and extended patterns can be made to take for ever. */
export const GLOB = { dot: true, noextglob: true, nonegate: true, strictBrackets: true } as const;

const toRegExp = (value: string | RegExp): RegExp | undefined => {
  try {
    // The flags `g` and `y` would make it remember where it was.
    return new RegExp(value, typeof value === 'string' ? '' : value.flags.replace(/[gy]/g, ''));
  } catch {
    return undefined;
  }
};

const regex = () =>
  z.union([z.string(), z.instanceof(RegExp)]).transform((value, context) => {
    const made = toRegExp(value);
    if (made && made.source.length <= PATTERN_MAX && safeRegex(made)) return made;
    context.addIssue({
      code: 'custom',
      message: `expected a regular expression of at most ${PATTERN_MAX} characters, without a repetition inside a repetition`,
    });
    return z.NEVER;
  });

/**
 * Which tags of its image a stage takes, and which of two is the newer one.
 *
 * - a text, or `{ exact }`: this tag, wherever it points to; what it points to now counts, whatever was told in whatever order.
 * - `{ digest }`: a tag that moves (`latest`): the newest digest of it. The same as `exact`, said of a tag that is meant to move.
 * - `{ semver }`: the highest version of a range of npm's. `prereleases` (default false): those too, or only of the names given (`['rc']`).
 * - `{ glob }`, `{ regex }`: those that match, in an `order`: `alphabetical`, `numerical` (by the numbers in them), `semver`, or `pushed` (default:
 *   by the time that the registry tells; a poll cannot know it). Of a regular expression the group `(?<order>…)` is what is compared.
 *
 * Nothing older ever follows something newer, except for a tag that is named itself.
 */
export const PolicySchema = z.union([
  tag(),
  z.strictObject({ exact: tag() }),
  z.strictObject({ digest: tag() }),
  z.strictObject({
    semver: z.string().refine((text) => text.length <= PATTERN_MAX && semver.validRange(text) !== null, {
      message: "expected a range of versions such as '^1.4', '>=2 <4' or '*'",
    }),
    prereleases: z.union([z.boolean(), z.array(z.string().regex(/^[0-9A-Za-z-]+$/)).min(1)]).default(false),
  }),
  z.strictObject({
    glob: z.string().refine(isGlob, { message: "expected a glob such as 'main-*', without slashes and parentheses" }),
    order: order(),
  }),
  z.strictObject({ regex: regex(), order: order() }),
]);

export type TagPolicy = z.input<typeof PolicySchema>;
export type PolicySettings = z.output<typeof PolicySchema>;
