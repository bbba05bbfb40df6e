/** The laws of `Notifier`. Whoever keeps them is told nothing twice under two ids, and the outbox knows when to try again. */
import { causesOf } from '../../domain/errors.js';
import type { Message, Notifier } from '../../ports/notifier.js';
import { ended, error, holds, open, same, value } from './assert.js';
import { contractsOf, type Law } from './law.js';
import { letsGo } from './listeners.js';

/** What a person reads of a message, with every escape of the service undone: a chat or a mail has no place for the message itself. */
export interface Read {
  /** The message's; null where the service has no place for one. */
  readonly id: string | null;
  readonly text: string;
}

export interface NotifierSubject {
  /** One that makes a single attempt per call, where that can be set. */
  readonly notifier: Notifier;
  /** What the receiver took, in its order: the messages, or, of a notifier that writes to people, what they read. */
  received(): readonly (Message | Read)[];
  /**
   * What the receiver does from now on: `away` (it cannot at the moment), `busy` (it asks for a pause of `busyMs`), `refuses` (for
   * good: the address or the message is wrong).
   */
  answer(mood: 'takes' | 'away' | 'busy' | 'refuses'): void;
  /** Null: the service's protocol has no way to ask for a pause. */
  readonly busyMs: number | null;
  /** False: the service has no place for an id, by which a receiver could drop what it has seen. */
  readonly ids?: false;
  /** For a receiver that can hang: it takes what it is told from now on and never answers; one call lasts `boundMs` at most. */
  readonly hang?: { begin(): void; readonly boundMs: number; elapsedMs(): number };
  /** The receiver's address, tokens, signing secrets: whatever no error may show. */
  readonly secrets: readonly string[];
}

const message = (id: string): Message => ({
  id,
  type: 'deployment.failed',
  time: 1_767_225_600_000,
  sequence: 7,
  data: {
    deployment: { project: 'shop', stage: 'dev', tag: 'v1.4.2', left: ['a "quoted" name', 'ünïcode ✓'], steps: [] },
    error: { kind: 'unhealthy', message: 'line one\nline two', hint: '<b>&amp;</b>', retryable: false, details: null },
  },
});

/** Who reads a failure has to find these: whose it was, where, why, and what to do, with nothing lost to markup. */
const SAID = ['shop', 'dev', 'v1.4.2', 'line one', 'line two', '<b>&amp;</b>'];

/** What became of a message on its way: itself, or what is missing of it for a person. */
const arrived = (took: Message | Read) =>
  'text' in took ? { missing: SAID.filter((part) => !took.text.includes(part)) } : took;
const whole = (took: Message | Read | undefined, id: string) =>
  took !== undefined && 'text' in took ? { missing: [] } : message(id);

const hasNoIds = ({ ids }: NotifierSubject) => (ids === false ? 'its service has no place for an id' : undefined);

const asksForNoPause = ({ busyMs }: NotifierSubject) =>
  busyMs === null ? 'its protocol has no way to ask for a pause' : undefined;

const cannotHang = ({ hang }: NotifierSubject) => (hang ? undefined : 'its receiver cannot hang');

const NOTIFIER = contractsOf('docs/guides/write-a-notifier.md', {
  naming: 'A notifier has a name that stays the same: the outbox finds it again by it.',
  telling:
    'notify() tells one message once, whole and unchanged, under the id that it has: a receiver drops what it has seen.',
  failures:
    'A receiver that cannot at the moment is `notify-failed` or `timeout`, and retryable, with the pause that it asks for as `retryAfterMs`; one that refuses for good is not retryable.',
  limits: 'One call is bounded by itself.',
  signals:
    'Under an aborted signal nobody is told; an abort ends the wait at once, and no call leaves a listener behind.',
  secrets: 'No error shows the receiver’s address or a secret.',
  closing: 'close() may be called twice.',
});

