/** The laws of `Sealer`. A stolen store must tell nothing, and a sealed value cannot be moved to where it does not belong. */
import { causesOf } from '../../domain/errors.js';
import type { Sealer } from '../../ports/sealer.js';
import { error, holds, same, value } from './assert.js';
import { contractsOf, type Law } from './law.js';

export interface SealerSubject {
  readonly sealer: Sealer;
  /** Of a host with another key. */
  readonly other: Sealer;
}

const SECRET = 'correct horse battery staple';
const CONTEXT = 'env:PASSWORD';

const SEALER = contractsOf('docs/guides/replace-clock-ids-sealer.md', {
  sealer:
    'seal() hides a value in a text that only open() with the same key and context reads; anything else is `secret-unreadable`. fingerprint() is a keyed hash. No error shows a value.',
});

export const sealerLaws: readonly Law<SealerSubject>[] = [
  {
    name: 'what was sealed is opened again, whatever it is',
    contract: SEALER.sealer,
    async holds({ sealer }) {
      for (const text of [SECRET, '', ' ', 'line one\nline two\0', 'ünïcode ✓ 😀', 'x'.repeat(100_000)]) {
        const sealed = await value(sealer.seal(text, CONTEXT));
        same(await value(sealer.open(sealed, CONTEXT)), text, 'the value itself');
      }
    },
  },
  {
    name: 'the same value twice gives two texts, and neither shows it',
    contract: SEALER.sealer,
    async holds({ sealer }) {
      const one = await value(sealer.seal(SECRET, CONTEXT));
      const two = await value(sealer.seal(SECRET, CONTEXT));
      holds(one !== two, 'equal texts would tell that two variables are equal');
      const forms = [SECRET, encodeURIComponent(SECRET), btoa(SECRET).replace(/=+$/, '')];
      holds(![one, two].some((text) => forms.some((form) => text.includes(form))), 'the value stands in the text');
    },
  },
  {
    name: 'a sealed value opens under its own context only',
    contract: SEALER.sealer,
    async holds({ sealer }) {
      const sealed = await value(sealer.seal(SECRET, CONTEXT));
      for (const context of ['env:PUBLIC_NAME', 'env:PASSWORD2', '', 'ENV:PASSWORD']) {
        await error(sealer.open(sealed, context), 'secret-unreadable', `under the context "${context}"`);
      }
    },
  },
  {
    name: 'another key opens nothing',
    contract: SEALER.sealer,
    async holds({ sealer, other }) {
      const sealed = await value(sealer.seal(SECRET, CONTEXT));
      const failure = await error(other.open(sealed, CONTEXT), 'secret-unreadable');
      same(failure.retryable, false, 'the key does not change by itself');
    },
  },
  {
    name: 'a text that was changed anywhere opens nothing, and neither does one that was never sealed',
    contract: SEALER.sealer,
    async holds({ sealer }) {
      const sealed = await value(sealer.seal(SECRET, CONTEXT));
      // Of the last character an encoding may leave bits unused: to change those is no change.
      for (let at = 0; at < sealed.length - 1; at += 1) {
        const changed = `${sealed.slice(0, at)}${sealed[at] === 'A' ? 'B' : 'A'}${sealed.slice(at + 1)}`;
        await error(
          sealer.open(changed, CONTEXT),
          'secret-unreadable',
          `changed at character ${at} of ${sealed.length}`,
        );
      }
      for (const text of ['', 'x', SECRET, '1...', '{}', '[]', 'null', sealed.slice(0, -4), `${sealed}${sealed}`]) {
        await error(
          sealer.open(text, CONTEXT),
          'secret-unreadable',
          `of ${text.length} characters that were never sealed`,
        );
      }
    },
  },
  {
    name: 'a fingerprint is the same for equal texts, and tells nothing without the key',
    contract: SEALER.sealer,
    async holds({ sealer, other }) {
      const print = await value(sealer.fingerprint(SECRET));
      same(await value(sealer.fingerprint(SECRET)), print, 'of the same text');
      holds((await value(sealer.fingerprint(`${SECRET} `))) !== print, 'another text has another one');
      holds((await value(sealer.fingerprint(''))) !== print, 'the empty text too');
      holds((await value(other.fingerprint(SECRET))) !== print, 'without the key, values could be tried against it');
      holds(!print.includes(SECRET), 'it shows the text');
    },
  },
  {
    name: 'it knows what its first key has sealed',
    contract: SEALER.sealer,
    exempt: ({ sealer }) => (sealer.isCurrent ? undefined : 'it cannot tell which key sealed a text'),
    async holds({ sealer, other }) {
      const sealed = await value(sealer.seal(SECRET, CONTEXT));
      same(sealer.isCurrent?.(sealed), true, 'its own text is under its first key');
      same(other.isCurrent?.(sealed), false, 'under another key it is to be sealed anew');
      for (const text of ['', SECRET, '1.']) same(sealer.isCurrent?.(text), false, 'what was never sealed');
    },
  },
  {
    name: 'no error shows the value or the sealed text',
    contract: SEALER.sealer,
    async holds({ sealer, other }) {
      const sealed = await value(sealer.seal(SECRET, CONTEXT));
      for (const failure of [
        await error(other.open(sealed, CONTEXT), 'secret-unreadable'),
        await error(sealer.open(SECRET, CONTEXT), 'secret-unreadable'),
      ]) {
        const said = JSON.stringify([failure, causesOf(failure)]);
        holds(!said.includes(SECRET) && !said.includes(sealed), 'it stands in the error');
      }
    },
  },
];
