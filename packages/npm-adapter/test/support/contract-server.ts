/**
 * Nginx Proxy Manager 2.15, as it answers over its API and as its nginx serves: a stand-in for tests and benches on one machine.
 *
 * Requests and answers are checked against the product's own schema; oddities are those that were measured on the real one (a 201
 * for what nginx refuses, a 500 for what is recorded all the same, a 404 for a missing permission, …). Routes, reloads, the front
 * door and what a reload does to connections are a real nginx's. Everything listens on 127.0.0.1.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Nginx, startNginx } from './nginx.js';
import { type AccessList, type CertificateRow, type HostInput, type HostRow, Records, type User } from './records.js';
import { apiSchema } from './schema.js';
import { siteConfiguration } from './site.js';
import { Tokens } from './tokens.js';

export interface ContractServerOptions {
  /** How long a token is good; default a day. */
  readonly tokenLifeMs?: number;
  /** What a login takes (the real one: 450 ms of bcrypt); default 0. */
  readonly loginMs?: number;
  /** What getting a certificate takes (the real one: 5 to 60 s); default 0. */
  readonly issueMs?: number;
  /** nginx's; default 2. */
  readonly workers?: number;
}

/** Something that goes wrong with the next requests that match. */
export interface Fault {
  /** `PUT /nginx/proxy-hosts`: the beginning of method and path. */
  readonly on: string;
  /** Before anything is done, or after all of it; default before. */
  readonly when?: 'before' | 'after';
  /** A status with the API's own error, a gateway's page, a connection that is broken off, or no answer at all. */
  readonly how: 500 | 502 | 'reset' | 'hang';
  /** How many requests; default 1. */
  readonly times?: number;
}

export interface ApiCall {
  readonly method: string;
  readonly path: string;
  status: number;
}

export interface ContractServer {
  /** Of the web page: what goes into `url`. */
  readonly url: string;
  readonly frontDoor: { readonly http: string; readonly https: string };
  /** An administrator. */
  readonly admin: User;
  readonly nginx: Nginx;
  readonly records: Records;
  readonly tokens: Tokens;
  /** Every request so far, `status` 0 for one that was never answered. */
  readonly calls: ApiCall[];
  /** The most changes that were ever under way at once. */
  readonly mostWritesAtOnce: number;
  /** Where an answer was not as the schema says: a mistake of this server. */
  readonly violations: string[];
  addUser(user: Partial<Omit<User, 'id'>>): User;
  /** A self-signed one for the domain; its number. As a person uploads it. */
  addCertificate(domain: string): Promise<number>;
  /** Whether Let's Encrypt gives any; at first it does. */
  setAuthority(isThere: boolean): void;
  addAccessList(list: Partial<Omit<AccessList, 'id'>>): Promise<number>;
  /** Does what a person does on the web page; rejects where the API would refuse it. */
  asPerson(method: string, path: string, body?: unknown): Promise<unknown>;
  fail(fault: Fault): void;
  /** Nothing goes wrong any more; who waits for an answer is cut off. */
  heal(): void;
  close(): Promise<void>;
}

class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const SECRET = 'correct horse battery staple';

