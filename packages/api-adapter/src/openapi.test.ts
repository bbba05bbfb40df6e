/** The document says what the handler does: every answer that a test can get is held to it. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, bed, json } from '../test/support/bed.js';
import { framesOf } from '../test/support/frames.js';
import { openApi } from './openapi.js';
import { routes } from './routes/index.js';

type Schema = { readonly [key: string]: unknown };
interface Media {
  readonly content?: { readonly [type: string]: { readonly schema: Schema } };
}
interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly requestBody?: Media;
  readonly responses: { readonly [status: string]: Media };
}
interface Document {
  readonly openapi: string;
  readonly paths: { readonly [path: string]: { readonly [method: string]: Operation } };
  readonly components: { readonly schemas: { readonly [name: string]: Schema } };
}

const document = openApi(routes, '/v1') as Document;
const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true });
ajv.addKeyword('components');
ajv.addSchema({ $id: 'https://quayside.test/openapi', components: document.components });

/** What is wrong with a value by a schema of the document. */
function wrong(schema: Schema, value: unknown): string[] {
  const at = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"https://quayside.test/openapi#/')) as Schema;
  const validate = ajv.compile(at);
  return validate(value)
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

let api: Bed;
let deployment: string;
let former: string;
beforeAll(async () => {
  api = await bed();
  former = await api.deployed('v1');
  deployment = await api.deployed('v2');
  await api.deployed('v1', { project: 'blog', stage: 'prod' });
});
afterAll(() => api.close());

const operationOf = (method: string, path: string): Operation => {
  const found = document.paths[path]?.[method.toLowerCase()];
  if (!found) throw new Error(`The document has no ${method} ${path}.`);
  return found;
};

/** Holds one answer to what the document says of its operation, and answers its status. */
async function held(method: string, path: string, response: Response): Promise<number> {
  const { responses } = operationOf(method, path);
  const said = responses[String(response.status)] ?? responses['default'];
  const type = response.headers.get('content-type') ?? '';
  const media = said?.content?.[type];
  expect(media, `${method} ${path} answers ${response.status} ${type}`).toBeDefined();
  if (type !== 'text/event-stream') expect(wrong(media?.schema ?? {}, await json(response))).toEqual([]);
  return response.status;
}

describe('the document', () => {
  it('has every route, and names each operation once', () => {
    const named = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => [`${method.toUpperCase()} ${path}`, operationId]),
    );
    expect(named.map(([name]) => name).sort()).toEqual(routes.map(({ method, path }) => `${method} /v1${path}`).sort());
    expect(new Set(named.map(([, id]) => id)).size).toBe(routes.length);
  });

  it('declares every parameter of a path, and references that lead somewhere', () => {
    for (const [path, methods] of Object.entries(document.paths)) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const { parameters } of Object.values(methods)) {
        expect(parameters.filter((each) => each.in === 'path').map(({ name }) => name)).toEqual(inPath);
      }
    }
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
    expect(references.length).toBeGreaterThan(20);
    for (const [, name = ''] of references) expect(Object.keys(document.components.schemas)).toContain(name);
  });

  it('is what is served', async () => {
    expect(await json(await api.call('GET', '/v1/openapi.json'))).toEqual(JSON.parse(JSON.stringify(document)));
  });
});

