/** A wire in front of a server on loopback, which a test can make worse: cut, stalled or silent, at a byte of its choice. */
import { connect, createServer, type Socket } from 'node:net';

/** What becomes of each new connection's answer. */
export type WireMood =
  | { readonly kind: 'passes' }
  /** So many bytes of the answer, and no more, while the connection stays. */
  | { readonly kind: 'stalls'; readonly afterBytes: number }
  /** So many bytes, and a reset. */
  | { readonly kind: 'cuts'; readonly afterBytes: number }
  /** Nobody listens: the connection is closed as soon as it is made. */
  | { readonly kind: 'refuses' };

export interface Wire extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly host: string;
  /** From now on, for connections that are open as well: their bytes are counted from here. */
  become(mood: WireMood): void;
  /** To which server it leads from now on, for new connections. */
  lead(to: string): void;
  /** How many connections met the mood that is set: a cut, a stall, a refusal. */
  readonly met: number;
  close(): Promise<void>;
}

export async function layWire(to: string): Promise<Wire> {
  let mood: WireMood = { kind: 'passes' };
  let target = to;
  let met = 0;
  const open = new Set<{ readonly client: Socket; readonly server: Socket; passed: number; isMet: boolean }>();

  const wire = createServer((client) => {
    if (mood.kind === 'refuses') {
      met += 1;
      client.resetAndDestroy();
      return;
    }
    const [host = '', port = ''] = target.split(':');
    const server = connect(Number(port), host);
    const pair = { client, server, passed: 0, isMet: false };
    open.add(pair);
    const drop = () => {
      open.delete(pair);
      client.destroy();
      server.destroy();
    };
    client.on('error', drop).on('close', drop).pipe(server);
    server.on('error', drop).on('end', () => {
      // Who waits for the rest of a stalled answer waits on.
      if (!pair.isMet) client.end();
    });
    server.on('data', (chunk: Buffer) => {
      if (mood.kind === 'passes' || mood.kind === 'refuses') {
        client.write(chunk);
        return;
      }
      const room = Math.max(0, mood.afterBytes - pair.passed);
      pair.passed += chunk.length;
      if (room > 0) client.write(chunk.subarray(0, room));
      if (pair.passed <= mood.afterBytes) return;
      if (!pair.isMet) met += 1;
      pair.isMet = true;
      if (mood.kind === 'cuts') {
        open.delete(pair);
        client.resetAndDestroy();
        server.destroy();
      }
    });
  });
  await new Promise<void>((resolve) => wire.listen(0, '127.0.0.1', resolve));
  const { port } = wire.address() as { port: number };
  const close = () =>
    new Promise<void>((resolve) => {
      wire.close(() => resolve());
      for (const { client, server } of open) {
        client.destroy();
        server.destroy();
      }
    });
  return {
    host: `127.0.0.1:${port}`,
    become(next) {
      mood = next;
      met = 0;
      for (const pair of open) {
        pair.passed = 0;
        // What was held back is lost: such a connection is of no more use.
        if (pair.isMet) pair.client.resetAndDestroy();
      }
    },
    lead(next) {
      target = next;
    },
    get met() {
      return met;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
