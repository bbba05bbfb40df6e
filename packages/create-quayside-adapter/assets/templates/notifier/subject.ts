import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Message } from '@quayside/core/ports';
import type { Harness, NotifierSubject } from '@quayside/core/testing';
import { nextIs } from '../not-implemented.js';
import { acmeNotifier } from './adapter.js';

const TOKEN = 'sEcReT-in-the-path';
const BUSY_MS = 60_000;
const BOUND_MS = 200;

/** What one law works with: the notifier, and a receiver on loopback that answers as the law wants. */
export async function openSubject(): Promise<Harness<NotifierSubject>> {
  const received: Message[] = [];
  let mood: 'takes' | 'away' | 'busy' | 'refuses' | 'hangs' = 'takes';
  let hungMs = 0;
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      if (mood === 'hangs') return;
      if (mood === 'takes') received.push(messageOf(String(Buffer.concat(parts))));
      const status = { takes: 204, away: 503, busy: 429, refuses: 404 }[mood];
      response.writeHead(status, mood === 'busy' ? { 'retry-after': String(BUSY_MS / 1_000) } : {}).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const created = acmeNotifier({ url: `http://127.0.0.1:${port}/${TOKEN}`, timeout: BOUND_MS });
  if (created.isErr()) throw new Error(created.error.message);
  return {
    notifier: created.value,
    received: () => received,
    answer(next) {
      mood = next;
    },
    busyMs: BUSY_MS,
    hang: {
      begin() {
        mood = 'hangs';
        hungMs = performance.now();
      },
      boundMs: BOUND_MS,
      elapsedMs: () => performance.now() - hungMs,
    },
    secrets: [TOKEN],
    async close() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await created.value.close?.();
    },
  };
}

/** The message that a request brings: however yours writes it, the receiver has to be able to read it whole. */
function messageOf(_body: string): Message {
  return nextIs('`messageOf` of test/subject.ts: what the receiver reads in a request');
}
