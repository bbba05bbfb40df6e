import type { Deployment } from '@quayside/core';
import { type AnyError, invalid } from '@quayside/core/ports';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { z } from 'zod';
import type { Failure } from '../problem.js';
import { logSource } from '../streams/sources.js';
import { thrownError } from '../thrown.js';
import {
  CancelledSchema,
  DeploymentPageSchema,
  DeploymentSchema,
  LogPageSchema,
  PlanSchema,
  STATUSES,
  SubmittedSchema,
} from './answers.js';
import { following, resumesAt, wantsStream } from './following.js';
import { after, cancelRequest, deployRequest, flag, id, ofStage, paging, rollBackRequest } from './inputs.js';
import { given, taken } from './pages.js';
import { type Call, type Route, route } from './route.js';

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
    async handle(call) {
      const { context, body, signal, permit } = call;
      const by = await permit(body);
      if (by.isErr()) return err(by.error);
      const key = keyOf(call.request, body.idempotencyKey);
      if (key.isErr()) return err(key.error);
      const asked = { ...given(body), ...given({ idempotencyKey: key.value }), by: by.value };
      const handle = await context.deployer.submit(asked, { signal });
      return handle.map(({ id }) => submitted(call, id));
    },
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
    async handle(call) {
      const { context, body, signal, permit } = call;
      const by = await permit(body);
      if (by.isErr()) return err(by.error);
      const key = keyOf(call.request, body.idempotencyKey);
      if (key.isErr()) return err(key.error);
      const asked = { ...given(body), ...given({ idempotencyKey: key.value }), by: by.value };
      const handle = await context.deployer.submitRollBack(asked, { signal });
      return handle.map(({ id }) => submitted(call, id));
    },
  }),
  route({
    method: 'GET',
    path: '/deployments',
    name: 'listDeployments',
    summary: 'The history, newest first',
    action: 'read',
    params: none(),
    query: z.strictObject({ ...paging(), ...ofStage(), status: z.enum(STATUSES).optional() }),
    body: null,
    answers: { status: 200, description: 'Those that the caller may see', schema: DeploymentPageSchema },
    errors: [],
    async handle({ context, query, signal, shows }) {
      const page = await context.deployer.deployments.list({ ...given(query), signal });
      if (page.isErr()) return err(page.error);
      const seen = await Promise.all(page.value.items.map((item) => shows(item)));
      const items = page.value.items.filter((_, index) => seen[index]);
      return ok({ status: 200, body: { items, next: page.value.next } });
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
      return (await permitted(call)).map(({ deployment }) => ({ status: 200, body: deployment }));
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
      const found = await permitted(call);
      if (found.isErr()) return err(found.error);
      const { by, deployment } = found.value;
      const { context, body, signal } = call;
      const answer = await context.deployer.cancel(deployment.id, { by, ...given({ reason: body.reason }), signal });
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
      const found = await permitted(call);
      if (found.isErr()) return err(found.error);
      const { context, params, query, request, signal } = call;
      if (wantsStream(request, query.follow)) return followedLog(call, found.value.deployment);
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

/** The deployment that a call names, once the caller may do with it what was asked for; and who that is. */
async function permitted(
  call: Call<{ id: string }, unknown, unknown>,
): Promise<Result<{ readonly deployment: Deployment; readonly by: string }, Failure>> {
  const found = await call.context.deployer.deployments.get(call.params.id, { signal: call.signal });
  if (found.isErr()) return err(found.error);
  const deployment = found.value;
  return (await call.permit(deployment)).map((by) => ({ deployment, by }));
}

const submitted = ({ context }: { readonly context: { readonly basePath: string } }, id: string) => ({
  status: 202,
  body: { id },
  headers: { location: `${context.basePath}/deployments/${id}` },
});

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
