/** The laws of `Registry`. Whoever keeps them never answers with what a tag pointed to yesterday. */
import type { Registry } from '../../ports/registry.js';
import { ended, error, holds, open, same, value } from './assert.js';
import { contractsOf, type Law } from './law.js';
import { letsGo } from './listeners.js';

export interface RegistrySubject {
  readonly registry: Registry;
  /** The repository of that name at a registry that this port may use: `127.0.0.1:5000/shop`. Nothing is in it at first. */
  repository(name: string): string;
  /** Puts a manifest there; its digest follows from `content` (and, if need be, from the reference). */
  push(reference: string, content: string): Promise<string>;
  /** A registry where nobody answers, and one that wants a login which the port has not: hosts, as references begin. */
  readonly away: string;
  readonly denying: string;
}

const ABSENT = `sha256:${'0'.repeat(64)}`;
/** More than fit on a page: a harness gives the port pages of at most 10. */
const TAGS = 25;

const REGISTRY = contractsOf('docs/guides/write-a-registry.md', {
  resolving:
    'resolve() answers what a tag or a digest points to now, never what it pointed to before. What is not there, or is no reference, is `image-not-found`.',
  tags: 'tags() answers every tag of the repository, each once, however many pages that takes. A repository that is not there is `image-not-found`.',
  failures:
    'A registry that does not answer is `registry-unreachable` and retryable; one that wants another login is `registry-denied` and not.',
  signals: 'Every method answers `aborted` under an aborted signal, and no call leaves a listener behind.',
  closing: 'close() may be called twice.',
});

export const registryLaws: readonly Law<RegistrySubject>[] = [
  {
    name: 'a tag resolves to the digest that was pushed',
    contract: REGISTRY.resolving,
    async holds({ registry, repository, push }) {
      const [one, two] = [`${repository('shop')}:v1`, `${repository('team/shop')}:v2.0_rc-1`];
      for (const [index, reference] of [one, two].entries()) {
        const digest = await push(reference, `content ${index}`);
        holds(/^sha256:[a-f0-9]{64}$/.test(digest), `the harness pushed a manifest with a digest, not "${digest}"`);
        same(await value(registry.resolve(reference, open())), { digest }, `what ${reference} points to`);
      }
    },
  },
  {
    name: 'a tag that has moved resolves to what it points to now',
    contract: REGISTRY.resolving,
    async holds({ registry, repository, push }) {
      const reference = `${repository('shop')}:latest`;
      for (const content of ['first', 'second', 'first']) {
        const digest = await push(reference, content);
        for (let round = 0; round < 2; round += 1) {
          same(await value(registry.resolve(reference, open())), { digest }, `after the push of the ${content}`);
        }
      }
    },
  },
  {
    name: 'a digest resolves to itself where it is there',
    contract: REGISTRY.resolving,
    async holds({ registry, repository, push }) {
      const digest = await push(`${repository('shop')}:v1`, 'content');
      same(await value(registry.resolve(`${repository('shop')}@${digest}`, open())), { digest }, 'the digest itself');
    },
  },
  {
    name: 'a tag, a digest or a repository that is not there is `image-not-found`, and not worth asking again',
    contract: REGISTRY.resolving,
    async holds({ registry, repository, push }) {
      await push(`${repository('shop')}:v1`, 'content');
      const missing = [`${repository('shop')}:v2`, `${repository('shop')}@${ABSENT}`, `${repository('nowhere')}:v1`];
      for (const reference of missing) {
        const failure = await error(registry.resolve(reference, open()), 'image-not-found');
        same(failure.retryable, false, `${reference} does not appear by itself`);
        holds(failure.message.includes(reference.split('@')[0] ?? ''), `the message names ${reference}`);
      }
    },
  },
  {
    name: 'what is no reference is `image-not-found`, and throws nothing',
    contract: REGISTRY.resolving,
    async holds({ registry }) {
      for (const text of ['', ' ', 'a b', 'shop:', 'shop@sha256:1', '../../etc', 'http://a/b']) {
        await error(registry.resolve(text, open()), 'image-not-found', JSON.stringify(text));
      }
    },
  },
  {
    name: 'tags are all of them, each once, however many pages that takes',
    contract: REGISTRY.tags,
    async holds({ registry, repository, push }) {
      const wanted = Array.from({ length: TAGS }, (_, index) => `v${String(index).padStart(2, '0')}`);
      for (const tag of wanted) await push(`${repository('shop')}:${tag}`, 'content');
      await push(`${repository('shop-2')}:other`, 'content');
      const tags = await value(registry.tags(repository('shop'), open()));
      same([...tags].sort(), wanted, `the ${TAGS} tags of this repository, and of no other`);
    },
  },
  {
    name: 'tags of a repository that is not there are `image-not-found`, not none',
    contract: REGISTRY.tags,
    async holds({ registry, repository }) {
      const failure = await error(registry.tags(repository('nowhere'), open()), 'image-not-found');
      same(failure.retryable, false, 'it does not appear by itself');
    },
  },
  {
    name: 'a registry that does not answer is `registry-unreachable`, and worth asking again',
    contract: REGISTRY.failures,
    async holds({ registry, away }) {
      const failures = [
        await error(registry.resolve(`${away}/shop:v1`, open()), 'registry-unreachable'),
        await error(registry.tags(`${away}/shop`, open()), 'registry-unreachable'),
      ];
      for (const failure of failures) same(failure.retryable, true, 'it may be up again later');
    },
  },
  {
    name: 'a registry that wants another login is `registry-denied`, and asking again changes nothing',
    contract: REGISTRY.failures,
    async holds({ registry, denying }) {
      const failure = await error(registry.resolve(`${denying}/shop:v1`, open()), 'registry-denied');
      same(failure.retryable, false, 'nobody has changed the login');
      await error(registry.tags(`${denying}/shop`, open()), 'registry-denied');
    },
  },
  {
    name: 'an aborted signal is answered `aborted`',
    contract: REGISTRY.signals,
    async holds({ registry, repository, push }) {
      await push(`${repository('shop')}:v1`, 'content');
      await error(registry.resolve(`${repository('shop')}:v1`, ended()), 'aborted');
      await error(registry.tags(repository('shop'), ended()), 'aborted');
    },
  },
  {
    name: 'calls that have ended leave no listener on their signal',
    contract: REGISTRY.signals,
    async holds({ registry, repository, push }) {
      const reference = `${repository('shop')}:v1`;
      await push(reference, 'content');
      await letsGo('calls to the registry', async (options) => {
        await value(registry.resolve(reference, options));
        await value(registry.tags(repository('shop'), options));
        await error(registry.resolve(`${repository('shop')}:none`, options), 'image-not-found');
      });
    },
  },
  {
    name: 'closing twice is fine',
    contract: REGISTRY.closing,
    async holds({ registry }) {
      if (!registry.close) return;
      await value(registry.close());
      await value(registry.close());
    },
  },
];