export const notifierLaws: readonly Law<NotifierSubject>[] = [
  {
    name: 'a notifier has a name, by which the outbox finds it again',
    contract: NOTIFIER.naming,
    async holds({ notifier }) {
      holds(notifier.name.length > 0, 'it has a name');
      same(notifier.name, notifier.name, 'the name stays the same');
      holds(notifier.events === undefined || notifier.events.length > 0, 'who wants no event needs no notifier');
    },
  },
  {
    name: 'a message arrives once, whole and unchanged',
    contract: NOTIFIER.telling,
    async holds({ notifier, received }) {
      await value(notifier.notify(message('m1'), open()));
      same(received().map(arrived), [whole(received()[0], 'm1')], 'what the receiver took');
    },
  },
  {
    name: 'what is told again has the same id, so that a receiver can drop it',
    exempt: hasNoIds,
    contract: NOTIFIER.telling,
    async holds({ notifier, received }) {
      await value(notifier.notify(message('m1'), open()));
      await value(notifier.notify(message('m1'), open()));
      await value(notifier.notify(message('m2'), open()));
      const ids = received().map(({ id }) => id);
      same(ids, ['m1', 'm1', 'm2'], 'the id is the message’s, not the call’s');
    },
  },
  {
    name: 'a receiver that is away is worth trying again, and then it is told',
    contract: NOTIFIER.failures,
    async holds({ notifier, received, answer }) {
      answer('away');
      const failure = await error(notifier.notify(message('m1'), open()), ['notify-failed', 'timeout']);
      same([failure.retryable, received()], [true, []], 'retryable, and nothing arrived');
      answer('takes');
      await value(notifier.notify(message('m1'), open()));
      same(received().map(arrived), [whole(received()[0], 'm1')], 'the same message, later');
    },
  },
  {
    name: 'a receiver that asks for a pause gets it: the error tells how long',
    exempt: asksForNoPause,
    contract: NOTIFIER.failures,
    async holds({ notifier, answer, busyMs }) {
      answer('busy');
      const failure = await error(notifier.notify(message('m1'), open()), 'notify-failed');
      const waitMs = failure.kind === 'notify-failed' ? failure.retryAfterMs : undefined;
      same([failure.retryable, waitMs], [true, busyMs], '`retryable`, and `retryAfterMs` as it was asked for');
    },
  },
  {
    name: 'a receiver that refuses for good is not worth trying again',
    contract: NOTIFIER.failures,
    async holds({ notifier, answer }) {
      answer('refuses');
      const failure = await error(notifier.notify(message('m1'), open()), 'notify-failed');
      same(failure.retryable, false, 'the outbox would try for ever');
    },
  },
  {
    name: 'under an aborted signal nobody is told',
    contract: NOTIFIER.signals,
    async holds({ notifier, received }) {
      await error(notifier.notify(message('m1'), ended()), 'aborted');
      same(received(), [], 'the receiver took nothing');
    },
  },
  {
    name: 'a receiver that hangs is given up within the call’s own bound, and may be told again',
    contract: NOTIFIER.limits,
    exempt: cannotHang,
    async holds({ notifier, hang }) {
      hang?.begin();
      const failure = await error(notifier.notify(message('m1'), open()), ['timeout', 'notify-failed']);
      same(failure.retryable, true, 'it may have been a passing thing');
      holds((hang?.elapsedMs() ?? 0) <= (hang?.boundMs ?? 0) + 1_000, 'the call is bounded by itself');
    },
  },
  {
    name: 'an abort ends the wait at once',
    contract: NOTIFIER.signals,
    exempt: cannotHang,
    async holds({ notifier, hang }) {
      hang?.begin();
      const controller = new AbortController();
      const waiting = notifier.notify(message('m1'), { signal: controller.signal });
      controller.abort();
      await error(waiting, 'aborted');
    },
  },
  {
    name: 'calls that have ended leave no listener on their signal',
    contract: NOTIFIER.signals,
    async holds({ notifier, answer }) {
      await letsGo('calls to the receiver', async (options) => {
        answer('takes');
        await value(notifier.notify(message('m1'), options));
        answer('refuses');
        await error(notifier.notify(message('m1'), options), 'notify-failed');
      });
    },
  },
  {
    name: 'no error shows the receiver’s address or a secret',
    contract: NOTIFIER.secrets,
    async holds({ notifier, answer, secrets }) {
      for (const mood of ['away', 'busy', 'refuses'] as const) {
        answer(mood);
        const failure = await error(notifier.notify(message('m1'), open()), ['notify-failed', 'timeout']);
        const said = JSON.stringify([failure, causesOf(failure)]);
        const shown = secrets.filter((secret) => said.includes(secret));
        same(shown.length, 0, `${shown.length} secrets are in the error of a receiver that is or does "${mood}"`);
      }
    },
  },
  {
    name: 'closing twice is fine',
    contract: NOTIFIER.closing,
    async holds({ notifier }) {
      if (!notifier.close) return;
      await value(notifier.close());
      await value(notifier.close());
    },
  },
];
