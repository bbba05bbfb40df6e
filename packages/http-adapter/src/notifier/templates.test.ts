/** What each service takes: its limits, and texts that would be commands, mentions, links or markup in it. */
import { type JsonObject, type Message, type Summary, summarize } from '@quayside/core/ports';
import { describe, expect, it } from 'vitest';
import { discord } from './discord.js';
import { escapedWithin } from './escaped.js';
import { ntfy } from './ntfy.js';
import { slack } from './slack.js';
import { teams } from './teams.js';
import { telegram } from './telegram.js';

const told = (type: string, data: JsonObject): Message => ({ id: 'a', type, time: 0, sequence: 1, data });
const deployment = { project: 'shop', stage: 'prod', tag: 'v1.4.2', kind: 'deploy', durationMs: 12_345, by: 'ada' };
const failure = told('deployment.failed', {
  deployment: { ...deployment, cleanup: 'pending', left: ['container shop-1'] },
  error: {
    kind: 'unhealthy',
    step: 'health',
    message: 'GET http://10.0.0.5:3000/healthz: connection refused.',
    hint: 'Check that the app listens on port 3000 and on 0.0.0.0.',
    details: { lastLines: ['booting', 'Error: no DATABASE_URL', 'exit 1'] },
  },
});

const said = summarize(failure, 'https');
const withLink: Summary = { ...said, links: ['https://a.example.com'] };
const PARTS = [
  'shop v1.4.2 failed on prod',
  'connection refused',
  '0.0.0.0',
  'no DATABASE',
  '12.3 s',
  'https://a.example.com',
];

/** Every text as long as it can be, and of nothing but one character: what escapes, what takes three bytes, what ends a block. */
const HOSTILE = [
  '&',
  '<',
  '"',
  '*',
  '`',
  '\\',
  '|',
  '€',
  '😀',
  '</pre>',
  '```',
  '_[x](http://evil.example)',
  '<!channel>',
  '@everyone ',
  '<at>x</at>',
  '\u202e',
  '\n',
];
const hostile = (character: string): Summary => {
  const long = character.repeat(3_000);
  const data = {
    deployment: { ...deployment, project: long, stage: long, tag: long, by: long, cleanup: 'pending', left: [long] },
    instance: { domains: Array.from({ length: 9 }, (_, index) => `${`${'a'.repeat(60)}.`.repeat(4)}x${index}`) },
    error: {
      step: 'health',
      message: long,
      hint: long,
      details: { lastLines: Array.from({ length: 20 }, () => long) },
    },
  };
  return summarize(told('deployment.failed', data), 'https');
};
const textsOf = (body: JsonObject, name = 'text'): string[] => {
  const texts: string[] = [];
  JSON.stringify(body, (key, value) => {
    if (key === name && typeof value === 'string') texts.push(value);
    return value;
  });
  return texts;
};
const empty = summarize(told('deployment.failed', {}), 'https');

