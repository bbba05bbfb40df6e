import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AnyError, Registry, Store } from '@quayside/core/ports';
import { memoryStore, virtualClock } from '@quayside/core/testing';
import { errAsync, okAsync } from 'neverthrow';
import { describe, expect, it, onTestFinished } from 'vitest';
import { nodeListener } from '../node.js';
import { triggers } from '../triggers.js';
import type { TriggerDeployer, TriggerReport, TriggersOptions } from '../types.js';

const SECRET = 'correct-horse-battery-staple';
const NEW_SECRET = 'a-newer-horse-battery-staple';

function world(options: Partial<TriggersOptions> = {}) {
  const clock = virtualClock();
  const state: { failure: AnyError | undefined; asked: number } = { failure: undefined, asked: 0 };
  const registry = {
    name: 'test',
    resolve: (reference: string) => {
      state.asked += 1;
      return state.failure ? errAsync(state.failure) : okAsync({ digest: `sha256:${reference}` });
    },
  } as unknown as Registry;
  const submitted: string[] = [];
  const refusals: AnyError[] = [];
  const deployer: TriggerDeployer = {
    submit({ tag }) {
      const refusal = refusals.shift();
      if (refusal) return errAsync(refusal);
      submitted.push(tag);
      return okAsync({ id: `d${submitted.length}` });
    },
    deployments: { get: () => okAsync({ status: 'succeeded', error: null }) },
    instances: { list: () => okAsync({ items: [] }) },
  };
  const reports: TriggerReport[] = [];
  const store = memoryStore();
  const made = triggers({
    deployer,
    registry,
    store,
    clock,
    random: () => 0,
    poll: false,
    onReport: (report) => reports.push(report),
    watch: [{ project: 'shop', stage: 'dev', image: 'one.test/shop', tags: { glob: '*' } }],
    sources: { registry: { kind: 'distribution', secret: [SECRET, NEW_SECRET], registry: 'one.test' } },
    ...options,
  })._unsafeUnwrap();
  onTestFinished(() => made.close());
  const turns = async () => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const pass = async (ms: number) => {
    for (let done = 0; done < ms; done += 500) {
      await clock.advance(500);
      await turns();
    }
  };
  return { made, clock, store, state, submitted, refusals, reports, pass, turns };
}

const envelope = (tag: string) =>
  JSON.stringify({
    events: [{ id: tag, action: 'push', timestamp: '2026-01-01T00:00:00Z', target: { repository: 'shop', tag } }],
  });

