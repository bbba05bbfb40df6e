/** Pages for those who write an adapter: the conformance suites are held against the ports in memory, which have to obey them. */
import assert from 'node:assert/strict';
import {
  notifierSubject,
  probeSubject,
  proxySubject,
  registrySubject,
  runtimeSubject,
  storeSubject,
} from '../../../../packages/core/src/testing/laws/memory-subjects.js';
import type { Use, Uses } from '../use.js';

const conformance = (openSubject: () => Promise<unknown>): Use => ({
  given: () => ({ openSubject }),
  shows: (_exports, { laws }) => assert.ok(laws.length > 3, `${laws.length} laws were held`),
});

const MESSAGE = { id: 'msg-1', type: 'deployment.succeeded', time: 0, sequence: 1, data: {} };
const signal = () => new AbortController().signal;

export const AUTHORS: Uses = {
  'docs/guides/write-a-container-runtime.md#write-a-containerruntime': conformance(() => runtimeSubject()),
  'docs/guides/write-a-health-probe.md#write-a-healthprobe': conformance(() => probeSubject()),
  'docs/guides/write-a-notifier.md#write-a-notifier': conformance(() => notifierSubject()),
  'docs/guides/write-a-proxy-manager.md#write-a-proxymanager': conformance(() => proxySubject()),
  'docs/guides/write-a-registry.md#write-a-registry': conformance(() => registrySubject()),
  'docs/guides/write-a-store.md#write-a-store': conformance(() => storeSubject()),
  'docs/guides/write-a-container-runtime.md#logs': {
    async shows({ following }) {
      const stop = new AbortController();
      let isReturned = false;
      const lines = ['first', 'second'];
      const source = {
        next: () =>
          lines.length > 0
            ? Promise.resolve({ done: false, value: lines.shift() })
            : new Promise(() => setTimeout(() => stop.abort(), 10)),
        return: async () => {
          isReturned = true;
          return { done: true, value: undefined };
        },
      };
      const read: unknown[] = [];
      for await (const line of following(source, stop.signal)) read.push(line);
      assert.deepEqual(read, ['first', 'second']);
      assert.ok(isReturned);
    },
  },
  'docs/guides/write-a-notifier.md#write-a-notifier-2': {
    async shows({ jsonNotifier }, site) {
      assert.ok(jsonNotifier({ url: 'nowhere' }).isErr());
      const { url, received } = await site.receiver();
      const told = await jsonNotifier({ url })._unsafeUnwrap().notify(MESSAGE, { signal: signal() });
      assert.ok(told.isOk());
      assert.deepEqual(JSON.parse(received[0]?.body ?? ''), MESSAGE);
      for (const [status, retryable] of [
        [503, true],
        [400, false],
      ] as const) {
        const refusing = await site.receiver(status);
        const refused = await jsonNotifier({ url: refusing.url })._unsafeUnwrap().notify(MESSAGE, { signal: signal() });
        assert.equal(refused._unsafeUnwrapErr().retryable, retryable);
      }
      const late = await jsonNotifier({ url })._unsafeUnwrap().notify(MESSAGE, { signal: AbortSignal.abort() });
      assert.equal(late._unsafeUnwrapErr().kind, 'aborted');
    },
  },
  'docs/guides/write-a-store.md#all-or-nothing': {
    async shows({ decide }) {
      const transaction = (answers: object) => ({
        holdsLease: async () => true,
        versionOf: async () => 3,
        write: async () => 'done',
        ...answers,
      });
      const about = { fence: [{ lease: 'stage:a', token: 1 }], expect: [{ collection: 'lines', id: 'a', version: 3 }] };
      const decided = (answers: object) => decide(transaction(answers), [{}], about);
      assert.equal(await decided({}), 'committed');
      assert.equal(await decided({ versionOf: async () => 4 }), 'conflict');
      assert.equal(await decided({ holdsLease: async () => false, versionOf: async () => 4 }), 'lease-lost');
      assert.equal(await decided({ write: async () => 'conflict' }), 'conflict');
    },
  },
  'docs/guides/write-an-adapter.md#the-factory': {
    async shows({ myNotifier }, { printed }) {
      const wrong = myNotifier({ url: 'nowhere', timeout: -1 });
      assert.deepEqual(
        wrong._unsafeUnwrapErr().issues.map(({ path }: { path: string }) => path),
        ['myNotifier.url', 'myNotifier.timeout'],
      );
      await myNotifier({ url: 'https://ops.example.com' })._unsafeUnwrap().notify(MESSAGE, { signal: signal() });
      assert.deepEqual(printed, ['deployment.succeeded to https://ops.example.com within 10000 ms\n']);
    },
  },
  'docs/guides/write-an-adapter.md#signals': {
    async shows({ statusOf }, site) {
      const { url } = await site.receiver(418);
      assert.equal((await statusOf(url, signal()))._unsafeUnwrap(), 418);
      assert.equal((await statusOf(url, AbortSignal.abort()))._unsafeUnwrapErr().kind, 'aborted');
    },
  },
};
