/** Servers that repeat what they were told: whatever a login, a token or a body had in it stands in their answer. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { createServer as createTcp } from 'node:net';

export interface Echo extends AsyncDisposable {
  readonly port: number;
  /** Bodies that came, in order. */
  readonly bodies: readonly string[];
  /** What it answers; default 200. */
  status: number;
  /** Whether it repeats the request in its answer; default true. */
  repeats: boolean;
}

/** Logins decoded as well, as a debugging server shows them. */
function repeated({ method, url, headers }: IncomingMessage, body: string): string {
  const basic = /^Basic (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
  const registry = String(headers['x-registry-auth'] ?? '');
  const decoded = [Buffer.from(basic, 'base64'), Buffer.from(registry, 'base64url')].map(String).join(' ');
  return `${method} ${url} ${JSON.stringify(headers)} ${decoded} ${body}`;
}

export async function echoServer(
  answer?: (
    request: IncomingMessage,
    said: string,
  ) => { status: number; body: string; headers?: Record<string, string> } | undefined,
): Promise<Echo> {
  const bodies: string[] = [];
  const echo = { status: 200, repeats: true };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    bodies.push(body);
    const said = echo.repeats ? repeated(request, body) : 'ok';
    const own = answer?.(request, said) ?? {
      status: echo.status,
      body: JSON.stringify({ message: said, error: said, errors: [{ code: 'X', message: said }] }),
    };
    response
      .writeHead(own.status, { 'content-type': 'application/json', connection: 'close', ...own.headers })
      .end(own.body);
  });
  await listening(server);
  return Object.assign(echo, {
    port: portOf(server),
    bodies,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

/**
 * A PostgreSQL server that lets nobody in and says with what they tried.
 * Source: PostgreSQL documentation, "Message Formats": AuthenticationCleartextPassword, PasswordMessage, ErrorResponse.
 */
export async function echoDatabase(): Promise<{ readonly port: number } & AsyncDisposable> {
  const sockets = new Set<{ destroy(): void }>();
  const server = createTcp((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    let isStarted = false;
    socket.on('data', (data) => {
      if (!isStarted) {
        isStarted = true;
        return void socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]));
      }
      const password = data.subarray(5, -1).toString();
      const text = `SFATAL\0VFATAL\0C28P01\0Mpassword "${password}" (${encodeURIComponent(password)}) is wrong\0\0`;
      const length = Buffer.alloc(4);
      length.writeUInt32BE(Buffer.byteLength(text) + 4);
      socket.end(Buffer.concat([Buffer.from('E'), length, Buffer.from(text)]));
    });
  });
  await listening(server);
  return {
    port: portOf(server),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const listening = (server: Server): Promise<void> => new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const portOf = (server: Server): number => (server.address() as AddressInfo).port;
