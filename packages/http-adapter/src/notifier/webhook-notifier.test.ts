import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Message } from '@quayside/core/ports';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, it } from 'vitest';
import type { WebhookNotifierOptions } from './options.js';
import { webhookNotifier } from './webhook-notifier.js';

const SECRET = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`;

interface Told {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly atMs: number;
}

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** A receiver that answers as it is told, one after the other; the last answer stays. */
async function receiver(...answers: ((response: ServerResponse, request: IncomingMessage) => void)[]) {
  const told: Told[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const answer = answers[Math.min(told.length, answers.length - 1)];
      const headers = request.headers as Record<string, string>;
      told.push({
        method: request.method,
        url: request.url,
        headers,
        body: String(Buffer.concat(parts)),
        atMs: performance.now(),
      });
      answer?.(response, request);
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  ends.push(close);
  const { port } = server.address() as AddressInfo;
  return {
    told,
    port,
    sockets,
    close,
    url: `http://127.0.0.1:${port}/services/T0123/B4567/sEcReTpath?sig=qUeRySecret`,
  };
}

const status =
  (code: number, headers: Record<string, string> = {}, body = '') =>
  (response: ServerResponse) =>
    void response.writeHead(code, headers).end(body);

const message: Message = {
  id: '01hxyzabcdef012345',
  type: 'deployment.succeeded',
  time: Date.UTC(2026, 0, 2, 3, 4, 5),
  sequence: 42,
  data: { deployment: { project: 'shop', stage: 'dev', tag: 'v1.4.2', kind: 'deploy', durationMs: 12_345 } },
};
const open = () => ({ signal: new AbortController().signal });
const notifier = (options: WebhookNotifierOptions) => webhookNotifier(options)._unsafeUnwrap();

