import type { PullProgress } from '../../../ports/container-runtime.js';
import { error, holds, open, same, value } from '../assert.js';
import type { Law } from '../law.js';
import { RUNTIME } from './contracts.js';
import { created, pulled, type RuntimeSubject, seen } from './subject.js';

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Who the engine is, and what it gets from a registry. */
export const imageLaws: readonly Law<RuntimeSubject>[] = [
  {
    name: 'the engine says who it is, always the same, and how it makes instances reachable',
    contract: RUNTIME.describing,
    async holds({ runtime }) {
      const first = await value(runtime.describe(open()));
      const again = await value(runtime.describe(open()));
      holds(first.identity.length > 0, 'it has an identity');
      same(again.identity, first.identity, 'the identity is stable');
      holds(first.offers.length > 0, 'it offers a way to reach an instance');
    },
  },
  {
    name: 'resolve answers the digest that a pull then brings',
    contract: RUNTIME.images,
    async holds(subject) {
      const { runtime, images } = subject;
      const { digest } = await value(runtime.resolve(images.app, open()));
      holds(DIGEST.test(digest), `a digest is sha256:…, not ${digest}`);
      const image = await pulled(subject, images.app);
      holds(
        image.digests.some((each) => each.endsWith(`@${digest}`)),
        `the pulled image has the resolved digest, not ${image.digests.join(', ')}`,
      );
    },
  },
  {
    name: 'a tag that moves after the pull moves for resolve and the next pull, and not for what was pulled before',
    contract: RUNTIME.images,
    exempt: ({ move }) => (move ? undefined : 'its registry’s tags cannot be moved'),
    async holds(subject) {
      const { runtime, images, prefix } = subject;
      const before = await created(subject, images.app, { name: `${prefix}-before` });
      await subject.move?.(images.app, images.ends);
      const { digest } = await value(runtime.resolve(images.app, open()));
      same(await value(runtime.resolve(images.ends, open())), { digest }, 'resolve asks the registry, not the engine');
      const later = await created(subject, before.image, { name: `${prefix}-later`, image: before.image });
      await value(runtime.start(later, open()));
      same((await seen(subject, later)).state, 'running', 'a digest is what it was, wherever the tag went');
      const after = await pulled(subject, images.app);
      holds(
        after.digests.some((each) => each.endsWith(`@${digest}`)),
        `a pull answers what the tag points to now, not ${after.digests.join(', ')}`,
      );
    },
  },
  {
    name: 'a tag that the registry has not is image-not-found, resolved or pulled',
    contract: RUNTIME.images,
    async holds({ runtime, images }) {
      await error(runtime.resolve(images.missing, open()), 'image-not-found', 'resolve says that there is no such tag');
      await error(runtime.pull(images.missing, open()), 'image-not-found', 'pull says that there is no such tag');
    },
  },
  {
    name: 'an image is unknown before the pull, and found by tag, by digest and by id after it',
    contract: RUNTIME.images,
    async holds(subject) {
      const { runtime, images } = subject;
      holds((await value(runtime.image(images.app, open()))) === undefined, 'it is unknown before the pull');
      const image = await pulled(subject, images.app);
      for (const reference of [images.app, image.digests[0] ?? '', image.id]) {
        const found = await value(runtime.image(reference, open()));
        same(found?.id, image.id, `it is found as ${reference}`);
      }
    },
  },
  {
    name: 'a pull tells its progress, and pulling again answers the same image',
    contract: RUNTIME.images,
    async holds(subject) {
      const seen: PullProgress[] = [];
      const onProgress = (progress: PullProgress) => seen.push(progress);
      const first = await value(subject.runtime.pull(subject.images.app, { ...open(), onProgress }));
      holds(seen.length > 0, 'progress is told');
      holds(
        seen.every(({ status }) => status.length > 0),
        'each step of it has a status',
      );
      same((await pulled(subject, subject.images.app)).id, first.id, 'the same image is answered again');
    },
  },
  {
    name: 'progress that is not welcome (the callback throws) does not fail the pull',
    contract: RUNTIME.images,
    async holds({ runtime, images }) {
      const onProgress = () => {
        throw new Error('a progress bar broke');
      };
      await value(runtime.pull(images.app, { ...open(), onProgress }), 'the pull succeeds all the same');
    },
  },
  {
    name: 'an image tells whether it has a health check of its own',
    contract: RUNTIME.images,
    async holds(subject) {
      holds((await pulled(subject, subject.images.healthy)).hasHealthcheck, 'the one with a health check says so');
      holds(!(await pulled(subject, subject.images.app)).hasHealthcheck, 'the one without says so');
    },
  },
  {
    name: 'an image in use is never removed, one that is not is gone, and gone already is ok',
    contract: RUNTIME['removing-images'],
    async holds(subject) {
      const { runtime, images } = subject;
      const spec = await created(subject, images.app);
      await error(runtime.removeImage(images.app, open()), 'image-in-use', 'an image that a container uses stays');
      holds(await value(runtime.image(spec.image, open())), 'it is still there');
      await value(runtime.remove(spec, open()));
      await value(runtime.removeImage(images.app, open()), 'unused it can be removed');
      holds((await value(runtime.image(images.app, open()))) === undefined, 'it is gone');
      await value(runtime.removeImage(images.app, open()), 'removing what is gone is ok');
    },
  },
];
