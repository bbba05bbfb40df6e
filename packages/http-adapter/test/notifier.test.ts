import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Message } from '@quayside/core/ports';
import { conforms, notifierLaws } from '@quayside/core/testing';
import { Webhook } from 'standardwebhooks';
import { describe, it } from 'vitest';
import { webhookNotifier } from '../src/index.js';

const SECRET = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`;
const BUSY_MS = 120_000;

describe('webhookNotifier keeps the laws of Notifier', () => {
  conforms(it, notifierLaws, async () => {
    const received: Message[] = [];
    let mood: 'takes' | 'away' | 'busy' | 'refuses' | 'hangs' = 'takes';
    let hungMs = 0;
    const sockets = new Set<Socket>();
    const server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        if (mood === 'hangs') return;
        if (mood === 'away') return void response.writeHead(503).end(`cannot ${request.url}`);
        if (mood === 'refuses') return void response.writeHead(404).end(`no ${request.url}`);
        if (mood === 'busy') return void response.writeHead(429, { 'retry-after': String(BUSY_MS / 1_000) }).end();
        // A receiver as the specification has it: nothing unsigned counts.
        const { timestamp, ...told } = new Webhook(SECRET).verify(
          String(Buffer.concat(parts)),
          request.headers as Record<string, string>,
        ) as Message & { timestamp: string };
        received.push({ ...told, time: Date.parse(timestamp) });
        response.writeHead(204).end();
      });
    });
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return {
      notifier: webhookNotifier({
        url: `http://127.0.0.1:${port}/services/T0123/sEcReTpath?key=qUeRySecret`,
        secret: SECRET,
        headers: { 'x-token': 'hEaDeRsecret' },
        attempts: 1,
        timeout: 200,
      })._unsafeUnwrap(),
      received: () => received,
      answer: (next) => {
        mood = next;
      },
      busyMs: BUSY_MS,
      hang: {
        begin: () => {
          mood = 'hangs';
          hungMs = performance.now();
        },
        boundMs: 200,
        elapsedMs: () => performance.now() - hungMs,
      },
      secrets: ['sEcReTpath', 'qUeRySecret', SECRET, 'hEaDeRsecret'],
      close: () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          for (const socket of sockets) socket.destroy();
        }),
    };
  });
});