const post = (body: string | ReadableStream, secret = SECRET, headers: Record<string, string> = {}) =>
  new Request('http://receiver.test/hooks/registry', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}`, ...headers },
    body,
    duplex: 'half',
  } as RequestInit);

const PASSING: AnyError = { kind: 'registry-unreachable', message: 'Away.', hint: 'Wait.', retryable: true };

describe('a receiver', () => {
  it('answers before anything is asked or submitted, and what it has accepted is submitted afterwards', async () => {
    const { made, state, submitted, pass, store } = world();
    const response = await made.fetch(post(envelope('v1')));
    expect([response.status, state.asked, submitted]).toEqual([202, 0, []]);
    expect((await store.list('deliveries', { where: { state: 'accepted' } }, NEVER))._unsafeUnwrap()).toHaveLength(1);
    await pass(2_000);
    expect(submitted).toEqual(['v1']);
    const left = (await store.list('deliveries', {}, NEVER))._unsafeUnwrap();
    expect(left.map(({ value }) => [value.state, value.pushes])).toEqual([['done', []]]);
  });

  it('takes each of a source’s secrets, and no other', async () => {
    const { made } = world();
    const statuses = [SECRET, NEW_SECRET, `${SECRET}x`, '', 'Bearer'].map(
      async (secret, index) => (await made.fetch(post(envelope(`v${index}`), secret))).status,
    );
    expect(await Promise.all(statuses)).toEqual([202, 202, 401, 401, 401]);
  });

  it('reads nothing of a stranger’s body', async () => {
    const { made } = world();
    let pulled = 0;
    const body = new ReadableStream(
      {
        pull: () => {
          pulled += 1;
        },
      },
      { highWaterMark: 0 },
    );
    expect((await made.fetch(post(body, 'a-stranger-with-a-guess'))).status).toBe(401);
    expect(pulled).toBe(0);
  });

  it('gives up on a body that does not come, and lets go of it', async () => {
    const { made } = world({ bodyTimeout: 100 });
    let cancelled = 0;
    const body = new ReadableStream({
      cancel: () => {
        cancelled += 1;
      },
    });
    expect((await made.fetch(post(body))).status).toBe(408);
    expect(cancelled).toBe(1);
  });

  it('gives up on a body that goes on beyond its limit, whatever it says of its length', async () => {
    const { made } = world({ bodyLimit: 2_048 });
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        sent += 1;
        controller.enqueue(new Uint8Array(1_024));
      },
    });
    expect((await made.fetch(post(body))).status).toBe(413);
    expect(sent).toBeLessThan(10);
  });

  it('takes no more than it can hold, and says when to come back', async () => {
    const { made, pass } = world({ queueMax: 2 });
    const statuses: number[] = [];
    for (const tag of ['v1', 'v2', 'v3']) statuses.push((await made.fetch(post(envelope(tag)))).status);
    expect(statuses).toEqual([202, 202, 503]);
    await pass(2_000);
    expect((await made.fetch(post(envelope('v3')))).status).toBe(202);
  });

  it('accepts nothing that it cannot keep', async () => {
    const store: Store = {
      ...memoryStore(),
      commit: () => errAsync({ kind: 'store-unavailable', message: 'Gone.', hint: 'None.', retryable: true }),
    };
    const { made, pass, submitted } = world({ store });
    const response = await made.fetch(post(envelope('v1')));
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '10']);
    await pass(2_000);
    expect(submitted).toEqual([]);
  });

  it('takes nothing once it is closed', async () => {
    const { made } = world();
    await made.close();
    await made.close();
    expect((await made.fetch(post(envelope('v1')))).status).toBe(503);
  });

  it('is not harmed by a listener that throws', async () => {
    const { made, submitted, pass } = world({
      onReport: () => {
        throw new Error('The listener is broken.');
      },
    });
    expect((await made.fetch(post(envelope('v1')))).status).toBe(202);
    await pass(2_000);
    expect(submitted).toEqual(['v1']);
  });

  it('shows no secret in an answer or a report', async () => {
    const { made, reports } = world();
    const wrong = 'a-stranger-with-a-guess';
    const texts = [];
    for (const request of [post('{', SECRET), post(envelope('v1'), wrong), post(envelope('-v'))])
      texts.push(await (await made.fetch(request)).text());
    const all = JSON.stringify([texts, reports]);
    expect(all).not.toContain(SECRET);
    expect(all).not.toContain(wrong);
  });
});

describe('what was accepted', () => {
  it('is looked into again while the registry does not answer, after a second, two, four', async () => {
    const { made, state, submitted, reports, pass } = world();
    state.failure = PASSING;
    await made.fetch(post(envelope('v1')));
    await pass(9_000);
    const pauses = reports.flatMap((report) => (report.type === 'failed' ? [report.retryInMs] : []));
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000]);
    state.failure = undefined;
    await pass(10_000);
    expect(submitted).toEqual(['v1']);
  });

  it('is given up after three looks that fail for good', async () => {
    const { made, state, reports, submitted, pass, store } = world();
    state.failure = { kind: 'registry-denied', message: 'No.', hint: 'Log in.', retryable: false };
    await made.fetch(post(envelope('v1')));
    await pass(60_000);
    const pauses = reports.flatMap((report) => (report.type === 'failed' ? [report.retryInMs] : []));
    expect([pauses, submitted]).toEqual([[1_000, 2_000, null], []]);
    expect((await store.list('deliveries', { where: { state: 'accepted' } }, NEVER))._unsafeUnwrap()).toEqual([]);
  });

  it('is kept while the deployer is closed, for the next start', async () => {
    const { made, refusals, pass, store } = world();
    refusals.push(
      ...Array.from(
        { length: 20 },
        (): AnyError => ({ kind: 'closed', message: 'Closed.', hint: 'None.', retryable: false }),
      ),
    );
    await made.fetch(post(envelope('v1')));
    await pass(30_000);
    expect((await store.list('deliveries', { where: { state: 'accepted' } }, NEVER))._unsafeUnwrap()).toHaveLength(1);
  });

  it('is forgotten on the day after the next, and known until then', async () => {
    const { made, clock, pass, store } = world();
    made.start();
    clock.jump(1_000 * 86_400_000);
    await made.fetch(post(envelope('v1')));
    await pass(2_000);
    clock.jump(23 * 3_600_000);
    expect((await made.fetch(post(envelope('v1')))).status).toBe(200);
    clock.jump(3 * 86_400_000);
    await pass(301_000);
    expect((await store.list('deliveries', {}, NEVER))._unsafeUnwrap()).toEqual([]);
  }, 20_000);

  it('leaves no timer behind when it is closed amid its pause', async () => {
    const { made, clock, state, pass } = world();
    state.failure = PASSING;
    made.start();
    await made.fetch(post(envelope('v1')));
    await pass(2_000);
    await made.close();
    expect(clock.pending).toBe(0);
  });
});

describe('in Node’s own server', () => {
  const listen = async (server: Server): Promise<number> => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return (server.address() as { port: number }).port;
  };

  it('a delivery is taken, whatever its path begins with', async () => {
    const { made } = world();
    const port = await listen(createServer(nodeListener(made.fetch)));
    const url = `http://127.0.0.1:${port}/deep/down/hooks/registry`;
    const headers = { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' };
    expect((await fetch(url, { method: 'POST', headers, body: envelope('v1') })).status).toBe(202);
    expect((await fetch(url)).status).toBe(405);
    expect((await fetch(`http://127.0.0.1:${port}/`, { method: 'POST' })).status).toBe(404);
  });

  it('a sender that goes away in the midst of its body leaves nothing behind', async () => {
    const { made, reports } = world({ bodyTimeout: '1m' });
    const port = await listen(createServer(nodeListener(made.fetch)));
    const headers = { authorization: `Bearer ${SECRET}`, 'content-length': '1000' };
    const going = httpRequest({ port, host: '127.0.0.1', path: '/registry', method: 'POST', headers });
    going.on('error', () => undefined);
    going.write('{"events":');
    await new Promise((resolve) => setTimeout(resolve, 100));
    going.destroy();
    for (let wait = 0; reports.length === 0 && wait < 100; wait += 1)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(reports).toMatchObject([{ type: 'refused', status: 400 }]);
  });
});

const NEVER = { signal: new AbortController().signal };
