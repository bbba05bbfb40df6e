/** What somebody else has written goes into answers and reports as one quiet line, and a login into none of them. */
import { createHmac } from 'node:crypto';
import type { Registry } from '@quayside/core/ports';
import { memoryStore, virtualClock } from '@quayside/core/testing';
import { errAsync, okAsync } from 'neverthrow';
import { Webhook } from 'standardwebhooks';
import { expect, it, onTestFinished } from 'vitest';
import { triggers } from '../triggers.js';
import type { TriggerReport } from '../types.js';

const SECRET = 'correct-horse-battery-staple';
const SIGNING = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const LOGIN = 'the-password/of+the registry';

function world() {
  const clock = virtualClock();
  const reports: TriggerReport[] = [];
  const denied = {
    kind: 'registry-denied' as const,
    message: `It says: ${LOGIN} is wrong.`,
    hint: `Basic ${Buffer.from(`me:${LOGIN}`).toString('base64')}`,
    retryable: false,
    cause: new Error(`login ${encodeURIComponent(LOGIN)}`),
  };
  const made = triggers({
    deployer: {
      submit: () => okAsync({ id: 'd1' }),
      deployments: { get: () => okAsync({ status: 'succeeded', error: null }) },
      instances: { list: () => okAsync({ items: [] }) },
    },
    registry: { name: 'test', resolve: () => errAsync(denied), secrets: () => [LOGIN] } as unknown as Registry,
    store: memoryStore(),
    clock,
    poll: false,
    onReport: (report) => reports.push(report),
    watch: [{ project: 'shop', stage: 'dev', image: 'one.test/shop', tags: { glob: '*' } }],
    sources: {
      hub: { kind: 'ghcr', secret: SECRET },
      tea: { kind: 'gitea', secret: SECRET, registry: 'one.test' },
      lab: { kind: 'gitlab', secret: SECRET, registry: 'one.test' },
      port: { kind: 'harbor', secret: SECRET, registry: 'one.test' },
      ci: { kind: 'signed', secret: SIGNING },
    },
  })._unsafeUnwrap();
  onTestFinished(() => made.close());
  return { made, clock, reports };
}

const post = (path: string, body: string, headers: Record<string, string>) =>
  new Request(`http://receiver.test/hooks/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
const hmac = (body: string) => createHmac('sha256', SECRET).update(body).digest('hex');
const standard = (body: string, nowMs: number) => ({
  'webhook-id': 'msg_1',
  'webhook-timestamp': String(Math.floor(nowMs / 1000)),
  'webhook-signature': new Webhook(SIGNING).sign('msg_1', new Date(Math.floor(nowMs / 1000) * 1000), body),
});

it('a word of a body is repeated on one line, without what a terminal or an eye would obey', async () => {
  const { made, reports, clock } = world();
  const evil = 'x\n2026 deployed by root\x1b[2J\x9b\u2028\u202e';
  const bodies = {
    hub: JSON.stringify({ action: evil, registry_package: { name: 'shop' } }),
    tea: JSON.stringify({
      action: evil,
      package: { type: 'container', name: 'shop', version: 'v1', owner: { login: 'a' } },
    }),
    lab: JSON.stringify({
      object_kind: 'pipeline',
      object_attributes: { status: evil },
      project: { path_with_namespace: 'a/shop' },
    }),
    port: JSON.stringify({ type: evil }),
    ci: JSON.stringify({ type: evil, data: { image: 'one.test/shop' } }),
  };
  const sent = {
    hub: { 'x-github-event': 'registry_package', 'x-hub-signature-256': `sha256=${hmac(bodies.hub)}` },
    tea: { 'x-gitea-signature': hmac(bodies.tea) },
    lab: { 'x-gitlab-token': SECRET },
    port: { authorization: SECRET },
    ci: standard(bodies.ci, clock.now()),
  };
  for (const path of Object.keys(bodies) as (keyof typeof bodies)[]) {
    const response = await made.fetch(post(path, bodies[path], sent[path] as Record<string, string>));
    const { reason } = (await response.json()) as { reason: string };
    expect([path, response.status, reason]).toEqual([path, 200, expect.stringContaining('2026 deployed by root')]);
    expect(/[\p{Cc}\p{Cf}\u2028]/u.test(reason), reason).toBe(false);
    expect(reports.at(-1)).toMatchObject({ type: 'ignored', source: path, reason });
  }
});

it('a byte in front of what was signed makes it something that was not', async () => {
  const { made, clock } = world();
  const body = JSON.stringify({ image: 'one.test/shop:v1' });
  const headers = standard(body, clock.now());
  expect((await made.fetch(post('ci', `\ufeff${body}`, headers))).status).toBe(401);
  expect((await made.fetch(post('ci', body, headers))).status).toBe(202);
});

it('what a registry says of its login is in no report', async () => {
  const { made, clock, reports } = world();
  const body = JSON.stringify({ image: 'one.test/shop:v1' });
  expect((await made.fetch(post('ci', body, standard(body, clock.now())))).status).toBe(202);
  for (let turn = 0; turn < 40 && !reports.some(({ type }) => type === 'failed'); turn += 1) {
    await clock.advance(500);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const failed = reports.find(({ type }) => type === 'failed');
  expect(failed).toMatchObject({ error: { kind: 'registry-denied', message: 'It says: *** is wrong.' } });
  const text = JSON.stringify(failed) + String((failed as { error: { cause: Error } }).error.cause);
  for (const form of [LOGIN, Buffer.from(LOGIN).toString('base64').slice(4, -4), encodeURIComponent(LOGIN)])
    expect(text).not.toContain(form);
});

it('a time in another spelling than it was signed in is none that was signed', async () => {
  const { made, clock } = world();
  const body = JSON.stringify({ image: 'one.test/shop:v1' });
  const headers = standard(body, clock.now());
  const padded = { ...headers, 'webhook-timestamp': `00${headers['webhook-timestamp']}` };
  expect((await made.fetch(post('ci', body, padded))).status).toBe(401);
  expect((await made.fetch(post('ci', body, headers))).status).toBe(202);
});
