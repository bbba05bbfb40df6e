/** The document, made of the route table and the schemas that check what comes. Source: OpenAPI 3.1.1, JSON Schema 2020-12. */
import { z } from 'zod';
import { STATUS } from './problem.js';
import { SCHEMAS } from './routes/answers.js';
import { cancelRequest, deployRequest, rollBackRequest } from './routes/inputs.js';
import type { Route } from './routes/route.js';

const BODIES = { DeployRequest: deployRequest, RollBackRequest: rollBackRequest, CancelRequest: cancelRequest };

type Json = { readonly [key: string]: unknown };

export function openApi(routes: readonly Route[], basePath: string): object {
  const names = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries({ ...SCHEMAS, ...BODIES })) names.add(schema, { id });
  const { schemas } = z.toJSONSchema(names, { uri: (id) => `#/components/schemas/${id}`, io: 'input' });
  const refs = new Map<z.ZodType, Json>(
    Object.entries({ ...SCHEMAS, ...BODIES }).map(([id, schema]) => [schema, { $ref: `#/components/schemas/${id}` }]),
  );
  const paths: { [path: string]: { [method: string]: Json } } = {};
  for (const route of routes) {
    const path = basePath + route.path;
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, refs) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Quayside',
      version: '1',
      description:
        'Puts tags of projects on stages. Errors are problem details (RFC 9457) with a `kind` to switch on and a `hint` of what to do.',
    },
    paths,
    components: { schemas: Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, bare(schema)])) },
  };
}

function operation(route: Route, refs: ReadonlyMap<z.ZodType, Json>): Json {
  const { answers, body } = route;
  const content = {
    'application/json': { schema: refs.get(answers.schema) ?? bare(z.toJSONSchema(answers.schema)) },
    ...(answers.stream === undefined
      ? {}
      : { 'text/event-stream': { schema: { type: 'string', description: `Events: ${answers.stream}. ${STREAMS}` } } }),
  };
  return {
    operationId: route.name,
    summary: route.summary,
    'x-quayside-action': route.action,
    parameters: [
      ...parameters(route.params, 'path'),
      ...parameters(route.query, 'query'),
      ...Object.entries(route.headers ?? {}).map(([name, description]) => ({
        name,
        in: 'header',
        required: false,
        description,
        schema: { type: 'string' },
      })),
    ],
    ...(body === null
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: refs.get(body) ?? bare(z.toJSONSchema(body, { io: 'input' })) } },
          },
        }),
    responses: {
      [String(answers.status)]: { description: answers.description, content, ...headersOf(route) },
      ...(answers.stream === undefined ? {} : { '204': { description: 'Resumed at the end of what has ended' } }),
      ...failures(route),
    },
  };
}

const STREAMS =
  'Besides: `ready` first, with the place that it begins behind; comments as heartbeats; `gap` where entries between `after` and `next` are gone; `lagging` where the reader is slow, with the place to resume behind; `failed` with a problem.';

const headersOf = (route: Route): Json =>
  route.answers.status === 202 && route.method === 'POST'
    ? { headers: { Location: { description: 'The deployment', schema: { type: 'string' } } } }
    : {};

/** By status, with the kinds that have it. */
function failures(route: Route): Json {
  const kinds = [
    'invalid-request',
    'unauthenticated',
    'forbidden',
    ...(route.method === 'GET' ? [] : ['cross-site']),
    ...(route.body === null ? [] : ['unsupported-media-type', 'body-too-large', 'body-too-slow']),
    ...(route.answers.stream === undefined ? [] : ['too-many-followers']),
    'timeout',
    'store-unavailable',
    'bug',
    ...route.errors,
  ] as (keyof typeof STATUS)[];
  const byStatus = groups(kinds);
  const responses = [...byStatus].map(([status, those]) => [
    String(status),
    {
      description: those.map((kind) => `\`${kind}\``).join(', '),
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  ]);
  const otherwise = {
    description: 'Any other failure',
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
  return { ...Object.fromEntries(responses), default: otherwise };
}

function groups(kinds: readonly (keyof typeof STATUS)[]): ReadonlyMap<number, readonly string[]> {
  const byStatus = new Map<number, string[]>();
  for (const kind of new Set(kinds)) byStatus.set(STATUS[kind], [...(byStatus.get(STATUS[kind]) ?? []), kind]);
  return byStatus;
}

function parameters(schema: z.ZodObject, where: 'path' | 'query'): Json[] {
  // What comes out of their check is what they mean: an integer, where an address has text.
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: 'output' });
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = bare(property as Json) as Json & { description?: string };
    return {
      name,
      in: where,
      required: required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
}

/** Without what only stands at the top of a schema of its own. */
function bare(schema: object): Json {
  const { $schema: _dialect, $id: _id, ...rest } = schema as Json;
  return rest;
}
