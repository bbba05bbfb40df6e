/** What is no module: a configuration in JSON, which the command has to load and a deployer to take, and a call by curl, which the API has to take. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { apiHandler } from '@quayside/api-adapter';
import { createDeployer } from '@quayside/core';
import { loadConfig } from '../../../packages/cli/src/config/load.js';
import { wordsOf } from '../commands.js';
import type { Site } from './site.js';

export async function loads(file: string): Promise<void> {
  const loaded = await loadConfig(file, process.env);
  if (loaded.isErr()) throw new Error(loaded.error.message);
  const made = await createDeployer(loaded.value.options);
  if (made.isErr()) throw new Error(made.error.message);
}

export async function isTakenByTheApi(file: string, site: Site): Promise<void> {
  const text = readFileSync(file, 'utf8').replaceAll('\\\n', ' ');
  const words = wordsOf(text).map((word) => word.replace(/\$([A-Z_]+)/g, (_, name: string) => process.env[name] ?? ''));
  assert.equal(words.shift(), 'curl');
  const headers = new Headers();
  let method = 'GET';
  let [address, body]: (string | undefined)[] = [];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const value = () => words.shift() ?? assert.fail(`${word} has no value`);
    if (word === '-X') method = value();
    else if (word === '-H') headers.append(...(value().split(': ') as [string, string]));
    else if (word === '-d') [method, body] = ['POST', value()];
    else if (word.startsWith('http')) address = word;
    else assert.fail(`nobody checks ${word} of curl`);
  }
  const [token] = Object.entries(process.env).filter(([name]) => /^(API|QUAYSIDE)_TOKEN$/.test(name));
  const api = apiHandler({
    deployer: await site.deployer(),
    authorize: (request) =>
      request.headers.get('authorization') === `Bearer ${token?.[1]}` ? { by: 'ci' } : 'unauthenticated',
  })._unsafeUnwrap();
  const request = new Request(address ?? '', { method, headers, ...(body === undefined ? {} : { body }) });
  const answer = await api.fetch(request);
  assert.ok(answer.ok, `${answer.status} ${await answer.text()}`);
  await api.close();
}
