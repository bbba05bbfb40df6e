import { stageKey } from '@quayside/core/ports';
import { err } from 'neverthrow';
import { z } from 'zod';
import { RemovedSchema, StagePageSchema, StageSchema } from './answers.js';
import { maintenanceRequest, ofStage, paging, projectName, stageName } from './inputs.js';
import { given, seenPage } from './pages.js';
import { type Route, route } from './route.js';

const none = () => z.strictObject({});
const byName = () => z.strictObject({ project: projectName(), stage: stageName() });

export const stageRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/stages',
    name: 'listStages',
    summary: 'Where stages stand that were deployed, or that are in maintenance',
    action: 'read',
    params: none(),
    query: z.strictObject({ ...paging(), ...ofStage() }),
    body: null,
    answers: { status: 200, description: 'Those that the caller may see', schema: StagePageSchema },
    errors: [],
    async handle({ context, query, signal, shows }) {
      return seenPage(
        (from) => context.deployer.stages.list({ ...given({ ...query, ...from }), signal }),
        query,
        (item) => shows(item),
        ({ project, stage }) => stageKey(project, stage),
      );
    },
  }),
  route({
    method: 'PUT',
    path: '/projects/{project}/stages/{stage}/maintenance',
    name: 'beginMaintenance',
    summary: 'From now on its visitors are told to come again; asked for again, it changes what they are told',
    action: 'maintenance',
    params: byName(),
    query: none(),
    body: maintenanceRequest,
    answers: { status: 200, description: 'As it is with that', schema: StageSchema },
    errors: ['unknown-project', 'unknown-stage', 'unsupported', 'route-unproved', 'proxy-unreachable', 'closed'],
    async handle({ body, context, params, signal, permit }) {
      const by = await permit(params);
      if (by.isErr()) return err(by.error);
      const held = await context.deployer.maintenance(
        { ...params, ...given(body), on: true, by: by.value },
        { signal },
      );
      return held.map((stage) => ({ status: 200, body: stage }));
    },
  }),
  route({
    method: 'DELETE',
    path: '/projects/{project}/stages/{stage}/maintenance',
    name: 'endMaintenance',
    summary: 'Its visitors get to the current instance again',
    action: 'maintenance',
    params: byName(),
    query: none(),
    body: null,
    answers: { status: 200, description: 'As it is with that', schema: StageSchema },
    errors: ['unknown-project', 'unknown-stage', 'unsupported', 'route-unproved', 'proxy-unreachable', 'closed'],
    async handle({ context, params, signal, permit }) {
      const by = await permit(params);
      if (by.isErr()) return err(by.error);
      const open = await context.deployer.maintenance({ ...params, on: false, by: by.value }, { signal });
      return open.map((stage) => ({ status: 200, body: stage }));
    },
  }),
  route({
    method: 'DELETE',
    path: '/projects/{project}/stages/{stage}',
    name: 'removeStage',
    summary: 'Removes a stage with all that it has',
    action: 'remove',
    params: byName(),
    query: none(),
    body: null,
    answers: { status: 202, description: 'Its instances retire now', schema: RemovedSchema },
    errors: ['unknown-stage', 'stage-busy', 'closed'],
    async handle({ context, params, signal, permit }) {
      const by = await permit(params);
      if (by.isErr()) return err(by.error);
      const removed = await context.deployer.remove(params, { by: by.value, signal });
      return removed.map((body) => ({ status: 202, body }));
    },
  }),
];