describe('webhookNotifier', () => {
  it('posts the event as JSON, signed so that the standard library verifies it', async () => {
    const { told, url } = await receiver(status(204));
    const result = await notifier({ url, secret: SECRET, headers: { 'X-Team': 'core' } }).notify(message, open());
    expect(result.isOk()).toBe(true);
    const [{ method, headers, body } = {} as Told] = told;
    expect(method).toBe('POST');
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': message.id, 'x-team': 'core' });
    expect(new Webhook(SECRET).verify(body, headers)).toEqual({
      id: message.id,
      type: 'deployment.succeeded',
      timestamp: '2026-01-02T03:04:05.000Z',
      sequence: 42,
      data: message.data,
    });
    expect(() => new Webhook(SECRET).verify(body.replace('dev', 'prod'), headers)).toThrow();
  });

  it('signs with every secret while one replaces another', async () => {
    const { told, url } = await receiver(status(200));
    const other = `whsec_${Buffer.from('another-secret-of-enough-bytes').toString('base64')}`;
    await notifier({ url, secret: [SECRET, other] }).notify(message, open());
    for (const secret of [SECRET, other]) {
      expect(() => new Webhook(secret).verify(told[0]?.body ?? '', told[0]?.headers ?? {})).not.toThrow();
    }
  });

  it('sends no signature without a secret, and the id all the same', async () => {
    const { told, url } = await receiver(status(200));
    await notifier({ url }).notify(message, open());
    expect(told[0]?.headers).toMatchObject({ 'webhook-id': message.id });
    expect(told[0]?.headers).not.toHaveProperty('webhook-signature');
  });

  it.each([408, 425, 429, 500, 503])('tries again after a %i, under the same id, with a pause', async (code) => {
    const { told, url } = await receiver(status(code), status(200));
    expect((await notifier({ url, secret: SECRET }).notify(message, open())).isOk()).toBe(true);
    expect(told.map(({ headers }) => headers['webhook-id'])).toEqual([message.id, message.id]);
    expect((told[1]?.atMs ?? 0) - (told[0]?.atMs ?? 0)).toBeGreaterThan(150);
  });

  it.each([400, 401, 403, 404, 410, 413, 422])('does not try again after a %i', async (code) => {
    const { told, url } = await receiver(status(code, {}, 'no_service'));
    const error = (await notifier({ url }).notify(message, open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'notify-failed', code: String(code), retryable: false });
    expect(error.message).toContain('no_service');
    expect(error.hint).not.toBe('');
    expect(told).toHaveLength(1);
  });

  it('follows no redirect with a signed message', async () => {
    const elsewhere = await receiver(status(200));
    const { url } = await receiver(status(308, { location: elsewhere.url }));
    const error = (await notifier({ url, secret: SECRET }).notify(message, open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'notify-failed', code: '308', retryable: false });
    expect(elsewhere.told).toHaveLength(0);
  });

  it('heeds Retry-After within its bound, and passes on one that is longer', async () => {
    const soon = await receiver(status(429, { 'retry-after': '0.7' }), status(200));
    expect((await notifier({ url: soon.url }).notify(message, open())).isOk()).toBe(true);
    expect((soon.told[1]?.atMs ?? 0) - (soon.told[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(690);

    const later = await receiver(status(429, { 'retry-after': '120' }));
    const beganMs = performance.now();
    const error = (await notifier({ url: later.url }).notify(message, open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'notify-failed', retryable: true, retryAfterMs: 120_000 });
    expect(later.told).toHaveLength(1);
    expect(performance.now() - beganMs).toBeLessThan(1_000);
  });

  it('stops after its attempts', async () => {
    const { told, url } = await receiver(status(502));
    const error = (await notifier({ url, attempts: 2 }).notify(message, open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'notify-failed', code: '502', retryable: true });
    expect(told).toHaveLength(2);
  });

  it('bounds each try, and the whole', async () => {
    const { told, url } = await receiver(() => undefined);
    const beganMs = performance.now();
    const slow = notifier({ url, timeout: 100, totalTimeout: '1s', attempts: 10 });
    const error = (await slow.notify(message, open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'timeout', retryable: true });
    expect(performance.now() - beganMs).toBeLessThan(1_200);
    expect(told.length).toBeGreaterThanOrEqual(2);
  });

  it('bounds a receiver that answers 500 and never ends its body', async () => {
    const { url } = await receiver((response) => void response.writeHead(200).write('a start'));
    const beganMs = performance.now();
    const error = (await notifier({ url, timeout: 100, attempts: 1 }).notify(message, open()))._unsafeUnwrapErr();
    expect(error.kind).toBe('timeout');
    expect(performance.now() - beganMs).toBeLessThan(600);
  });

  it('answers aborted at once, in a try and between two', async () => {
    const hanging = await receiver(() => undefined);
    const away = await receiver(status(503, { 'retry-after': '5' }));
    for (const { url } of [hanging, away]) {
      const controller = new AbortController();
      const beganMs = performance.now();
      setTimeout(() => controller.abort(), 100);
      const result = await notifier({ url }).notify(message, { signal: controller.signal });
      expect(result._unsafeUnwrapErr().kind).toBe('aborted');
      expect(performance.now() - beganMs).toBeLessThan(600);
    }
    const { told, url } = await receiver(status(200));
    const result = await notifier({ url }).notify(message, { signal: AbortSignal.abort() });
    expect(result._unsafeUnwrapErr().kind).toBe('aborted');
    expect(told).toHaveLength(0);
  });

  it('keeps no connection open', async () => {
    const { url, sockets } = await receiver(status(200, {}, 'ok'));
    await notifier({ url }).notify(message, open());
    await expect.poll(() => sockets.size).toBe(0);
  });

  it('takes a login in the URL as a header', async () => {
    const { told, port } = await receiver(status(200));
    await notifier({ url: `http://me:p%40ss@127.0.0.1:${port}/hook` }).notify(message, open());
    expect(told[0]?.headers['authorization']).toBe(`Basic ${Buffer.from('me:p@ss').toString('base64')}`);
  });
});

describe('webhookNotifier, secrets', () => {
  const everything = (error: unknown): string => {
    const parts: string[] = [];
    for (let each = error; each !== undefined && each !== null; each = (each as { cause?: unknown }).cause) {
      parts.push(JSON.stringify(each), String((each as Error).message), String((each as Error).stack));
    }
    return parts.join('\n');
  };

  it('shows neither URL nor secret nor header, whoever says them', async () => {
    const echo = await receiver(
      (response, { url, headers }) =>
        void response.writeHead(400).end(`cannot POST ${url} with ${headers['x-token']} http://${headers.host}${url}`),
    );
    const hanging = await receiver(() => undefined);
    const gone = await receiver(() => undefined);
    await gone.close();
    for (const url of [echo.url, hanging.url, gone.url, echo.url.replace('127.0.0.1', 'nobody.invalid')]) {
      const made = notifier({ url, secret: SECRET, headers: { 'x-token': 'hEaDeRsecret' }, timeout: 100, attempts: 1 });
      const error = (await made.notify(message, open()))._unsafeUnwrapErr();
      const said = everything(error);
      for (const secret of ['sEcReTpath', 'qUeRySecret', SECRET.slice(6), 'hEaDeRsecret', 'B4567/']) {
        expect(said).not.toContain(secret);
      }
      expect(error.message).toContain('webhook');
    }
  });

  it('refuses bad options all at once, without showing them', () => {
    const error = webhookNotifier({
      url: 'htps:/hooks.example.com/sEcReTpath',
      secret: 'tooShortSecret',
      headers: { 'x-a': 'bad\nvalue-here' },
      attempts: 0,
    })._unsafeUnwrapErr();
    expect(error.kind).toBe('invalid-options');
    expect(error.issues.map(({ path }) => path).sort()).toEqual([
      'webhookNotifier.attempts',
      'webhookNotifier.headers["x-a"]',
      'webhookNotifier.secret',
      'webhookNotifier.url',
    ]);
    expect(error.message).toContain('openssl rand');
    for (const secret of ['sEcReTpath', 'tooShortSecret', 'value-here'])
      expect(everything(error)).not.toContain(secret);
    expect(webhookNotifier({ url: '' })._unsafeUnwrapErr().issues).toHaveLength(1);
    expect(webhookNotifier(undefined as never).isErr()).toBe(true);
  });
});

describe('webhookNotifier, formats', () => {
  it('knows Slack and Discord by their URLs, and is named after the format', () => {
    const nameOf = (url: string) => notifier({ url }).name;
    expect(nameOf('https://hooks.slack.com/services/T/B/x')).toBe('slack');
    expect(nameOf('https://discord.com/api/webhooks/1/x')).toBe('discord');
    expect(nameOf('https://hooks.slack.com.evil.test/x')).toBe('webhook');
    expect(notifier({ url: 'https://example.com', name: 'ops' }).name).toBe('ops');
  });

  it('posts what a template makes of the event, and reports one that throws', async () => {
    const { told, url } = await receiver(status(200));
    await notifier({ url, format: ({ type }) => ({ text: type }) }).notify(message, open());
    expect(JSON.parse(told[0]?.body ?? '')).toEqual({ text: 'deployment.succeeded' });
    const throwing = notifier({
      url,
      format: () => {
        throw new Error('oh');
      },
    });
    expect((await throwing.notify(message, open()))._unsafeUnwrapErr()).toMatchObject({
      kind: 'bug',
      retryable: false,
    });
  });

  it('posts the templates', async () => {
    const { told, url } = await receiver(status(200));
    await notifier({ url, format: 'slack' }).notify(message, open());
    await notifier({ url, format: 'discord' }).notify(message, open());
    expect(JSON.parse(told[0]?.body ?? '').attachments).toHaveLength(1);
    expect(JSON.parse(told[1]?.body ?? '').embeds).toHaveLength(1);
  });
});