describe('every answer is as the document says', () => {
  const HELD = '/v1/projects/{project}/stages/{stage}/maintenance';
  const DEPLOY = { project: 'shop', stage: 'dev', tag: 'v2' };
  const cases: [
    string,
    string,
    number,
    (() => { path?: string; body?: unknown; headers?: Record<string, string> })?,
  ][] = [
    ['GET', '/v1/openapi.json', 200],
    ['GET', '/v1/projects', 200],
    ['GET', '/v1/projects/{project}/tags', 200, () => ({ path: '/v1/projects/shop/tags' })],
    ['GET', '/v1/projects/{project}/tags', 404, () => ({ path: '/v1/projects/shp/tags' })],
    ['POST', '/v1/plan', 200, () => ({ body: DEPLOY })],
    ['POST', '/v1/plan', 404, () => ({ body: { ...DEPLOY, tag: 'v404' } })],
    ['POST', '/v1/deployments', 202, () => ({ body: DEPLOY })],
    ['POST', '/v1/deployments', 400, () => ({ body: { ...DEPLOY, tag: 7, more: 1 } })],
    ['POST', '/v1/deployments', 415, () => ({ body: DEPLOY, headers: { 'content-type': 'text/plain' } })],
    ['POST', '/v1/deployments', 403, () => ({ body: DEPLOY, headers: { 'sec-fetch-site': 'cross-site' } })],
    ['POST', '/v1/deployments', 401, () => ({ body: DEPLOY, headers: { authorization: '' } })],
    ['GET', '/v1/deployments', 200],
    ['GET', '/v1/deployments', 400, () => ({ path: '/v1/deployments?limit=0' })],
    ['GET', '/v1/deployments/{id}', 200, () => ({ path: `/v1/deployments/${deployment}` })],
    ['GET', '/v1/deployments/{id}', 404, () => ({ path: '/v1/deployments/none' })],
    ['GET', '/v1/deployments/{id}/log', 200, () => ({ path: `/v1/deployments/${deployment}/log?limit=2` })],
    ['GET', '/v1/deployments/{id}/log', 200, () => ({ path: `/v1/deployments/${deployment}/log?follow=1` })],
    ['POST', '/v1/deployments/{id}/cancel', 200, () => ({ path: `/v1/deployments/${former}/cancel`, body: {} })],
    ['POST', '/v1/rollbacks', 202, () => ({ body: { project: 'shop', stage: 'dev', to: 'v1' } })],
    ['POST', '/v1/rollbacks', 409, () => ({ body: { project: 'blog', stage: 'prod' } })],
    ['GET', '/v1/instances', 200],
    ['GET', '/v1/instances/{id}', 200, () => ({ path: `/v1/instances/${deployment}` })],
    ['PUT', '/v1/instances/{id}/pin', 200, () => ({ path: `/v1/instances/${former}/pin` })],
    ['DELETE', '/v1/instances/{id}/pin', 200, () => ({ path: `/v1/instances/${former}/pin` })],
    ['GET', '/v1/instances/{id}/log', 200, () => ({ path: `/v1/instances/${former}/log?tail=3` })],
    ['GET', '/v1/instances/{id}/log', 200, () => ({ path: `/v1/instances/${former}/log?follow=true` })],
    [
      'PUT',
      HELD,
      200,
      () => ({ path: '/v1/projects/blog/stages/prod/maintenance', body: { message: 'Back at noon.' } }),
    ],
    ['GET', '/v1/stages', 200],
    ['PUT', HELD, 404, () => ({ path: '/v1/projects/shop/stages/nosuch/maintenance', body: {} })],
    ['DELETE', HELD, 200, () => ({ path: '/v1/projects/blog/stages/prod/maintenance' })],
    ['GET', '/v1/routes', 200],
    ['GET', '/v1/audit', 200],
    ['GET', '/v1/events', 200, () => ({ headers: { accept: 'application/json' } })],
    ['GET', '/v1/events', 200],
    ['DELETE', '/v1/instances/{id}', 409, () => ({ path: `/v1/instances/${former}` })],
    ['DELETE', '/v1/instances/{id}', 202, () => ({ path: `/v1/instances/${deployment}` })],
    ['DELETE', '/v1/projects/{project}/stages/{stage}', 202, () => ({ path: '/v1/projects/blog/stages/prod' })],
  ];

  it.each(cases)('%s %s, %i', async (method, template, status, given) => {
    const { path = template, body, headers } = given?.() ?? {};
    const response = await api.call(method, path, body, headers);
    if (response.headers.get('content-type') === 'text/event-stream') await response.body?.cancel();
    expect(await held(method, template, response)).toBe(status);
    // What is under way has its end before the next.
    await api.passes(60_000);
  });

  it('and each route is among them', () => {
    const held = new Set(cases.filter(([, , status]) => status < 300).map(([method, path]) => `${method} ${path}`));
    expect(routes.map(({ method, path }) => `${method} /v1${path}`).filter((name) => !held.has(name))).toEqual([]);
  });

  it('and so are the entries of the streams', async () => {
    const log = framesOf(await api.call('GET', `/v1/deployments/${deployment}/log?follow=1`));
    const entries = (await log.rest()).filter(({ event }) => event === 'log');
    expect(entries.length).toBeGreaterThan(3);
    for (const { data } of entries) expect(wrong({ $ref: '#/components/schemas/LogEntry' }, data)).toEqual([]);
    const events = framesOf(await api.call('GET', '/v1/events?after=0'));
    for (let count = 0; count < 20; count += 1) {
      const frame = await api.world.clock.until(events.event());
      if (frame?.event === 'ready') continue;
      expect(wrong({ $ref: '#/components/schemas/Event' }, frame?.data)).toEqual([]);
    }
    await events.cancel();
  });
});

describe('every request that the document takes is taken', () => {
  it.each([
    ['DeployRequest', { project: 'shop', stage: 'dev', tag: 'v1', force: true, policy: 'queue' }, []],
    ['DeployRequest', { project: 'shop', stage: 'dev', tag: '-' }, ['/tag must match pattern']],
    ['DeployRequest', { project: 'shop', stage: 'dev' }, [" must have required property 'tag'"]],
    ['RollBackRequest', { project: 'shop', stage: 'dev', by: 'eve' }, [' must NOT have additional properties']],
  ])('%s %j', async (name, value, expected) => {
    const found = wrong({ $ref: `#/components/schemas/${name}` }, value);
    expect(found.map((text) => text.replace(/ pattern .*/, ' pattern'))).toEqual(expected);
    const response = await api.call('POST', name === 'DeployRequest' ? '/v1/plan' : '/v1/rollbacks', value);
    expect(response.status === 400).toBe(expected.length > 0);
  });
});
