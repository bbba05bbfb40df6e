import { z } from 'zod';
import { AuditPageSchema } from './answers.js';
import { ofStage, paging } from './inputs.js';
import { given, listed } from './pages.js';
import { type Route, route } from './route.js';

export const auditRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/audit',
    name: 'listActs',
    summary: 'Who did what, newest first',
    action: 'read-audit',
    params: z.strictObject({}),
    query: z.strictObject({ ...paging(), ...ofStage() }),
    body: null,
    answers: { status: 200, description: 'Those that the caller may see', schema: AuditPageSchema },
    errors: [],
    async handle({ context, query, signal, shows }) {
      return listed(context.deployer.audit.list({ ...given(query), signal }), ({ project, stage }) =>
        project === null ? shows({}, 'read-store') : shows({ project, stage: stage ?? undefined }),
      );
    },
  }),
];
