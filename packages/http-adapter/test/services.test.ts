/** Slack, Discord, Teams, Telegram and ntfy keep the laws of Notifier, each with a receiver that answers in its own words. */
import type { InvalidError, Notifier } from '@quayside/core/ports';
import { conforms, notifierLaws } from '@quayside/core/testing';
import type { Result } from 'neverthrow';
import { describe, expect, it } from 'vitest';
import { discordNotifier, ntfyNotifier, slackNotifier, teamsNotifier, telegramNotifier } from '../src/index.js';
import { type Answer, type LoopbackService, loopbackService, type Mood, type Request } from './support/service.js';

const BUSY_MS = 7_000;
const TOKEN = '123456789:AAsEcReT-tOkEn_0123456789abcdefghij';
const BOUNDS = { attempts: 1, timeout: 200 } as const;

interface Case {
  readonly service: string;
  open(origin: string): Result<Notifier, InvalidError<'invalid-options'>>;
  answer(mood: Exclude<Mood, 'hangs'>, request: Request): Answer;
  /** What a person reads. */
  read(request: Request): { readonly id: string | null; readonly text: string };
  readonly ids?: false;
  readonly secrets: readonly string[];
}

const unescaped = (html: string) => html.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
const stringsIn = (json: string, names: readonly string[]): string[] => {
  const found: string[] = [];
  JSON.parse(json, (name, value) => {
    if (names.includes(name) && typeof value === 'string') found.push(value);
    return value;
  });
  return found;
};
const hookId = ({ headers }: Request) => String(headers['webhook-id']);
const busy: Record<string, string> = { 'retry-after': String(BUSY_MS / 1_000) };

const CASES: readonly Case[] = [
  {
    service: 'Slack',
    open: (origin) => slackNotifier({ url: `${origin}/services/T0123/B4567/sEcReTpath`, ...BOUNDS }),
    answer: (mood, { path }) => {
      if (mood === 'away') return [503, {}, `cannot ${path}`];
      if (mood === 'busy') return [429, busy, 'rate_limited'];
      return mood === 'refuses' ? [404, {}, `no_service ${path}`] : [200, {}, 'ok'];
    },
    read: (request) => ({
      id: hookId(request),
      text: stringsIn(request.body, ['text']).map(unescaped).join('\n'),
    }),
    secrets: ['sEcReTpath', 'T0123/B4567'],
  },
  {
    service: 'Discord',
    open: (origin) => discordNotifier({ url: `${origin}/api/webhooks/123456789/sEcReTpath-0`, ...BOUNDS }),
    answer: (mood, { path }) => {
      if (mood === 'away') return [502, {}, `<html>${path}</html>`];
      const json = { 'content-type': 'application/json' };
      if (mood === 'busy') {
        const body = { message: 'You are being rate limited.', retry_after: 6.457, global: false };
        return [429, { ...json, ...busy }, JSON.stringify(body)];
      }
      if (mood === 'refuses') return [404, json, JSON.stringify({ message: `Unknown Webhook ${path}`, code: 10_015 })];
      return [204, {}, ''];
    },
    read: (request) => ({
      id: hookId(request),
      text: stringsIn(request.body, ['title', 'description', 'value'])
        .map((part) => part.replace(/\\(.)/g, '$1'))
        .join('\n'),
    }),
    secrets: ['sEcReTpath-0'],
  },
  {
    service: 'Teams',
    open: (origin) =>
      teamsNotifier({ url: `${origin}/workflows/0b149d0df963470a/triggers/manual?sig=qUeRySecret`, ...BOUNDS }),
    answer: (mood, { path }) => {
      if (mood === 'away') return [502, {}, path];
      if (mood === 'busy') return [429, busy, 'Rate limit is exceeded'];
      if (mood === 'refuses') {
        const error = { code: 'DirectApiAuthorizationRequired', message: `The request ${path} is not authorized.` };
        return [401, { 'content-type': 'application/json' }, JSON.stringify({ error })];
      }
      return [202, {}, ''];
    },
    read: (request) => ({ id: hookId(request), text: stringsIn(request.body, ['text']).join('\n') }),
    secrets: ['qUeRySecret', '0b149d0df963470a'],
  },
  {
    service: 'Telegram',
    open: (origin) => telegramNotifier({ token: TOKEN, chat: -1_001_234, api: origin, ...BOUNDS }),
    answer: (mood, { path }) => {
      const failed = (error_code: number, description: string, parameters?: object): Answer => [
        error_code,
        { 'content-type': 'application/json' },
        JSON.stringify({ ok: false, error_code, description, ...(parameters && { parameters }) }),
      ];
      if (mood === 'away') return failed(502, `Bad Gateway ${path}`);
      if (mood === 'busy') return failed(429, 'Too Many Requests: retry after 7', { retry_after: BUSY_MS / 1_000 });
      if (mood === 'refuses') return failed(400, `Bad Request: chat not found ${decodeURIComponent(path)} ${TOKEN}`);
      return [200, {}, JSON.stringify({ ok: true, result: { message_id: 1 } })];
    },
    read: ({ body }) => ({
      id: null,
      text: unescaped(
        stringsIn(body, ['text'])
          .join('\n')
          .replace(/<\/?(b|pre)>/g, ''),
      ),
    }),
    ids: false,
    secrets: [TOKEN, TOKEN.slice(10), encodeURIComponent(TOKEN)],
  },
  {
    service: 'ntfy',
    open: (origin) => ntfyNotifier({ url: origin, topic: 'deploys-sEcReTtopic', token: 'tk_sEcReTtoken', ...BOUNDS }),
    answer: (mood, { body, headers }) => {
      const failed = (code: number, error: string, more = {}): Answer => {
        const http = Math.floor(code / 100);
        return [http, { 'content-type': 'application/json', ...more }, JSON.stringify({ code, http, error })];
      };
      if (mood === 'away') return failed(50_001, 'internal server error');
      if (mood === 'busy') return failed(42_901, 'limit reached: too many requests, please be nice', busy);
      if (mood === 'refuses') return failed(40_301, `forbidden ${JSON.parse(body).topic} ${headers.authorization}`);
      return [200, {}, '{}'];
    },
    read: ({ body }) => ({
      id: JSON.parse(body).sequence_id,
      text: stringsIn(body, ['title', 'message']).join('\n'),
    }),
    secrets: ['deploys-sEcReTtopic', 'tk_sEcReTtoken'],
  },
];

