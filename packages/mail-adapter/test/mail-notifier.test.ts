import type { Message } from '@quayside/core/ports';
import { conforms, notifierLaws } from '@quayside/core/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, openAuthority, type Pair } from '../../proxy-adapter/test/support/certificates.js';
import { type MailNotifierOptions, mailNotifier } from '../src/index.js';
import { type Smtp, smtp } from './support/smtp.js';

const PASSWORD = 'sEcReT pässword/0123';
const LOGIN = { username: 'quayside', password: PASSWORD };
const PLAIN = Buffer.from(`\0quayside\0${PASSWORD}`).toString('base64');
const FROM_TO = { from: 'Quayside <quayside@example.com>', to: ['ada@example.com'] };
const open = () => ({ signal: new AbortController().signal });

const servers: Smtp[] = [];
const started = async (...options: Parameters<typeof smtp>): Promise<Smtp> => {
  const server = await smtp(...options);
  servers.push(server);
  return server;
};
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const notifier = (port: number, more: Partial<MailNotifierOptions> = {}) =>
  mailNotifier({ host: '127.0.0.1', port, tls: 'none', ...FROM_TO, timeout: 2_000, ...more })._unsafeUnwrap();

const failed: Message = {
  id: '01hxyzabcdef',
  type: 'deployment.failed',
  time: Date.UTC(2026, 0, 2, 3, 4, 5),
  sequence: 7,
  data: {
    deployment: { id: '01deploy', project: 'shop', stage: 'dev', tag: 'v1.4.2', kind: 'deploy', durationMs: 12_345 },
    error: {
      kind: 'unhealthy',
      step: 'health',
      message: 'no <b>answer</b> & more',
      hint: 'Löse es.',
      details: { lastLines: ['booting', '.', 'exit 1'] },
    },
  },
};

describe('mailNotifier keeps the laws of Notifier', () => {
  conforms(it, notifierLaws, async () => {
    const server = await smtp({ password: PASSWORD, allowInsecureAuth: true });
    let hungMs = 0;
    return {
      notifier: notifier(server.port, { ...LOGIN, timeout: 300 }),
      received: () =>
        server.taken.map(({ headers, text }) => ({
          id: headers.get('message-id')?.replace(/^<|@example\.com>$/g, '') ?? null,
          text,
        })),
      answer: (mood) => {
        server.mood = mood;
      },
      busyMs: null,
      hang: {
        begin: () => {
          server.mood = 'hangs';
          hungMs = performance.now();
        },
        boundMs: 300,
        elapsedMs: () => performance.now() - hungMs,
      },
      secrets: [PASSWORD, PLAIN, Buffer.from(PASSWORD).toString('base64')],
      close: () => server.close(),
    };
  });
});

describe('a mail', () => {
  it('says the same as text and as HTML, once, from whom and to whom it was meant', async () => {
    const server = await started();
    const to = ['ada@example.com', 'Grace Hopper <grace@example.com>'];
    expect((await notifier(server.port, { to }).notify(failed, open())).isOk()).toBe(true);
    expect(server.taken).toHaveLength(1);
    const [{ from, to: taken, text, html, headers }] = server.taken as never as [(typeof server.taken)[number]];
    expect([from, taken]).toEqual(['quayside@example.com', ['ada@example.com', 'grace@example.com']]);
    for (const part of ['shop v1.4.2 failed on dev', 'health: no', 'Löse es.', 'booting', 'exit 1', '12.3 s']) {
      expect(text).toContain(part);
      expect(html).toContain(part);
    }
    expect(text).toContain('no <b>answer</b> & more');
    expect(html).toContain('no &lt;b&gt;answer&lt;/b&gt; &amp; more');
    expect(Object.fromEntries(headers)).toMatchObject({
      subject: 'shop v1.4.2 failed on dev',
      'message-id': '<01hxyzabcdef@example.com>',
      references: '<deployment.01deploy@example.com>',
      'auto-submitted': 'auto-generated',
      'x-quayside-event': 'deployment.failed',
      date: 'Fri, 02 Jan 2026 03:04:05 +0000',
    });
  });

  it('gains no header, recipient or end from what it tells', async () => {
    const server = await started();
    const evil = 'x\r\nBcc: evil@example.com\r\n\r\nbody\r\n.\r\nMAIL FROM:<a@b>';
    const deployment = { id: evil, project: evil, stage: evil, tag: evil, by: evil };
    const message: Message = {
      ...failed,
      id: evil,
      type: 'deployment.failed',
      data: { deployment, error: { message: `${evil}\n.\n.`, hint: evil, details: { lastLines: ['.', evil] } } },
    };
    expect((await notifier(server.port).notify(message, open())).isOk()).toBe(true);
    expect(server.taken).toHaveLength(1);
    const [{ to, headers, text, html }] = server.taken as never as [(typeof server.taken)[number]];
    expect(to).toEqual(['ada@example.com']);
    expect([...headers.keys()]).not.toContain('bcc');
    // All of it arrived, behind the line with a full stop, too.
    expect([text.match(/MAIL FROM/g)?.length, text]).toEqual([expect.any(Number), expect.stringContaining('By')]);
    expect(html).toContain('</html>');
  });

  it('keeps a connection no longer than it needs it', async () => {
    const server = await started();
    await notifier(server.port).notify(failed, open());
    await expect.poll(() => server.connections.open()).toBe(0);
    server.mood = 'hangs';
    const controller = new AbortController();
    const waiting = notifier(server.port).notify(failed, { signal: controller.signal });
    await expect.poll(() => server.connections.hung).toBe(1);
    controller.abort();
    expect((await waiting)._unsafeUnwrapErr().kind).toBe('aborted');
    await expect.poll(() => server.connections.open()).toBe(0);
  });
});

