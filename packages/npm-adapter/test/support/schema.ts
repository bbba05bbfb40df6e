/** Requests and answers, checked against the product's own schema (test/fixtures). */
import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

type Operation = 'POST /tokens' | 'POST /nginx/proxy-hosts' | 'PUT /nginx/proxy-hosts/{hostID}' | (string & {});

export interface ApiSchema {
  /** What the API says of a body that it does not take; undefined where it is fine, or where no body is described. */
  requestProblem(operation: Operation, body: unknown): string | undefined;
  /** What an answer lacks. The one known difference is left out: `locations` is null until somebody sets it. */
  responseProblem(operation: Operation, status: number, body: unknown): string | undefined;
}

const DOCUMENT = new URL('../fixtures/npm-openapi.json', import.meta.url);

export function apiSchema(): ApiSchema {
  const ajv = new Ajv2020({
    allErrors: true,
    allowUnionTypes: true,
    strict: false,
    coerceTypes: false,
    validateFormats: false,
  });
  ajv.addSchema(JSON.parse(readFileSync(DOCUMENT, 'utf8')), 'npm');
  const compiled = new Map<string, ValidateFunction | undefined>();

  const validator = (parts: readonly string[]): ValidateFunction | undefined => {
    const pointer = parts.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');
    if (!compiled.has(pointer)) compiled.set(pointer, ajv.getSchema(`npm#/${pointer}`));
    return compiled.get(pointer);
  };
  const problem = (parts: readonly string[], body: unknown): string | undefined => {
    const validate = validator(parts);
    return !validate || validate(body) ? undefined : ajv.errorsText(validate.errors);
  };
  const at = (operation: Operation): [path: string, method: string] => {
    const [method = '', path = ''] = operation.split(' ');
    return [path, method.toLowerCase()];
  };
  const JSON_SCHEMA = ['content', 'application/json', 'schema'];

  return {
    requestProblem(operation, body) {
      const [path, method] = at(operation);
      return problem(['paths', path, method, 'requestBody', ...JSON_SCHEMA], body);
    },
    responseProblem(operation, status, body) {
      const [path, method] = at(operation);
      return problem(['paths', path, method, 'responses', String(status), ...JSON_SCHEMA], withLocations(body));
    },
  };
}

function withLocations(body: unknown): unknown {
  if (Array.isArray(body)) return body.map(withLocations);
  if (body !== null && typeof body === 'object' && 'locations' in body && body.locations === null) {
    return { ...body, locations: [] };
  }
  return body;
}
