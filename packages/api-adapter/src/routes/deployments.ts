import type { Deployment, Handle } from '@quayside/core';
import { type AnyError, DEPLOYMENT_STATUSES, invalid } from '@quayside/core/ports';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { z } from 'zod';
import type { Place } from '../authorize.js';
import type { Failure } from '../problem.js';
import { logSource } from '../streams/sources.js';
import { thrownError } from '../thrown.js';
import {
  CancelledSchema,
  DeploymentPageSchema,
  DeploymentSchema,
  LogPageSchema,
  PlanSchema,
  SubmittedSchema,
} from './answers.js';
import { following, resumesAt, wantsStream } from './following.js';
import { after, cancelRequest, deployRequest, flag, id, ofStage, paging, rollBackRequest } from './inputs.js';
import { given, listed, taken } from './pages.js';
import { permitted, unknownRecord } from './permitted.js';
import { type Answer, type Call, type Route, route } from './route.js';

const none = () => z.strictObject({});
const byId = () => z.strictObject({ id: id("a deployment's id") });

export const deploymentRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/plan',
    name: 'plan',
    summary: 'What a deployment would do; nothing is touched',
    action: 'plan',
    params: none(),
    query: none(),
    body: deployRequest,
    answers: { status: 200, description: 'As things are now', schema: PlanSchema },
    errors: ['unknown-project', 'unknown-stage', 'image-not-found', 'engine-unreachable', 'registry-unreachable'],
    async handle({ context, body, signal, permit }) {
      const by = await permit(body);
      if (by.isErr()) return err(by.error);
      const plan = await context.deployer.plan(given(body), { signal });
      return plan.map((value) => ({ status: 200, body: value }));
    },
  }),
  route({
    method: 'POST',
    path: '/deployments',
    name: 'deploy',
    summary: 'Puts a tag on a stage',
    action: 'deploy',
    params: none(),
    query: none(),
    body: deployRequest,
    headers: { 'Idempotency-Key': 'The same as `idempotencyKey` of the body' },
    answers: {
      status: 202,
      description: 'It is stored, and begins as soon as its stage is free',
      schema: SubmittedSchema,
    },
    errors: ['unknown-project', 'unknown-stage', 'idempotency-conflict', 'stage-busy', 'secret-not-kept', 'closed'],
    handle: (call) => submitted(call, (asked) => call.context.deployer.submit(asked, { signal: call.signal })),
  }),
  route({
    method: 'POST',
    path: '/rollbacks',
    name: 'rollBack',
    summary: "Deploys an earlier deployment's recorded spec",
    action: 'roll-back',
    params: none(),
    query: none(),
    body: rollBackRequest,
    headers: { 'Idempotency-Key': 'The same as `idempotencyKey` of the body' },
    answers: {
      status: 202,
      description: 'It is stored, and begins as soon as its stage is free',
      schema: SubmittedSchema,
    },
    errors: ['unknown-deployment', 'nothing-before', 'idempotency-conflict', 'stage-busy', 'closed'],
    handle: (call) => submitted(call, (asked) => call.context.deployer.submitRollBack(asked, { signal: call.signal })),
  }),
  route({
    method: 'GET',
    path: '/deployments',
    name: 'listDeployments',
    summary: 'The history, newest first',
    action: 'read',
    params: none(),
    query: z.strictObject({ ...paging(), ...ofStage(), status: z.enum(DEPLOYMENT_STATUSES).optional() }),
    body: null,
    answers: { status: 200, description: 'Those that the caller may see', schema: DeploymentPageSchema },
    errors: [],
    async handle({ context, query, signal, shows }) {
      return listed(context.deployer.deployments.list({ ...given(query), signal }), (item) => shows(item));
    },
  }),
  route({
    method: 'GET',
    path: '/deployments/{id}',
    name: 'getDeployment',
    summary: 'One deployment with its steps',
    action: 'read',
    params: byId(),
    query: none(),
    body: null,
    answers: { status: 200, description: 'As it is now', schema: DeploymentSchema },
    errors: ['unknown-deployment'],
    async handle(call) {
      return (await named(call)).map(({ record }) => ({ status: 200, body: record }));
    },
  }),
  route({
    method: 'POST',
    path: '/deployments/{id}/cancel',
    name: 'cancelDeployment',
    summary: 'Cancels a deployment: what is queued ends, what runs is undone unless it is past its commit',
    action: 'cancel',
    params: byId(),
    query: none(),
    body: cancelRequest,
    answers: { status: 200, description: 'What became of it; the undo is not waited for', schema: CancelledSchema },
    errors: ['unknown-deployment', 'closed'],
    async handle(call) {
      const found = await named(call);
      if (found.isErr()) return err(found.error);
      const { by, record } = found.value;
      const { context, body, signal } = call;
      const answer = await context.deployer.cancel(record.id, { by, ...given({ reason: body.reason }), signal });
      return answer.map((value) => ({ status: 200, body: value }));
    },
  }),
  route({
    method: 'GET',
    path: '/deployments/{id}/log',
    name: 'getLog',
    summary: "A deployment's log: a page of it, or, followed, every entry up to its end",
    action: 'read-log',
    params: byId(),
    query: z.strictObject({ ...paging(), after: after(), follow: flag('Server-sent events').optional() }),
    body: null,
    headers: { 'Last-Event-ID': 'Of a stream: goes on behind this entry' },
    answers: {
      status: 200,
      description: 'Oldest first',
      schema: LogPageSchema,
      stream:
        '`log` with one entry each, its sequence number as `id`; `end` where the deployment has ended and everything was sent',
    },
    errors: ['unknown-deployment'],
    async handle(call) {
      const found = await named(call);
      if (found.isErr()) return err(found.error);
      const { context, params, query, request, signal } = call;
      if (wantsStream(request, query.follow)) return followedLog(call, found.value.record);
      const from = query.cursor === undefined ? ok(query.after ?? 0) : cursorSeq(query.cursor);
      if (from.isErr()) return err(from.error);
      const entries = context.deployer.logs(params.id, { after: from.value, signal });
      const page = await ResultAsync.fromThrowable(() => taken(entries, query.limit), thrownError)();
      return page.map((body) => ({ status: 200, body }));
    },
  }),
];