describe('what a server says', () => {
  it.each([
    [421, true, 'cannot take mails'],
    [450, true, 'cannot take mails'],
    [503, true, 'Look at the log'],
    [550, false, '`from` and `to`'],
    [554, false, 'Look at the log'],
  ])('%i is retryable: %s', async (code, retryable, hint) => {
    const server = await started();
    server.refuse = () => [code, 'for a reason'];
    const error = (await notifier(server.port).notify(failed, open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'notify-failed', code: String(code), retryable });
    expect(error.message).toContain('for a reason');
    expect(error.hint).toContain(hint);
  });

  it('who was refused for now is told again, and nobody twice', async () => {
    const server = await started();
    server.refuse = (address) => (address === 'late@example.com' ? [450, 'greylisted'] : undefined);
    const mail = notifier(server.port, { to: ['ada@example.com', 'late@example.com'] });
    const error = (await mail.notify(failed, open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'notify-failed', code: '450', retryable: true });
    expect(error.message).toContain('1 of 2');
    server.refuse = () => undefined;
    expect((await mail.notify(failed, open())).isOk()).toBe(true);
    expect(server.taken.map(({ to }) => to)).toEqual([['ada@example.com'], ['late@example.com']]);
  });

  it('a recipient that is refused for good is told of once', async () => {
    const server = await started();
    server.refuse = (address) => (address === 'gone@example.com' ? [550, 'no such user'] : undefined);
    const mail = notifier(server.port, { to: ['ada@example.com', 'gone@example.com'] });
    const error = (await mail.notify(failed, open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'notify-failed', code: '550', retryable: false });
    expect(server.taken).toHaveLength(1);
  });

  it('a wrong login is final, and not shown by a server that repeats it', async () => {
    const server = await started({ password: 'another', allowInsecureAuth: true });
    const error = (await notifier(server.port, LOGIN).notify(failed, open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'notify-failed', code: '535', retryable: false });
    expect(error.hint).toContain('`password`');
    expect(JSON.stringify(error)).not.toContain('sEcReT');
  });

  it('nobody there is worth another try', async () => {
    const server = await smtp();
    await server.close();
    const error = (await notifier(server.port).notify(failed, open()))._unsafeUnwrapErr();
    expect(error).toMatchObject({ kind: 'notify-failed', retryable: true });
    expect(error.message).toContain(`127.0.0.1:${server.port}`);
  });
});

describe('TLS', () => {
  let authority: Authority;
  let pair: Pair;
  beforeAll(async () => {
    authority = await openAuthority();
    pair = await authority.issue('localhost');
  });
  afterAll(() => authority?.remove());
  const secured = (port: number, more: Partial<MailNotifierOptions> = {}) =>
    notifier(port, { host: 'localhost', ca: authority.ca, ...LOGIN, ...more });

  it.each([
    ['starttls', false],
    ['implicit', true],
  ] as const)('%s: the login goes over TLS', async (tls, secure) => {
    const server = await started({ ...pair, secure, password: PASSWORD });
    expect((await secured(server.port, { tls }).notify(failed, open())).isOk()).toBe(true);
    expect(server.taken).toMatchObject([{ secure: true, user: 'quayside' }]);
  });

  it('a server that offers no STARTTLS is told nothing', async () => {
    const server = await started({ password: PASSWORD, allowInsecureAuth: true });
    const error = (await secured(server.port, { tls: 'starttls' }).notify(failed, open()))._unsafeUnwrapErr();
    expect(error.kind).toBe('notify-failed');
    expect(server.taken).toEqual([]);
  });

  it('a server of another authority is told nothing', async () => {
    const server = await started({ ...pair, secure: true, password: PASSWORD });
    const { ca: _, ...untrusting } = { ca: '', ...LOGIN };
    const error = (
      await notifier(server.port, { host: 'localhost', tls: 'implicit', ...untrusting }).notify(failed, open())
    )._unsafeUnwrapErr();
    expect(error.kind).toBe('notify-failed');
    expect(error.hint).toMatch(/certificate|`tls`/);
    expect(server.taken).toEqual([]);
  });
});

describe('wrong options are named all at once, and not shown', () => {
  it.each<[string, object, string[]]>([
    ['a port and addresses', { port: 0, from: 'a@b\r\nBcc: c@d', to: 'a@b, c@d' }, ['from', 'port', 'to']],
    ['nobody', { to: [] }, ['to']],
    ['half a login', { username: 'sEcReT' }, ['password']],
    ['half a login', { password: 'sEcReT' }, ['username']],
    [
      'a login that others could read',
      { host: 'mail.example.com', tls: 'none', username: 'a', password: 'sEcReT' },
      ['tls'],
    ],
    ['a URL as host', { host: 'smtp://mail.example.com' }, ['host']],
  ])('%s', (_, options, fields) => {
    const error = mailNotifier({ host: 'localhost', ...FROM_TO, ...options } as MailNotifierOptions)._unsafeUnwrapErr();
    expect(error.issues.map(({ path }) => path).sort()).toEqual(fields.map((field) => `mailNotifier.${field}`));
    expect(JSON.stringify(error)).not.toContain('sEcReT');
  });
});
