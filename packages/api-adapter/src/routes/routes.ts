import { err, ok } from 'neverthrow';
import { z } from 'zod';
import { RoutePageSchema } from './answers.js';
import { ofStage, paging } from './inputs.js';
import { given } from './pages.js';
import { type Route, route } from './route.js';

export const routeRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/routes',
    name: 'listRoutes',
    summary: 'The domains, and where they lead',
    action: 'read',
    params: z.strictObject({}),
    query: z.strictObject({ ...paging(), ...ofStage() }),
    body: null,
    answers: { status: 200, description: 'Those that the caller may see', schema: RoutePageSchema },
    errors: [],
    async handle({ context, query, signal, shows }) {
      const page = await context.deployer.routes.list({ ...given(query), signal });
      if (page.isErr()) return err(page.error);
      const seen = await Promise.all(page.value.items.map((item) => shows(item)));
      const items = page.value.items.filter((_, index) => seen[index]);
      return ok({ status: 200, body: { items, next: page.value.next } });
    },
  }),
];
