/** What all followed routes have in common: where to begin, and the answer that is a stream. */
import { type AnyError, invalid } from '@quayside/core/ports';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { EventPlace } from '../authorize.js';
import type { Failure } from '../problem.js';
import type { Channel, Source } from '../streams/channel.js';
import { thrownError } from '../thrown.js';
import type { Answer, Call } from './route.js';

/** @param follow of the query, where it says so */
export function wantsStream(request: Request, follow: boolean | undefined): boolean {
  return follow ?? accepts(request, 'text/event-stream');
}

export const accepts = (request: Request, type: string): boolean =>
  (request.headers.get('accept') ?? '').split(',').some((part) => part.split(';')[0]?.trim().toLowerCase() === type);

/** Where a stream is to begin, if the caller says: a browser that comes again says it in `Last-Event-ID`, which counts. */
export function resumesAt(
  request: Request,
  after: number | undefined,
): Result<{ readonly after: number; readonly isAgain: boolean } | null, AnyError> {
  const last = request.headers.get('last-event-id');
  if (last === null || last === '') return ok(after === undefined ? null : { after, isAgain: false });
  if (/^\d{1,15}$/.test(last)) return ok({ after: Number(last), isAgain: true });
  const expected = 'the `id` of an event of this stream';
  return err(invalid('invalid-request', [{ path: 'Last-Event-ID', expected, received: 'something else' }]));
}

export interface Following {
  readonly source: Source;
  /** Null: behind the newest. */
  readonly after: number | null;
  /** Whether the reader has seen what is before that. */
  readonly resumes: boolean;
  readonly shows: ((place: EventPlace) => Promise<boolean>) | null;
  /** Whether there is nothing to come. */
  isOver?(channel: Channel, after: number): Promise<boolean>;
}

export async function following(
  call: Pick<Call<unknown, unknown, unknown>, 'context' | 'request'>,
  { source, after: asked, resumes, shows, isOver }: Following,
): Promise<Result<Answer, Failure>> {
  const { streams } = call.context;
  const { channel, release } = streams.use(source);
  const begin = async (): Promise<Answer> => {
    const newest = asked === null || !(await channel.reaches(asked)) ? await channel.newest() : null;
    const after = newest ?? asked ?? 0;
    if (await isOver?.(channel, after)) return { status: 204 };
    // Numbers that were never given are another store's: this one's newest is where it goes on, and that is told.
    const lost = newest !== null && asked !== null ? asked : null;
    return {
      stream: (opened) => streams.follow(source, { after, resumes: resumes && after > 0, lost, shows }, opened),
    };
  };
  const answer = await ResultAsync.fromThrowable(begin, thrownError)();
  release();
  return answer;
}
