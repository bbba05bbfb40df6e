/** What is between a store and its server, and can be cut or held at the very instant of a commit. */
import { connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/**
 * What happens to the next `commit` that a client sends. `cut-before`: the connection ends, and the server never hears of it.
 * `cut-after`: the server does it, and the connection ends instead of its answer. `hold`: it lies on the way until `release`.
 */
export type Mischief = 'cut-before' | 'cut-after' | 'hold';

export interface Wire {
  readonly connectionString: string;
  /** For one commit; the ones after it pass. */
  next(mischief: Mischief): void;
  /** From here on what the server says stays on the way, until the answer is called: then it arrives in one piece. */
  holdAnswers(): () => void;
  /** Lets what was held go on. */
  release(): void;
  /** How often it did what it was told. */
  readonly done: number;
}

export async function openWire(connectionString: string): Promise<Wire> {
  const address = new URL(connectionString);
  const { hostname, port } = address;
  const sockets = new Set<Socket>();
  const answers = new Set<{ resume(): void }>();
  let mischief: Mischief | undefined;
  let isHoldingAnswers = false;
  let held = () => {};
  let done = 0;

  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    client.on('close', () => upstream.destroy());
    let waiting: Buffer[] = [];
    let cutsNextAnswer = false;
    answers.add({
      resume: () => {
        if (waiting.length > 0) client.write(Buffer.concat(waiting));
        waiting = [];
        if (upstream.closed) client.end();
      },
    });
    client.on('data', (data) => {
      // A simple query is `Q`, its length, and its text with a zero behind it.
      if (mischief && data.includes('commit\0')) {
        const now = mischief;
        mischief = undefined;
        done += 1;
        if (now === 'cut-before') return void client.destroy();
        if (now === 'hold') {
          held = () => upstream.write(data);
          return;
        }
        cutsNextAnswer = true;
      }
      upstream.write(data);
    });
    upstream.on('data', (data) => {
      if (cutsNextAnswer && data.includes('COMMIT\0')) return void client.destroy();
      if (isHoldingAnswers) waiting.push(data);
      else client.write(data);
    });
    // What it said last arrives before the end.
    upstream.on('close', () => {
      if (waiting.length === 0) client.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  address.port = String((server.address() as { port: number }).port);
  return {
    connectionString: address.href,
    next: (what) => {
      mischief = what;
    },
    holdAnswers() {
      isHoldingAnswers = true;
      return () => {
        isHoldingAnswers = false;
        for (const each of answers) each.resume();
      };
    },
    release: () => held(),
    get done() {
      return done;
    },
  };
}
