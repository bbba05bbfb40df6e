import { ok } from 'neverthrow';
import { z } from 'zod';
import { DocumentSchema } from './answers.js';
import { type Route, route } from './route.js';

export const documentRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/openapi.json',
    name: 'describe',
    summary: 'This document',
    action: 'describe',
    params: z.strictObject({}),
    query: z.strictObject({}),
    body: null,
    answers: { status: 200, description: 'OpenAPI 3.1', schema: DocumentSchema },
    errors: [],
    async handle({ context }) {
      return ok({ status: 200, body: context.describe() });
    },
  }),
];