describe('every template', () => {
  it.each([
    ['slack', slack],
    ['discord', discord],
    ['teams', teams],
    ['telegram', telegram],
    ['ntfy', (summary: Summary) => ntfy(summary, { id: 'a' })],
  ] as const)(
    '%s: cause, hint, lines, facts and links are there, and nothing else where there is nothing',
    (_, template) => {
      const text = JSON.stringify(template(withLink));
      for (const part of PARTS) expect(text).toContain(part);
      expect(JSON.stringify(template(empty)).replace('"contentUrl":null', '')).not.toMatch(
        /undefined|\[object|null|Cause|Now:/,
      );
    },
  );
});

describe('slack', () => {
  it.each(HOSTILE)('nothing in it is a command, and no text is longer than Slack takes: %j', (character) => {
    const body = slack(hostile(character));
    const texts = textsOf(body);
    expect(texts.length).toBeGreaterThan(4);
    for (const text of texts) {
      expect(text.length).toBeLessThanOrEqual(3_000);
      expect(text.replace(/<https:[a-z0-9./]+>/g, '')).not.toMatch(/<|>/);
      // No escape is cut in two.
      expect(text.replace(/&(amp|lt|gt);/g, '')).not.toContain('&');
    }
    const [attachment] = body['attachments'] as { blocks: JsonObject[] }[];
    expect(attachment?.blocks.length).toBeLessThanOrEqual(50);
    // The fence of the last lines is closed, whatever stands in it.
    const [block = ''] = texts.filter((text) => text.startsWith('```'));
    expect(block.split('```')).toHaveLength(3);
    expect(block.endsWith('\n```')).toBe(true);
  });

  it('shows a failure in red', () => {
    expect(JSON.stringify(slack(said))).toContain('#e01e5a');
  });
});

describe('discord', () => {
  interface Body {
    readonly allowed_mentions: unknown;
    readonly embeds: readonly [
      {
        readonly title: string;
        readonly description: string;
        readonly fields: readonly { name: string; value: string }[];
      },
    ];
  }

  it.each(HOSTILE)('it wakes nobody and keeps to the limits: %j', (character) => {
    const body = discord(hostile(character)) as unknown as Body;
    expect(body.allowed_mentions).toEqual({ parse: [] });
    const [{ title, description, fields }] = body.embeds;
    expect(title.length).toBeLessThanOrEqual(256);
    expect(description.length).toBeLessThanOrEqual(4_096);
    for (const { value } of fields) expect(value.length).toBeLessThanOrEqual(1_024);
    const inFields = fields.reduce((sum, { name, value }) => sum + name.length + value.length, 0);
    expect(title.length + description.length + inFields).toBeLessThanOrEqual(6_000);
    const unescaped = description.replace(/\\[\s\S]/g, '');
    expect(unescaped.split('```')).toHaveLength(3);
    expect(description.endsWith('\n```')).toBe(true);
    // Outside of the block and our own bold words no character is markup.
    expect(unescaped.slice(0, unescaped.indexOf('```')).replace(/\*\*(Cause|Now):\*\*/g, '')).not.toMatch(
      /[*_~`|<>[\]#\\]/,
    );
  });
});

describe('teams', () => {
  it.each(HOSTILE)('a card of less than 28 kB, with nothing but ours in Markdown: %j', (character) => {
    const body = teams(hostile(character)) as unknown as {
      readonly type: string;
      readonly attachments: readonly [{ contentType: string; content: { body: JsonObject[]; actions: JsonObject[] } }];
    };
    expect(Buffer.byteLength(JSON.stringify(body))).toBeLessThan(28 * 1_024);
    expect(body.type).toBe('message');
    const [{ contentType, content }] = body.attachments;
    expect(contentType).toBe('application/vnd.microsoft.card.adaptive');
    // A TextBlock or a fact would read Markdown; a text run does not.
    expect(JSON.stringify(content.body)).not.toMatch(/"TextBlock"|"FactSet"/);
    expect(content.actions).toHaveLength(5);
    for (const { type, url } of content.actions)
      expect([type, URL.canParse(String(url))]).toEqual(['Action.OpenUrl', true]);
  });
});

describe('telegram', () => {
  const decoded = (html: string) =>
    html
      .replace(/<\/?(b|pre)>/g, '')
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&amp;', '&');

  it.each(HOSTILE)('at most 4 096 characters as they are read, and no markup but ours: %j', (character) => {
    const { text, parse_mode } = telegram(hostile(character)) as { text: string; parse_mode: string };
    expect(parse_mode).toBe('HTML');
    expect(decoded(text).length).toBeLessThanOrEqual(4_096);
    const tags = [...text.matchAll(/<[^>]*>/g)].map(([tag]) => tag);
    expect(tags).toEqual(['<b>', '</b>', '<b>', '</b>', '<b>', '</b>', '<pre>', '</pre>']);
    expect(text.replace(/<\/?(b|pre)>|&(amp|lt|gt);/g, '')).not.toMatch(/[<>&]/);
  });

  it('reads as it was meant', () => {
    const cause = { ...said, cause: 'a < b && c > d </b>' };
    expect(decoded((telegram(cause) as { text: string }).text)).toContain('Cause: a < b && c > d </b>');
  });
});

describe('ntfy', () => {
  it.each(HOSTILE)('at most 4 096 bytes, whole characters, a body that the server takes: %j', (character) => {
    const body = ntfy(hostile(character), { id: '01hxyz' }) as { message: string; title: string; actions: unknown[] };
    expect(Buffer.byteLength(body.message)).toBeLessThanOrEqual(4_096);
    expect(body.message).not.toContain('\ufffd');
    expect(body.actions).toHaveLength(3);
    expect(Buffer.byteLength(JSON.stringify(body))).toBeLessThan(16_384);
  });

  it('says a failure louder, and replaces what it told before under the same id', () => {
    expect(ntfy(said, { id: '01hxyz' })).toMatchObject({ priority: 4, tags: ['x'], sequence_id: '01hxyz' });
    expect(ntfy(said, { id: 'not an id' })).not.toHaveProperty('sequence_id');
    expect(ntfy(empty, { id: 'a' })['message']).toBe('A deployment failed');
  });
});

it('cuts neither an escape nor a character in two', () => {
  const asEscaped = (text: string) => text.replaceAll('&', '&amp;');
  expect(escapedWithin('&&&', 15, asEscaped)).toBe('&amp;&amp;&amp;');
  expect(escapedWithin('&&&', 14, asEscaped)).toBe('&amp;&amp;…');
  expect(escapedWithin('a😀b', 3, (text) => text)).toBe('a…');
});
