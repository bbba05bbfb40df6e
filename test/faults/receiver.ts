/** A receiver of webhooks that takes them, or never answers. */
import { createServer } from 'node:http';

export interface Receiver extends AsyncDisposable {
  readonly url: string;
  /** Types of what it has taken. */
  readonly taken: readonly string[];
  /** How many asked it while it hung. */
  readonly hung: number;
  hang(on: boolean): void;
}

export async function startReceiver(): Promise<Receiver> {
  const taken: string[] = [];
  const waiting = new Set<() => void>();
  let isHanging = false;
  let hung = 0;
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      const take = () => {
        taken.push((JSON.parse(body) as { type: string }).type);
        response.writeHead(204).end();
      };
      if (!isHanging) return take();
      hung += 1;
      waiting.add(take);
      response.once('close', () => waiting.delete(take));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/hook`,
    taken,
    get hung() {
      return hung;
    },
    hang(on) {
      isHanging = on;
      if (!on) for (const take of waiting) take();
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
