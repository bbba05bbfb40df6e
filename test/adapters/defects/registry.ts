import type { Registry, RegistryError } from '@quayside/core/ports';
import { type RegistrySubject, registryLaws } from '@quayside/core/testing';
import { errAsync, okAsync } from 'neverthrow';
import { type MemorySurroundings, registrySubject } from '../../../packages/core/src/testing/laws/memory-subjects.js';
import type { Suite } from '../defect.js';
import { closesOnce, deaf, leaveListener } from '../wrong.js';

const defect = (
  name: string,
  law: string,
  wrong: (right: Registry, around: MemorySurroundings) => Partial<Registry>,
  how?: 'throw',
) => ({
  name,
  law,
  ...(how ? { how } : {}),
  open: () => registrySubject((right, around) => ({ ...right, ...wrong(right, around) })),
});

const MISSING = 'a tag, a digest or a repository that is not there is `image-not-found`, and not worth asking again';
const TAGS = 'tags are all of them, each once, however many pages that takes';
const NO_TAGS = 'tags of a repository that is not there are `image-not-found`, not none';
const AWAY = 'a registry that does not answer is `registry-unreachable`, and worth asking again';
const DENIED = 'a registry that wants another login is `registry-denied`, and asking again changes nothing';
const ABORTED = 'an aborted signal is answered `aborted`';
const PAGE = 10;

const as = (kind: RegistryError['kind'], of: RegistryError['kind']) => (error: RegistryError) =>
  error.kind === of ? ({ ...error, kind } as RegistryError) : error;

export const registrySuite: Suite<RegistrySubject> = {
  port: 'Registry',
  laws: registryLaws,
  right: [{ name: 'in memory', open: () => registrySubject() }],
  defects: [
    defect('the digest of another manifest is answered', 'a tag resolves to the digest that was pushed', (right) => ({
      resolve: (reference, options) =>
        right.resolve(reference, options).map(({ digest }) => ({
          digest: reference.includes('@') ? digest : digest.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
        })),
    })),
    defect('what a tag pointed to is remembered', 'a tag that has moved resolves to what it points to now', (right) => {
      const known = new Map<string, ReturnType<Registry['resolve']>>();
      return {
        resolve(reference, options) {
          const answer = known.get(reference) ?? right.resolve(reference, options);
          if (!options.signal.aborted) known.set(reference, answer);
          return answer;
        },
      };
    }),
    defect('a digest is believed without asking', MISSING, (right) => ({
      resolve(reference, options) {
        const digest = reference.split('@')[1];
        return digest?.length === 71 && !options.signal.aborted
          ? okAsync({ digest })
          : right.resolve(reference, options);
      },
    })),
    defect('a digest is looked for as a tag', 'a digest resolves to itself where it is there', (right) => ({
      resolve: (reference, options) => right.resolve(reference.replace('@', ':'), options),
    })),
    defect('what is not there is worth asking again', MISSING, (right) => ({
      resolve: (reference, options) =>
        right.resolve(reference, options).mapErr((error) => ({ ...error, retryable: true })),
    })),
    defect('what is not there is `registry-unreachable`', MISSING, (right) => ({
      resolve: (reference, options) =>
        right.resolve(reference, options).mapErr(as('registry-unreachable', 'image-not-found')),
    })),
    defect('the error does not say what is not there', MISSING, (right) => ({
      resolve: (reference, options) =>
        right.resolve(reference, options).mapErr((error) => ({ ...error, message: 'Not found.' })),
    })),
    defect(
      'what is no reference throws',
      'what is no reference is `image-not-found`, and throws nothing',
      (right) => ({
        resolve(reference, options) {
          if (!/^[\w./:-]+(@sha256:[0-9a-f]{64})?$/.test(reference))
            throw new TypeError(`"${reference}" is no reference.`);
          return right.resolve(reference, options);
        },
      }),
      'throw',
    ),
    defect('the last page of tags is dropped', TAGS, (right) => ({
      tags: (repository, options) =>
        right
          .tags(repository, options)
          .map((tags) => (tags.length > PAGE ? tags.slice(0, tags.length - (tags.length % PAGE)) : tags)),
    })),
    defect('only the first page of tags is read', TAGS, (right) => ({
      tags: (repository, options) => right.tags(repository, options).map((tags) => tags.slice(0, PAGE)),
    })),
    defect('the tag between two pages comes twice', TAGS, (right) => ({
      tags: (repository, options) =>
        right
          .tags(repository, options)
          .map((tags) => tags.flatMap((tag, index) => (index % PAGE === PAGE - 1 ? [tag, tag] : [tag]))),
    })),
    defect('tags of repositories that begin alike are answered too', TAGS, (right, { engine }) => ({
      tags: (repository, options) =>
        right
          .tags(repository, options)
          .map((tags) => [
            ...tags,
            ...[...engine.registry.keys()]
              .filter((key) => key.startsWith(`${repository}-`))
              .map((key) => key.slice(key.lastIndexOf(':') + 1)),
          ]),
    })),
    defect('a repository that is not there has no tags', NO_TAGS, (right) => ({
      tags: (repository, options) =>
        right
          .tags(repository, options)
          .orElse((error) => (error.kind === 'image-not-found' ? okAsync([]) : errAsync(error))),
    })),
    defect('a registry that is away has no tags', AWAY, (right) => ({
      tags: (repository, options) =>
        right
          .tags(repository, options)
          .orElse((error) => (error.kind === 'registry-unreachable' ? okAsync([]) : errAsync(error))),
    })),
    defect('a registry that is away is for good', AWAY, (right) => ({
      resolve: (reference, options) =>
        right.resolve(reference, options).mapErr((error) => ({ ...error, retryable: false })),
    })),
    defect('a wrong login is `image-not-found`', DENIED, (right) => ({
      resolve: (reference, options) =>
        right.resolve(reference, options).mapErr(as('image-not-found', 'registry-denied')),
    })),
    defect('a wrong login is tried again', DENIED, (right) => ({
      resolve: (reference, options) =>
        right
          .resolve(reference, options)
          .mapErr((error) => (error.kind === 'registry-denied' ? { ...error, retryable: true } : error)),
    })),
    defect('an aborted call answers all the same', ABORTED, (right) => ({
      tags: (repository, options) => right.tags(repository, deaf(options)),
    })),
    defect('an aborted call is a timeout', ABORTED, (right) => ({
      resolve: (reference, options) => right.resolve(reference, options).mapErr(as('timeout', 'aborted')),
    })),
    defect(
      'each call leaves its listener on the signal',
      'calls that have ended leave no listener on their signal',
      (right) => ({
        resolve(reference, options) {
          leaveListener(options);
          return right.resolve(reference, options);
        },
      }),
    ),
    defect('closing twice is an error', 'closing twice is fine', closesOnce),
  ],
};
