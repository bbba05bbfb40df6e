import { z } from 'zod';
import { RoutePageSchema } from './answers.js';
import { ofStage, paging } from './inputs.js';
import { given, seenPage } from './pages.js';
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
      return seenPage(
        (from) => context.deployer.routes.list({ ...given({ ...query, ...from }), signal }),
        query,
        (item) => shows(item),
        ({ domain }) => domain,
      );
    },
  }),
];