const MESSAGE = { id: 'm1', type: 'deployment.failed', time: 0, sequence: 1, data: {} };

/** Code is compiled and a connection made for the first message: on a busy machine that alone can take as long as one call may. */
async function warmUp(notifier: Notifier, service: LoopbackService): Promise<void> {
  for (let tries = 0; service.taken.length === 0; tries += 1) {
    if (tries === 20) throw new Error('The receiver took none of 20 messages.');
    await notifier.notify(MESSAGE, { signal: new AbortController().signal });
  }
}

describe.each(CASES)('$service keeps the laws of Notifier', ({ open, answer, read, ids, secrets }) => {
  conforms(it, notifierLaws, async () => {
    const service = await loopbackService(answer);
    const notifier = open(service.origin)._unsafeUnwrap();
    await warmUp(notifier, service);
    const before = service.taken.length;
    let hungMs = 0;
    return {
      notifier,
      received: () => service.taken.slice(before).map(read),
      answer: (mood) => {
        service.mood = mood;
      },
      busyMs: BUSY_MS,
      ...(ids === false ? { ids } : {}),
      hang: {
        begin: () => {
          service.mood = 'hangs';
          hungMs = performance.now();
        },
        boundMs: 200,
        elapsedMs: () => performance.now() - hungMs,
      },
      secrets,
      close: () => service.close(),
    };
  });
});

