import { err, ResultAsync } from 'neverthrow';
import { z } from 'zod';
import type { EventPlace } from '../authorize.js';
import { eventSource, placeOf } from '../streams/sources.js';
import { thrownError } from '../thrown.js';
import { EventPageSchema } from './answers.js';
import { accepts, following, resumesAt } from './following.js';
import { after, flag, ofStage, whole } from './inputs.js';
import { seenOf, taken } from './pages.js';
import { type Call, type Route, route } from './route.js';

type EventCall = Pick<Call<unknown, Asked, unknown>, 'query' | 'shows'>;

interface Asked {
  readonly project?: string | undefined;
  readonly stage?: string | undefined;
}

export const eventRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/events',
    name: 'followEvents',
    summary: "The store's events, every host's: a stream of them, or, as JSON, a page",
    action: 'read',
    params: z.strictObject({}),
    query: z.strictObject({
      ...ofStage(),
      after: after().describe('Goes on behind this one; default: of a stream the newest, of a page 0'),
      limit: whole(1, 1000).optional().describe('Of a page: how many at most; default 50'),
      follow: flag('Server-sent events; the default, unless `Accept` is `application/json`').optional(),
    }),
    body: null,
    headers: { 'Last-Event-ID': 'Of a stream: goes on behind this event' },
    answers: {
      status: 200,
      description: 'Oldest first; `next` is for `after`',
      schema: EventPageSchema,
      stream: 'named by their type, with their sequence number as `id`; it has no end',
    },
    errors: [],
    async handle(call) {
      const { context, request, query, signal } = call;
      const { deployer } = context;
      const at = resumesAt(request, query.after);
      if (at.isErr()) return err(at.error);
      const shows = showsEvents(call);
      if (query.follow ?? !accepts(request, 'application/json')) {
        const from = at.value?.after ?? null;
        return following(call, { source: eventSource(deployer), after: from, resumes: from !== null, shows });
      }
      const read = async () => {
        const page = await taken(deployer.events({ after: at.value?.after ?? 0, follow: false, signal }), query.limit);
        return { items: await seenOf(page.items, (event) => shows(placeOf(event))), next: page.next };
      };
      return (await ResultAsync.fromThrowable(read, thrownError)()).map((body) => ({ status: 200, body }));
    },
  }),
];

/** What was asked for, as far as the caller may see it. */
const showsEvents =
  ({ query, shows }: EventCall) =>
  async (place: EventPlace): Promise<boolean> => {
    if (query.project !== undefined && place.project !== query.project) return false;
    if (query.stage !== undefined && place.stage !== query.stage) return false;
    if (place.action !== undefined && !(await shows(place, place.action))) return false;
    return place.project === undefined ? shows({}, 'read-store') : shows(place);
  };
