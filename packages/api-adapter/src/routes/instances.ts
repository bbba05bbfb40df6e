import { err, ok, ResultAsync } from 'neverthrow';
import { z } from 'zod';
import { OutputFeed } from '../streams/output-feed.js';
import { thrownError } from '../thrown.js';
import { InstancePageSchema, InstanceSchema, OutputPageSchema, RemovedSchema } from './answers.js';
import { wantsStream } from './following.js';
import { flag, id, ofStage, paging, whole } from './inputs.js';
import { given, listed } from './pages.js';
import { permitted, unknownRecord } from './permitted.js';
import { type Call, type Route, route } from './route.js';

const none = () => z.strictObject({});
const byId = () => z.strictObject({ id: id("an instance's id") });
const TAIL = 200;

export const instanceRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/instances',
    name: 'listInstances',
    summary: 'What runs, newest first',
    action: 'read',
    params: none(),
    query: z.strictObject({ ...paging(), ...ofStage() }),
    body: null,
    answers: { status: 200, description: 'Those that the caller may see', schema: InstancePageSchema },
    errors: [],
    async handle({ context, query, signal, shows }) {
      return listed(context.deployer.instances.list({ ...given(query), signal }), (item) => shows(item));
    },
  }),
  route({
    method: 'GET',
    path: '/instances/{id}',
    name: 'getInstance',
    summary: 'One instance',
    action: 'read',
    params: byId(),
    query: none(),
    body: null,
    answers: { status: 200, description: 'As it is now', schema: InstanceSchema },
    errors: ['unknown-instance'],
    async handle(call) {
      return (await named(call)).map(({ record }) => ({ status: 200, body: record }));
    },
  }),
  route({
    method: 'DELETE',
    path: '/instances/{id}',
    name: 'removeInstance',
    summary: 'Removes an instance, unless the default route points to it',
    action: 'remove',
    params: byId(),
    query: none(),
    body: null,
    answers: { status: 202, description: 'It retires now', schema: RemovedSchema },
    errors: ['unknown-instance', 'instance-in-use', 'stage-busy', 'closed'],
    async handle(call) {
      const found = await named(call);
      if (found.isErr()) return err(found.error);
      const removed = await call.context.deployer.remove(
        { instance: found.value.record.id },
        { by: found.value.by, signal: call.signal },
      );
      return removed.map((body) => ({ status: 202, body }));
    },
  }),
  ...([true, false] as const).map((isPinned) =>
    route({
      method: isPinned ? 'PUT' : 'DELETE',
      path: '/instances/{id}/pin',
      name: isPinned ? 'pinInstance' : 'unpinInstance',
      summary: isPinned ? 'From now on it is neither evicted nor expires' : 'Takes the pin off',
      action: 'pin',
      params: byId(),
      query: none(),
      body: null,
      answers: { status: 200, description: 'As it is with that', schema: InstanceSchema },
      errors: ['unknown-instance', 'closed'],
      async handle(call) {
        const found = await named(call);
        if (found.isErr()) return err(found.error);
        const { by, record } = found.value;
        const { deployer } = call.context;
        const options = { by, signal: call.signal };
        const answer = await (isPinned ? deployer.pin(record.id, options) : deployer.unpin(record.id, options));
        return answer.map((body) => ({ status: 200, body }));
      },
    }),
  ),
  route({
    method: 'GET',
    path: '/instances/{id}/log',
    name: 'getOutput',
    summary: 'What the container has written: its last lines, or, followed, what it goes on to write',
    action: 'read-output',
    params: byId(),
    query: z.strictObject({
      tail: whole(0, 10_000).optional().describe(`Only the last so many lines; default ${TAIL}`),
      follow: flag('Server-sent events').optional(),
    }),
    body: null,
    answers: {
      status: 200,
      description: 'Oldest first',
      schema: OutputPageSchema,
      stream: '`line` with one line each, without an `id`: nothing can be resumed; `end` where the container has ended',
    },
    errors: ['unknown-instance', 'container-missing', 'engine-unreachable'],
    async handle(call) {
      const found = await named(call);
      if (found.isErr()) return err(found.error);
      const { context, params, query, request } = call;
      const { deployer, streams } = context;
      const { tail = TAIL } = query;
      if (wantsStream(request, query.follow)) {
        const read = (signal: AbortSignal) => deployer.instanceLogs(params.id, { tail, follow: true, signal });
        return ok({ stream: (opened) => streams.open(new OutputFeed(read, streams.clock), opened) });
      }
      const lines = () => all(deployer.instanceLogs(params.id, { tail, signal: call.signal }));
      const items = await ResultAsync.fromThrowable(lines, thrownError)();
      return items.map((value) => ({ status: 200, body: { items: value, next: null } }));
    },
  }),
];

async function all<T>(from: AsyncIterable<T>): Promise<readonly T[]> {
  const items: T[] = [];
  for await (const item of from) items.push(item);
  return items;
}

const named = (call: Call<{ id: string }, unknown, unknown>) => {
  const { id } = call.params;
  const found = call.context.deployer.instances.get(id, { signal: call.signal });
  return permitted(call, found, () => unknownRecord('instance', id));
};
