import { err, ok } from 'neverthrow';
import { z } from 'zod';
import { AuditPageSchema } from './answers.js';
import { ofStage, paging } from './inputs.js';
import { given } from './pages.js';
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
      const page = await context.deployer.audit.list({ ...given(query), signal });
      if (page.isErr()) return err(page.error);
      const seen = await Promise.all(
        page.value.items.map(({ project, stage }) =>
          project === null ? shows({}, 'read-store') : shows({ project, stage: stage ?? undefined }),
        ),
      );
      const items = page.value.items.filter((_, index) => seen[index]);
      return ok({ status: 200, body: { items, next: page.value.next } });
    },
  }),
];
