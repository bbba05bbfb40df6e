import type { JsonObject, Message } from '@quayside/core/ports';
import { describe, expect, it } from 'vitest';
import { discord } from './discord.js';
import { slack } from './slack.js';
import { durationText, shorten, summarize } from './summary.js';

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

describe('summarize', () => {
  it('says whose deployment it is, how it ended, how long it took and where it answers', () => {
    const summary = summarize(
      told('deployment.succeeded', { deployment, instance: { domains: ['stage-prod-shop.example.com'] } }),
      'https',
    );
    expect(summary).toMatchObject({
      tone: 'good',
      title: 'shop v1.4.2 is live on prod',
      links: ['https://stage-prod-shop.example.com'],
      cause: null,
    });
    expect(Object.fromEntries(summary.facts.map(({ label, value }) => [label, value]))).toEqual({
      Project: 'shop',
      Stage: 'prod',
      Tag: 'v1.4.2',
      Duration: '12.3 s',
      By: 'ada',
    });
  });

  it('gives a failure its cause, its hint, the last lines and what is left', () => {
    const summary = summarize(failure, 'https');
    expect(summary.title).toBe('shop v1.4.2 failed on prod');
    expect(summary.cause).toBe('health: GET http://10.0.0.5:3000/healthz: connection refused.');
    expect(summary.hint).toContain('0.0.0.0');
    expect(summary.lastLines).toEqual(['booting', 'Error: no DATABASE_URL', 'exit 1']);
    expect(summary.facts).toContainEqual({ label: 'Left to remove', value: 'container shop-1' });
  });

  it.each([
    ['deployment.queued', 'shop v1.4.2 waits for its turn on prod'],
    ['deployment.started', 'shop v1.4.2 is being deployed on prod'],
    ['deployment.rolling-back', 'shop v1.4.2 failed on prod and is being undone'],
    ['deployment.unchanged', 'shop v1.4.2 was live on prod already'],
    ['deployment.cancelled', 'shop v1.4.2 was cancelled on prod'],
    ['deployment.superseded', 'shop v1.4.2 was superseded by a newer request on prod'],
    ['deployment.abandoned', 'shop v1.4.2 was abandoned on prod: nobody could run it'],
    ['deployment.cleaned', 'What shop v1.4.2 had left on prod is removed'],
    ['something.new', 'shop v1.4.2 on prod: something.new'],
  ])('has a sentence for %s', (type, title) => {
    expect(summarize(told(type, { deployment }), 'https').title).toBe(title);
  });

  it('speaks of a roll back and of a retired instance in their own words', () => {
    const rollback = { ...deployment, kind: 'rollback' };
    expect(summarize(told('deployment.succeeded', { deployment: rollback }), 'http').title).toBe(
      'Rolled back to shop v1.4.2 on prod',
    );
    const retired = told('instance.retired', { instance: { ...deployment, domains: [] }, reason: 'evicted' });
    expect(summarize(retired, 'http').title).toBe('shop v1.4.2 has retired on prod (evicted)');
  });

  it('makes something of data that it does not know', () => {
    for (const data of [{}, { deployment: null }, { deployment: [], error: 'x', instance: 7 }]) {
      const summary = summarize(told('deployment.failed', data as JsonObject), 'https');
      expect(summary.title).toBe('A deployment failed');
      expect(JSON.stringify([slack(summary), discord(summary)])).not.toMatch(/undefined|\[object|null/);
    }
  });
});

describe('templates', () => {
  const hostile = summarize(
    told('deployment.failed', {
      deployment: { ...deployment, project: '<!channel> @everyone', tag: '*b*`' },
      error: {
        message: `<script> & ${'x'.repeat(20_000)}`,
        hint: 'h'.repeat(9_000),
        details: { lastLines: ['```@here', 'y'.repeat(5_000)] },
      },
    }),
    'https',
  );

  it('slack: cause, hint, lines, facts and links are there', () => {
    const summary = summarize(failure, 'https');
    const text = JSON.stringify(slack({ ...summary, links: ['https://a.example.com'] }));
    for (const part of [
      'shop v1.4.2 failed on prod',
      'connection refused',
      '0.0.0.0',
      'no DATABASE_URL',
      '12.3 s',
      '<https://a.example.com>',
      '#e01e5a',
    ]) {
      expect(text).toContain(part);
    }
  });

  it('slack: nothing in it is a command, and no text is longer than Slack takes', () => {
    const texts: string[] = [];
    JSON.stringify(slack(hostile), (key, value) => {
      if (key === 'text' && typeof value === 'string') texts.push(value);
      return value;
    });
    expect(texts.length).toBeGreaterThan(3);
    for (const text of texts) {
      expect(text.length).toBeLessThanOrEqual(3_000);
      expect(text).not.toMatch(/<!|<script>/);
    }
  });

  it('discord: it wakes nobody and keeps to the limits', () => {
    const body = discord(hostile) as {
      allowed_mentions: unknown;
      embeds: { title: string; description: string; fields: { value: string }[] }[];
    };
    expect(body.allowed_mentions).toEqual({ parse: [] });
    const [embed] = body.embeds;
    expect(embed?.title.length).toBeLessThanOrEqual(256);
    expect(embed?.description.length).toBeLessThanOrEqual(4_096);
    for (const { value } of embed?.fields ?? []) expect(value.length).toBeLessThanOrEqual(1_024);
    const total = (embed?.title.length ?? 0) + (embed?.description.length ?? 0) + JSON.stringify(embed?.fields).length;
    expect(total).toBeLessThanOrEqual(6_000);
    // The fence of the last lines is closed although what stands in it has one of its own.
    expect(embed?.description.split('```')).toHaveLength(3);
  });

  it('discord: cause, hint, lines and links are there', () => {
    const summary = summarize(failure, 'https');
    const text = JSON.stringify(discord({ ...summary, links: ['https://a.example.com'] }));
    for (const part of [
      'shop v1.4.2 failed on prod',
      'connection refused',
      'no DATABASE',
      'https://a.example.com',
      '12.3 s',
    ]) {
      expect(text).toContain(part);
    }
  });
});

describe('words', () => {
  it('tells durations as people do', () => {
    expect([0, 850, 12_345, 59_970, 125_000].map(durationText)).toEqual([
      '0 ms',
      '850 ms',
      '12.3 s',
      '1 min 0 s',
      '2 min 5 s',
    ]);
  });
  it('cuts no character in two', () => {
    expect(shorten('ab😀cd', 4)).toBe('ab…');
    expect(shorten('abcd', 4)).toBe('abcd');
  });
});