type LogCall = Call<{ id: string }, { readonly after?: number | undefined }, unknown>;

async function followedLog(call: LogCall, { id, endedAt }: Deployment) {
  const { context, request, query } = call;
  const at = resumesAt(request, query.after);
  if (at.isErr()) return err(at.error);
  return following(call, {
    source: logSource(context.deployer, id),
    after: at.value?.after ?? 0,
    resumes: at.value !== null,
    shows: null,
    // An EventSource comes again after the end, for ever; no content tells it that there is no more.
    isOver: async (channel, after) =>
      at.value?.isAgain === true && endedAt !== null && !(await channel.reaches(after + 1)),
  });
}

const named = (call: Call<{ id: string }, unknown, unknown>) => {
  const { id } = call.params;
  const found = call.context.deployer.deployments.get(id, { signal: call.signal });
  return permitted(call, found, () => unknownRecord('deployment', id));
};

type Submitted = Place & { readonly idempotencyKey?: string | undefined };

/** Stores a request in the caller's name, and answers where its deployment is. */
async function submitted<Body extends Submitted>(
  { context, request, body, permit }: Call<unknown, unknown, Body>,
  submit: (asked: Asked<Body>) => ResultAsync<Handle, AnyError>,
): Promise<Result<Answer, Failure>> {
  const by = await permit(body);
  if (by.isErr()) return err(by.error);
  const key = keyOf(request, body.idempotencyKey);
  if (key.isErr()) return err(key.error);
  const handle = await submit({ ...given(body), ...given({ idempotencyKey: key.value }), by: by.value });
  return handle.map(({ id }) => ({
    status: 202,
    body: { id },
    headers: { location: `${context.basePath}/deployments/${id}` },
  }));
}

type Asked<Body extends Submitted> = ReturnType<typeof given<Body>> & { readonly by: string };

function keyOf(request: Request, field: string | undefined): Result<string | undefined, AnyError> {
  const header = request.headers.get('idempotency-key');
  if (header === null || header === field) return ok(field);
  const path = 'Idempotency-Key';
  if (field !== undefined) {
    return err(invalid('invalid-request', [{ path, expected: 'what `idempotencyKey` says', received: 'another key' }]));
  }
  if (/^[!-~]{1,200}$/.test(header)) return ok(header);
  return err(
    invalid('invalid-request', [{ path, expected: '1 to 200 visible characters', received: 'something else' }]),
  );
}

function cursorSeq(cursor: string): Result<number, AnyError> {
  if (/^\d{1,15}$/.test(cursor)) return ok(Number(cursor));
  return err(
    invalid('invalid-request', [{ path: 'cursor', expected: '`next` of a page', received: 'something else' }]),
  );
}