export async function startContractServer(options: ContractServerOptions = {}): Promise<ContractServer> {
  const { tokenLifeMs = 86_400_000, loginMs = 0, issueMs = 0 } = options;
  let isAuthorityThere = true;
  const schema = apiSchema();
  const records = new Records();
  const tokens = new Tokens(tokenLifeMs);
  const calls: ApiCall[] = [];
  const violations: string[] = [];
  const faults: { fault: Fault; left: number }[] = [];
  const hanging = new Set<ServerResponse>();
  let writes = 0;
  let mostWrites = 0;

  const server = createServer((request, response) => {
    answer(request, response).catch((error) => violations.push(String(error?.stack ?? error)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const backendPort = typeof address === 'object' && address ? address.port : 0;
  const nginx = await startNginx(backendPort, options.workers === undefined ? {} : { workers: options.workers });

  // --- nginx's part of a change, in the product's own order ---------------------------------------------------------

  const fileOf = (id: number) => join(nginx.directory, 'proxy_host', `${id}.conf`);

  async function configure(host: HostRow): Promise<void> {
    await nginx.test();
    await rm(fileOf(host.id), { force: true });
    const accessList = records.accessLists.get(host.access_list_id);
    const hasCertificate = records.certificates.has(host.certificate_id);
    const { directory, ports } = nginx;
    await writeFile(fileOf(host.id), siteConfiguration({ host, directory, ports, accessList, hasCertificate }));
    try {
      await nginx.test();
      host.meta = { ...host.meta, nginx_online: true, nginx_err: null };
    } catch (error) {
      host.meta = { ...host.meta, nginx_online: false, nginx_err: (error as Error).message };
      await rename(fileOf(host.id), `${fileOf(host.id)}.err`);
    }
    await nginx.reload();
  }

  async function unconfigure(host: HostRow): Promise<void> {
    await rm(fileOf(host.id), { force: true });
    await nginx.reload();
  }

  // --- certificates, in the product's own order (its backend/internal/certificate.js) ---------------------------------

  async function issue(row: CertificateRow): Promise<void> {
    const [domain = ''] = row.domain_names;
    const [key, crt] = [join(nginx.directory, `ssl/${row.id}.key`), join(nginx.directory, `ssl/${row.id}.crt`)];
    const subject = ['-subj', `/CN=${domain}`, '-addext', `subjectAltName=DNS:${domain}`];
    const how = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    await promisify(execFile)('openssl', ['req', ...how, ...subject, '-keyout', key, '-out', crt]);
    row.expires_on = new Date(Date.now() + 90 * 86_400_000).toISOString();
  }

  async function requestCertificate(user: User, domains: readonly string[]): Promise<CertificateRow> {
    const row = records.insertCertificate(user.id, 'letsencrypt', domains);
    const inUse = [...records.hosts.values()].filter(
      (host) => host.enabled && host.domain_names.some((name) => domains.includes(name)),
    );
    for (const host of inUse) await rm(fileOf(host.id), { force: true });
    await nginx.reload();
    if (issueMs > 0) await sleep(issueMs);
    if (isAuthorityThere) await issue(row);
    for (const host of inUse) await configure(host);
    // The record stays, as it does in the product.
    if (!isAuthorityThere) throw new ApiError(500, 'Internal Error');
    return row;
  }

  // --- who asks -----------------------------------------------------------------------------------------------------

  function userOf(request: IncomingMessage, path: string, isCreate: boolean): User {
    const state = tokens.state(request.headers.authorization);
    if (state.kind === 'expired') throw new ApiError(400, 'Token has expired');
    if (state.kind === 'garbage') throw new ApiError(500, 'Internal Error');
    const user = state.kind === 'good' ? records.users.find(({ id }) => id === state.user) : undefined;
    const denied = isCreate ? new ApiError(500, 'Internal Error') : new ApiError(404, `Not Found - ${path}`);
    if (!user || user.isDisabled) throw denied;
    return user;
  }

  const may = (user: User, isWrite: boolean) =>
    user.roles.includes('admin') || user.proxyHosts === 'manage' || (!isWrite && user.proxyHosts === 'view');

  // --- the routes -----------------------------------------------------------------------------------------------------

  async function logIn(body: unknown): Promise<unknown> {
    if (loginMs > 0) await sleep(loginMs);
    const { identity, secret } = body as { identity: string; secret: string };
    const user = records.users.find(({ email }) => email === identity.toLowerCase().trim());
    if (!user || user.isDisabled || user.secret !== secret) throw new ApiError(400, 'Invalid email or password');
    if (user.twoFactor) return { requires_2fa: true, challenge_token: 'challenge' };
    return tokens.issue(user.id);
  }

  function listHosts(user: User, url: URL): HostRow[] {
    const expand = url.searchParams.get('expand')?.split(',') ?? [];
    if (expand.some((name) => !['owner', 'certificate', 'access_list'].includes(name))) {
      throw new ApiError(500, 'Internal Error');
    }
    const query = url.searchParams.get('query');
    const hosts = records.visible(user);
    return query ? hosts.filter((host) => like(JSON.stringify(host.domain_names), query)) : hosts;
  }

  async function create(user: User, input: HostInput): Promise<HostRow> {
    const taken = records.taken(input.domain_names ?? []);
    if (taken !== undefined) throw new ApiError(400, `${taken} is already in use`);
    const host = records.insert(user.id, input);
    // The reply is the row as it was before nginx was asked.
    const reply = structuredClone(host);
    await configure(host);
    return reply;
  }

  async function update(host: HostRow, input: HostInput): Promise<HostRow> {
    const taken = records.taken(input.domain_names ?? [], host.id);
    if (taken !== undefined) throw new ApiError(400, `${taken} is already in use`);
    records.patch(host, input);
    if (host.enabled) await configure(host);
    return host;
  }

  async function changeHost(method: string, host: HostRow, action: string | undefined, body: unknown) {
    if (method === 'PUT') return update(host, body as HostInput);
    if (method === 'DELETE') {
      records.hosts.delete(host.id);
      await unconfigure(host);
      return true;
    }
    const on = action === 'enable';
    if (host.enabled === on) throw new ApiError(400, `Host is already ${on ? 'enabled' : 'disabled'}`);
    host.enabled = on;
    await (on ? configure(host) : unconfigure(host));
    return true;
  }

  async function route(
    request: IncomingMessage,
    url: URL,
    body: unknown,
  ): Promise<{ status: number; body: unknown; as: string }> {
    const { pathname: path } = url;
    const method = request.method ?? 'GET';
    const check = (operation: string) => {
      const problem = schema.requestProblem(operation, body ?? {});
      if (problem !== undefined) throw new ApiError(400, problem);
    };
    if (path === '/' && method === 'GET') {
      const version = { major: 2, minor: 15, revision: 1 };
      return { status: 200, body: { status: 'OK', setup: records.users.length > 0, version }, as: 'GET /' };
    }
    if (path === '/tokens' && method === 'POST') {
      check('POST /tokens');
      return { status: 200, body: await logIn(body), as: 'POST /tokens' };
    }
    if (path === '/tokens' && method === 'GET') {
      return { status: 200, body: tokens.issue(userOf(request, path, false).id), as: 'GET /tokens' };
    }
    if (path === '/users/me' && method === 'GET') {
      return { status: 200, body: userView(userOf(request, path, false)), as: 'GET /users/{userID}' };
    }
    const isCreate = path === '/nginx/proxy-hosts' && method === 'POST';
    const isWrite = method !== 'GET';
    if (path.startsWith('/nginx/certificates')) {
      const operation = 'POST /nginx/certificates';
      if (method === 'POST') check(operation);
      const user = userOf(request, path, method === 'POST');
      const isAllowed = user.roles.includes('admin') || user.certificates === 'manage';
      if (!isAllowed && (isWrite || user.certificates === 'hidden'))
        throw method === 'POST' ? new ApiError(500, 'Internal Error') : new ApiError(404, `Not Found - ${path}`);
      if (method === 'POST') {
        const { domain_names: domains = [] } = body as { domain_names?: string[] };
        return { status: 201, body: await requestCertificate(user, domains), as: operation };
      }
      const visible = [...records.certificates.values()].filter(
        (row) => user.visibility === 'all' || row.owner_user_id === user.id,
      );
      if (method === 'GET') return { status: 200, body: visible, as: 'GET /nginx/certificates' };
      const id = Number(path.split('/').at(-1));
      if (!visible.some((row) => row.id === id)) throw new ApiError(404, `Not Found - ${id}`);
      records.certificates.delete(id);
      return { status: 200, body: true, as: 'DELETE /nginx/certificates/{certID}' };
    }
    if (path.startsWith('/nginx/proxy-hosts')) {
      if (isCreate) check('POST /nginx/proxy-hosts');
      if (method === 'PUT') check('PUT /nginx/proxy-hosts/{hostID}');
      const user = userOf(request, path, isCreate);
      if (!may(user, isWrite))
        throw isCreate ? new ApiError(500, 'Internal Error') : new ApiError(404, `Not Found - ${path}`);
      if (isCreate) return { status: 201, body: await create(user, body as HostInput), as: 'POST /nginx/proxy-hosts' };
      if (path === '/nginx/proxy-hosts')
        return { status: 200, body: listHosts(user, url), as: 'GET /nginx/proxy-hosts' };
      const [, id = '', action] = /^\/nginx\/proxy-hosts\/(\d+)(?:\/(enable|disable))?$/.exec(path) ?? [];
      const host = records.hosts.get(Number(id));
      if (id && (!host || !records.visible(user).includes(host))) throw new ApiError(404, `Not Found - ${id}`);
      if (host) {
        const as = `${method} /nginx/proxy-hosts/{hostID}${action ? `/${action}` : ''}`;
        return { status: 200, body: isWrite ? await changeHost(method, host, action, body) : host, as };
      }
    }
    throw new ApiError(404, `Not Found - ${path}`);
  }

  // --- one request ----------------------------------------------------------------------------------------------------

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://api');
    const method = request.method ?? 'GET';
    const call: ApiCall = { method, path: url.pathname + url.search, status: 0 };
    calls.push(call);
    const body = await bodyOf(request);
    const fault = nextFault(`${method} ${url.pathname}`);
    if (fault && fault.when !== 'after') return spoil(fault, call, response);
    const isWrite = method !== 'GET' && !url.pathname.startsWith('/tokens');
    writes += isWrite ? 1 : 0;
    mostWrites = Math.max(mostWrites, writes);
    let status = 500;
    let reply: unknown;
    try {
      const done = await route(request, url, body);
      status = done.status;
      reply = done.body;
      const problem = schema.responseProblem(done.as, status, reply);
      if (problem !== undefined) violations.push(`${done.as} ${status}: ${problem}`);
    } catch (error) {
      status = error instanceof ApiError ? error.status : 500;
      // Whatever is not meant for the public, nginx's own words too, is an internal error.
      reply = { error: { code: status, message: error instanceof ApiError ? error.message : 'Internal Error' } };
    } finally {
      writes -= isWrite ? 1 : 0;
    }
    if (fault) return spoil(fault, call, response);
    call.status = status;
    response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' });
    response.end(JSON.stringify(reply));
  }

  function nextFault(key: string): Fault | undefined {
    const entry = faults.find(({ fault, left }) => left > 0 && key.startsWith(fault.on));
    if (entry) entry.left -= 1;
    return entry?.fault;
  }

  function spoil(fault: Fault, call: ApiCall, response: ServerResponse): void {
    if (fault.how === 'hang') {
      hanging.add(response);
      response.on('close', () => hanging.delete(response));
      return;
    }
    if (fault.how === 'reset') {
      response.socket?.resetAndDestroy();
      return;
    }
    call.status = fault.how;
    const json = JSON.stringify({ error: { code: 500, message: 'Internal Error' } });
    response.writeHead(fault.how, { 'Content-Type': fault.how === 500 ? 'application/json' : 'text/html' });
    response.end(fault.how === 500 ? json : '<html><h1>502 Bad Gateway</h1></html>');
  }

  // --- what a test holds in its hand ------------------------------------------------------------------------------------

  const addUser: ContractServer['addUser'] = (given) => {
    const id = records.users.length + 1;
    const user: User = {
      id,
      email: `user-${id}@example.com`,
      secret: SECRET,
      roles: [],
      visibility: 'user',
      proxyHosts: 'manage',
      certificates: 'manage',
      twoFactor: false,
      isDisabled: false,
      ...given,
    };
    records.users.push(user);
    return user;
  };
  const heal = () => {
    faults.length = 0;
    for (const response of hanging) response.destroy();
  };
  const admin = addUser({ roles: ['admin'], visibility: 'all' });

  return {
    url: `http://127.0.0.1:${nginx.ports.admin}`,
    frontDoor: { http: `http://127.0.0.1:${nginx.ports.http}`, https: `https://127.0.0.1:${nginx.ports.https}` },
    admin,
    nginx,
    records,
    tokens,
    calls,
    violations,
    get mostWritesAtOnce() {
      return mostWrites;
    },
    addUser,
    async addCertificate(domain) {
      const row = records.insertCertificate(admin.id, 'other', [domain]);
      await issue(row);
      return row.id;
    },
    setAuthority(isThere) {
      isAuthorityThere = isThere;
    },
    async addAccessList(given) {
      const id = records.accessLists.size + 1;
      const list: AccessList = { id, users: [], allow: [], satisfyAny: false, ...given };
      records.accessLists.set(id, list);
      const lines = list.users.map(({ name, password }) => `${name}:{PLAIN}${password}\n`);
      await writeFile(join(nginx.directory, `access/${id}`), lines.join(''));
      return id;
    },
    async asPerson(method, path, body) {
      const { token } = tokens.issue(admin.id);
      const response = await fetch(`http://127.0.0.1:${backendPort}${path}`, {
        method,
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', Connection: 'close' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const reply: unknown = await response.json();
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(reply)}`);
      return reply;
    },
    fail: (fault) => faults.push({ fault, left: fault.times ?? 1 }),
    heal,
    async close() {
      heal();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await nginx.close();
    },
  };
}

const userView = (user: User) => ({
  id: user.id,
  created_on: '2026-01-01T00:00:00.000Z',
  modified_on: '2026-01-01T00:00:00.000Z',
  is_disabled: user.isDisabled,
  email: user.email,
  name: user.email,
  nickname: user.email,
  avatar: '',
  roles: [...user.roles],
});

/** SQL's LIKE with `%…%` around it: `%` and `_` are wildcards, case does not count. */
function like(text: string, query: string): boolean {
  const pattern = query
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('%', '.*')
    .replaceAll('_', '.');
  return new RegExp(pattern, 'i').test(text);
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const chunk of request) parts.push(chunk as Buffer);
  const text = Buffer.concat(parts).toString('utf8');
  return text ? JSON.parse(text) : undefined;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