describe('each names what was refused, and what to do', () => {
  const refused = async ({ open, answer }: Case, mood: 'refuses' | 'busy') => {
    const service: LoopbackService = await loopbackService(answer);
    service.mood = mood;
    const told = await open(service.origin)._unsafeUnwrap().notify(MESSAGE, { signal: new AbortController().signal });
    await service.close();
    return told._unsafeUnwrapErr();
  };
  const of = (name: string) => CASES.find(({ service }) => service === name) as Case;

  it.each([
    ['Slack', 'The Slack webhook "slack" at 127.0.0.1', 'no_service', 'Make a new incoming webhook'],
    ['Discord', 'The Discord webhook "discord" at', 'Unknown Webhook', 'Make a new webhook'],
    ['Teams', 'The Teams workflow "teams" at', 'is not authorized', 'Look at the workflow in Teams'],
    ['Telegram', 'The Telegram bot "telegram" at', 'chat not found', 'Check `chat`'],
    ['ntfy', 'The ntfy server "ntfy" at', 'forbidden', 'may write to the topic'],
  ])('%s', async (service, subject, said, hint) => {
    const error = await refused(of(service), 'refuses');
    expect(error.message).toContain(subject);
    expect(error.message).toContain(said);
    expect(error.hint).toContain(hint);
  });

  it('a Teams connector that answers 200 and says in words that it was throttled was not told', async () => {
    const words =
      'Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x';
    const service = await loopbackService(() => [200, {}, words]);
    const teams = teamsNotifier({ url: service.origin, ...BOUNDS })._unsafeUnwrap();
    const error = (await teams.notify(MESSAGE, { signal: new AbortController().signal }))._unsafeUnwrapErr();
    await service.close();
    expect(error).toMatchObject({ kind: 'notify-failed', code: '429', retryable: true });
  });

  it('Telegram is asked by its own method, with chat, topic and silence', async () => {
    const service = await loopbackService(() => [200, {}, '{"ok":true}']);
    const options = { token: TOKEN, chat: '@deploys', topic: 7, silent: true, api: `${service.origin}/` };
    const telegram = telegramNotifier(options)._unsafeUnwrap();
    expect((await telegram.notify(MESSAGE, { signal: new AbortController().signal })).isOk()).toBe(true);
    await service.close();
    const [{ path, body } = { path: '', body: '{}' }] = service.taken;
    expect(path).toBe(`/bot${TOKEN}/sendMessage`);
    expect(JSON.parse(body)).toMatchObject({ chat_id: '@deploys', message_thread_id: 7, disable_notification: true });
  });

  it('ntfy is told who publishes', async () => {
    const service = await loopbackService(() => [200, {}, '{}']);
    for (const login of [{ token: 'tk_abc' }, { username: 'ada', password: 'pw' }, {}]) {
      const ntfy = ntfyNotifier({ url: service.origin, topic: 'deploys', ...login })._unsafeUnwrap();
      await ntfy.notify(MESSAGE, { signal: new AbortController().signal });
    }
    await service.close();
    const basic = `Basic ${Buffer.from('ada:pw').toString('base64')}`;
    expect(service.taken.map(({ headers }) => headers.authorization)).toEqual(['Bearer tk_abc', basic, undefined]);
    expect(service.taken.every(({ body }) => JSON.parse(body).topic === 'deploys')).toBe(true);
  });
});

describe('wrong options are named all at once, and not shown', () => {
  it.each([
    [
      'slackNotifier',
      () => slackNotifier({ url: 'https://me:sEcReT@hooks.slack.com/services/sEcReT', attempts: 0 }),
      ['attempts', 'url'],
    ],
    ['discordNotifier', () => discordNotifier({ url: 'discord.com/sEcReT', format: 'x' } as never), ['format', 'url']],
    ['teamsNotifier', () => teamsNotifier({ url: 'ftp://sEcReT' }), ['url']],
    ['telegramNotifier', () => telegramNotifier({ token: 'bot1:sEcReT', chat: 'deploys?' }), ['chat', 'token']],
    ['telegramNotifier', () => telegramNotifier({ token: TOKEN } as never), ['chat']],
    ['ntfyNotifier', () => ntfyNotifier({ topic: 'a/sEcReT', url: 'x:sEcReT' }), ['topic', 'url']],
    ['ntfyNotifier', () => ntfyNotifier({ topic: 'a', username: 'sEcReT' }), ['password']],
    ['ntfyNotifier', () => ntfyNotifier({ topic: 'a', token: 'sEcReT', username: 'b', password: 'c' }), ['token']],
  ])('%s', (factory, make, fields) => {
    const error = make()._unsafeUnwrapErr();
    expect(error.issues.map(({ path }) => path).sort()).toEqual(fields.map((field) => `${factory}.${field}`));
    expect(JSON.stringify(error).replace(/"path":"[^"]*"/g, '')).not.toContain('sEcReT');
  });
});
