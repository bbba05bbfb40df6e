/** An engine that answers as a test says, on a Unix socket of its own: for what a real one does once in a year. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

export interface ScriptedEngine extends AsyncDisposable {
  readonly socketPath: string;
  /** `unix://…` */
  readonly host: string;
  readonly seen: readonly Seen[];
  /** How many were made, and how many of them are open. */
  readonly connections: number;
  readonly openConnections: number;
  close(): Promise<void>;
}

/** What it answers: a status and JSON, or whatever the test does with the response itself (then: nothing). */
export type Script = (seen: Seen, response: ServerResponse) => { status: number; json?: unknown } | undefined;

/** `GET /info` is answered unless the script does; anything else that it does not answer hangs. */
export async function scriptEngine(script: Script): Promise<ScriptedEngine> {
  const directory = await mkdtemp(join(tmpdir(), 'quayside-engine-'));
  const socketPath = join(directory, 'engine.sock');
  const seen: Seen[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const url = new URL(request.url ?? '/', 'http://engine');
    const one: Seen = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: text ? JSON.parse(text) : undefined,
    };
    seen.push(one);
    let answer = script(one, response);
    if (response.headersSent || response.destroyed) return;
    if (one.path === '/info') answer ??= { status: 200, json: INFO };
    if (!answer) return;
    const { status, json } = answer;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(json === undefined ? '' : JSON.stringify(json));
  });
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    await rm(directory, { recursive: true, force: true });
  };
  return {
    socketPath,
    host: `unix://${socketPath}`,
    seen,
    get connections() {
      return connections;
    },
    get openConnections() {
      return sockets.size;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

const INFO = {
  ID: 'ENGINE-ID',
  Name: 'node-1',
  OSType: 'linux',
  OperatingSystem: 'Debian GNU/Linux 12',
  LoggingDriver: 'json-file',
  SecurityOptions: ['name=seccomp,profile=default'],
  SystemTime: '2026-01-02T03:04:05.000000006Z',
};
