import { err, ok } from 'neverthrow';
import { z } from 'zod';
import { ProjectPageSchema, TagPageSchema } from './answers.js';
import { paging, projectName, stageName } from './inputs.js';
import { seenOf, sliced } from './pages.js';
import { type Route, route } from './route.js';

export const projectRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/projects',
    name: 'listProjects',
    summary: 'The projects with their stages',
    action: 'read',
    params: z.strictObject({}),
    query: z.strictObject(paging()),
    body: null,
    answers: { status: 200, description: 'Those that the caller may see', schema: ProjectPageSchema },
    errors: ['unsupported'],
    async handle({ context, query, signal, shows }) {
      const all = await context.catalogue.projects(signal);
      if (all.isErr()) return err(all.error);
      const items = await seenOf(all.value, ({ name }) => shows({ project: name }));
      return ok({ status: 200, body: sliced(items, query, ({ name }) => name) });
    },
  }),
  route({
    method: 'GET',
    path: '/projects/{project}/tags',
    name: 'listTags',
    summary: "The tags of a project's image at its registry, the newest version first",
    action: 'read',
    params: z.strictObject({ project: projectName() }),
    query: z.strictObject({ ...paging(), stage: stageName().optional() }),
    body: null,
    answers: { status: 200, description: 'Tags', schema: TagPageSchema },
    errors: ['unsupported', 'unknown-project', 'image-not-found', 'registry-unreachable', 'registry-denied'],
    async handle({ context, params, query, signal }) {
      const tags = await context.catalogue.tags(params.project, signal);
      return tags.map((all) => ({ status: 200, body: sliced(all, query, (tag) => tag) }));
    },
  }),
];
