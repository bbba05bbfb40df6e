/**
 * A small host: a service of one's own that embeds the deployer. Whoever has the token posts what is to be deployed, gets an id at
 * once, and follows the log.
 *
 *   cd examples/embed && IMAGE=nginx APP_PORT=80 TOKEN=secret npx tsx host.ts
 *   curl -H 'authorization: Bearer secret' -d '{"project":"app","stage":"dev","tag":"alpine"}' 127.0.0.1:4000/deploy
 *   curl -H 'authorization: Bearer secret' 127.0.0.1:4000/deployments/<id>/log
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AnyError, createDeployer, QuaysideError, unwrap } from '@quayside/core';
import { dockerRuntime } from '@quayside/docker-adapter';
import { httpProbe } from '@quayside/http-adapter';
import { embeddedProxy } from '@quayside/proxy-adapter';
import { sqliteStore } from '@quayside/sql-adapter';

const { IMAGE = 'nginx', TOKEN = '', DATABASE = 'quayside.db', NETWORK = 'apps' } = process.env;
const { PORT = '4000', PROXY_PORT = '8080', APP_PORT = '3000' } = process.env;
if (TOKEN === '') throw new Error('Set TOKEN: nothing is open without one.');

const proxy = unwrap(embeddedProxy());
const deployer = await unwrap(
  createDeployer({
    runtime: dockerRuntime({ network: NETWORK }),
    proxy,
    store: sqliteStore({ path: DATABASE }),
    probe: httpProbe(),
    settings: { domain: 'apps.localhost' },
    projects: {
      app: {
        image: IMAGE,
        port: Number(APP_PORT),
        stages: { dev: {}, 'pr-*': { maxInstances: 1 } },
      },
    },
  }),
);
const front = await unwrap(proxy.listen({ host: '127.0.0.1', port: Number(PROXY_PORT) }));

const server = createServer((request, response) => {
  route(request, response).catch((thrown: unknown) => {
    // What `unwrap` throws carries what the caller should know; anything else is ours to look at.
    if (thrown instanceof QuaysideError) return refuse(response, thrown.error);
    console.error(thrown);
    answer(response, 500, { error: 'Something went wrong here.' });
  });
});
server.listen(Number(PORT), '127.0.0.1', () => console.log(`hooks at 127.0.0.1:${PORT}, apps at ${front.url}`));

async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (!isAuthorized(request)) return answer(response, 401, { error: 'Send the token: authorization: Bearer …' });
  const [resource, id, part] = new URL(request.url ?? '/', 'http://host').pathname.split('/').slice(1);
  if (request.method === 'POST' && resource === 'deploy') {
    const asked = await unwrap(deployer.parseRequest(await bodyOf(request)));
    const handle = await unwrap(deployer.submit(asked));
    return answer(response, 202, { id: handle.id, log: `/deployments/${handle.id}/log` });
  }
  if (request.method === 'GET' && resource === 'deployments') {
    if (id === undefined) return answer(response, 200, (await unwrap(deployer.deployments.list())).items);
    if (part === 'log') return follow(id, response);
    return answer(response, 200, await unwrap(deployer.deployments.get(id)));
  }
  answer(response, 404, { error: 'POST /deploy, GET /deployments, /deployments/<id>, /deployments/<id>/log' });
}

/** Line by line as they come, to the deployment's end, or until the reader leaves. */
async function follow(id: string, response: ServerResponse): Promise<void> {
  const left = new AbortController();
  response.on('close', () => left.abort());
  await unwrap(deployer.deployments.get(id));
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
  for await (const { step, message } of deployer.logs(id, { follow: true, signal: left.signal }))
    response.write(`${step ?? '-'}\t${message}\n`);
  const { status } = await unwrap(deployer.deployments.get(id));
  response.end(`-\t${status}\n`);
}

function refuse(response: ServerResponse, error: AnyError): void {
  const isUnknown = error.kind.startsWith('unknown-');
  const status = isUnknown ? 404 : error.kind === 'invalid-request' ? 400 : error.retryable ? 503 : 409;
  if (response.headersSent) return void response.destroy();
  answer(response, status, { error: error.message, hint: error.hint, kind: error.kind });
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
}

/** Compared as hashes: of equal length, and in constant time. */
function isAuthorized({ headers }: IncomingMessage): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(headers.authorization ?? ''), hash(`Bearer ${TOKEN}`));
}

/** @returns what was sent, at most 64 kB; what is no JSON is left to `parseRequest`, which says what it expected */
async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) {
    body += chunk;
    if (body.length > 65_536) return undefined;
  }
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

// What is queued stays so, what runs is finished; the instances go on without us.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    server.close();
    void deployer.close();
  });
