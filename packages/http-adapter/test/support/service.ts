/** A service on loopback that takes messages as the real one does, and answers in its words. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export interface Request {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export type Mood = 'takes' | 'away' | 'busy' | 'refuses' | 'hangs';
export type Answer = readonly [status: number, headers: Record<string, string>, body: string];

export interface LoopbackService {
  readonly origin: string;
  /** What it took, in its order; what it refused is not among it. */
  readonly taken: readonly Request[];
  mood: Mood;
  close(): Promise<void>;
}

/** @param answers of the service, in each mood but `hangs` */
export async function loopbackService(
  answers: (mood: Exclude<Mood, 'hangs'>, request: Request) => Answer,
): Promise<LoopbackService> {
  const taken: Request[] = [];
  const sockets = new Set<Socket>();
  const service = { mood: 'takes' as Mood };
  const server = createServer((incoming, response: ServerResponse) => {
    const parts: Buffer[] = [];
    incoming.on('data', (part: Buffer) => parts.push(part));
    incoming.on('end', () => {
      if (service.mood === 'hangs') return;
      const request = { path: incoming.url ?? '', headers: incoming.headers, body: String(Buffer.concat(parts)) };
      const [status, headers, body] = answers(service.mood, request);
      if (status < 300 && service.mood === 'takes') taken.push(request);
      response.writeHead(status, headers).end(body);
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(service, {
    origin: `http://127.0.0.1:${port}`,
    taken,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  });
}
