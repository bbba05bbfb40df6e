/** What a kind of webhook has to know: whether it is genuine, and which pushes it tells of. */
import { type AnnouncedPush, check, type InvalidError, type Issue, invalid, quoted } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { z } from 'zod';
import { imageOf, isDigest, isTag } from '../image.js';

export interface Incoming {
  readonly headers: Headers;
  /** The path's part behind the source's name; undefined: it has none. */
  readonly pathSecret: string | undefined;
  readonly body: Uint8Array;
}

export interface Reading {
  readonly pushes: readonly AnnouncedPush[];
  /** Why there are none, or fewer than there might be, in words. */
  readonly ignored?: string;
}

export type Misread = InvalidError<'invalid-request'>;

export interface Source {
  /** In constant time. Of those that do not sign the body it does not look at it. */
  isGenuine(incoming: Incoming, nowMs: number): boolean;
  /** Whether the body is signed: where it is not, a stranger's is not even read. */
  readonly signsBody: boolean;
  /** What the sender calls this delivery, the same when it sends it again. */
  deliveryId(headers: Headers): string | undefined;
  /** Whether two pushes never have the same body: then the body tells a delivery that comes again, whatever its headers say. */
  readonly bodyIsUnique: boolean;
  read(body: unknown, headers: Headers): Result<Reading, Misread>;
}

/** More pushes than this in one delivery are refused: no registry tells of so many at once. */
export const PUSHES_MAX = 200;

export interface Told {
  /** Where in the body it stands, for errors. */
  readonly path: string;
  readonly image: string;
  readonly tag?: string | null | undefined;
  readonly digest?: string | null | undefined;
  readonly pushedAt?: number | null;
  readonly below?: boolean;
}

/** Pushes as they were told of, if every name in them is one: whatever else stands there is refused and never passed on. */
export function pushesOf(told: readonly Told[]): Result<Reading, Misread> {
  const issues: Issue[] = [];
  if (told.length > PUSHES_MAX) {
    issues.push({ path: 'body', expected: `at most ${PUSHES_MAX} pushes`, received: String(told.length) });
  }
  const pushes = told.slice(0, PUSHES_MAX).map((each): AnnouncedPush => {
    const image = imageOf(each.image);
    const { tag = null, digest = null } = each;
    if (!image) issues.push(issue(each.path, 'a repository as registries have them', each.image));
    if (tag !== null && !isTag(tag)) issues.push(issue(each.path, 'a tag as registries have them', tag));
    if (digest !== null && !isDigest(digest)) issues.push(issue(each.path, "a digest such as 'sha256:…'", digest));
    const { pushedAt = null, below = false } = each;
    return { image: image?.text ?? '', below, tag, digest, pushedAt };
  });
  return issues.length > 0 ? err(invalid('invalid-request', issues.slice(0, 10))) : ok({ pushes });
}

export const ignored = (why: string): Result<Reading, Misread> => ok({ pushes: [], ignored: why });

/** A word of a body as answers and reports may repeat it: short, and on one line, whatever it holds. */
export const word = (text: string, lengthMax = 40): string => quoted(text.slice(0, lengthMax));

/** A body against what is needed of it; whatever else it has is left alone. */
export const readBody = <Schema extends z.ZodType>(schema: Schema, body: unknown): Result<z.output<Schema>, Misread> =>
  check('invalid-request', schema, body, 'body');

const issue = (path: string, expected: string, received: string): Issue => ({
  path,
  expected,
  received: word(received, 60),
});

/** Short enough to be a name at all. */
export const name = () => z.string().min(1).max(512);

/** Seconds since the epoch, with decimals or without, or a date as text; null: there is none that can be read. */
export function timeOf(value: unknown): number | null {
  // What would be thousands of years from now is in milliseconds.
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) {
    return Math.floor(value > 100_000_000_000 ? value : value * 1000);
  }
  if (typeof value !== 'string' || value.length > 64) return null;
  const at = Date.parse(value);
  // A time that was never set is that of the year 1.
  return Number.isNaN(at) || at <= 0 ? null : at;
}
