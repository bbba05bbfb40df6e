import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../domain/json.js';
import type { Message } from './notifier.js';
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
      expect(summary).toMatchObject({ title: 'A deployment failed', facts: [], hint: null, lastLines: [], links: [] });
      expect(JSON.stringify(summary)).not.toMatch(/undefined|\[object/);
    }
  });
});

describe('summarize, of hostile data', () => {
  it('keeps no control character, colour or half of a character', () => {
    const summary = summarize(
      told('deployment.failed', {
        deployment: { ...deployment, tag: 'v1\u0000\ud800' },
        error: {
          message: '\u001b[31mred\u001b[0m\r\nnext\u0007',
          hint: 'a\tb',
          details: { lastLines: ['\u001b[1mbold\u007f'] },
        },
      }),
      'https',
    );
    expect(summary.title).toBe('shop v1\ufffd failed on prod');
    expect([summary.cause, summary.hint, summary.lastLines]).toEqual(['red\nnext', 'a\tb', ['bold']]);
  });

  it('links to nothing that is no address', () => {
    const links = (domains: readonly string[]) =>
      summarize(told('deployment.succeeded', { deployment, instance: { domains } }), 'https').links;
    expect(links(['a.example.com', 'a b', '', 'x:y:z'])).toEqual(['https://a.example.com']);
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
