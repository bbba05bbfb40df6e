import { bug, type Message, type Notifier } from '@quayside/core/ports';
import { type NotifierSubject, notifierLaws } from '@quayside/core/testing';
import { errAsync, okAsync } from 'neverthrow';
import { notifierSubject } from '../../../packages/core/src/testing/laws/memory-subjects.js';
import type { Suite } from '../defect.js';
import { type HttpNotifier, httpNotifierSubject } from '../right/http-notifier.js';
import { closesOnce, deaf, leaveListener } from '../wrong.js';

const inMemory = (name: string, law: string, wrong: (right: Notifier) => Partial<Notifier>) => ({
  name,
  law,
  open: () => notifierSubject((right) => ({ ...right, ...wrong(right) })),
});

const overHttp = (name: string, law: string, wrong: (right: HttpNotifier) => Partial<HttpNotifier>, how?: 'limit') => ({
  name,
  law,
  ...(how ? { how } : {}),
  open: () => httpNotifierSubject((right) => ({ ...right, ...wrong(right) })),
});

const deafTo = (signal: AbortSignal) =>
  AbortSignal.any([new AbortController().signal, ...(signal.aborted ? [signal] : [])]);

const WHOLE = 'a message arrives once, whole and unchanged';
const AWAY = 'a receiver that is away is worth trying again, and then it is told';
const BUSY = 'a receiver that asks for a pause gets it: the error tells how long';
const REFUSES = 'a receiver that refuses for good is not worth trying again';
const SECRET = 'no error shows the receiver’s address or a secret';

export const notifierSuite: Suite<NotifierSubject> = {
  port: 'Notifier',
  laws: notifierLaws,
  right: [
    { name: 'in memory', open: () => notifierSubject() },
    { name: 'over HTTP', open: () => httpNotifierSubject() },
  ],
  defects: [
    inMemory('its name is empty', 'a notifier has a name, by which the outbox finds it again', () => ({ name: '' })),
    {
      name: 'its name is another one each time',
      law: 'a notifier has a name, by which the outbox finds it again',
      open: () =>
        notifierSubject((right) => {
          let asked = 0;
          return Object.defineProperty({ ...right }, 'name', {
            get() {
              asked += 1;
              return `notifier-${asked}`;
            },
          });
        }),
    },
    inMemory('the place in the stream is lost', WHOLE, (right) => ({
      notify: (message, options) => right.notify({ ...message, sequence: 0 }, options),
    })),
    inMemory('texts are escaped on the way', WHOLE, (right) => ({
      notify: (message, options) =>
        right.notify(JSON.parse(JSON.stringify(message).replaceAll('<', '&lt;')) as Message, options),
    })),
    overHttp('a message is told twice', WHOLE, (right) => ({
      post: (message, signal) => right.post(message, signal).then(() => right.post(message, signal)),
    })),
    inMemory(
      'each call draws an id of its own',
      'what is told again has the same id, so that a receiver can drop it',
      (right) => {
        let calls = 0;
        return {
          notify(message, options) {
            calls += 1;
            return right.notify({ ...message, id: `m${calls}` }, options);
          },
        };
      },
    ),
    inMemory(
      'what was told once is never told again',
      'what is told again has the same id, so that a receiver can drop it',
      (right) => {
        const told = new Set<string>();
        return {
          notify(message, options) {
            if (told.has(message.id)) return okAsync(undefined);
            told.add(message.id);
            return right.notify(message, options);
          },
        };
      },
    ),
    inMemory('a receiver that is away is swallowed', AWAY, (right) => ({
      notify: (message, options) =>
        right
          .notify(message, options)
          .orElse((error) => (error.kind === 'notify-failed' ? okAsync() : errAsync(error))),
    })),
    inMemory('a receiver that is away is for good', AWAY, (right) => ({
      notify: (message, options) => right.notify(message, options).mapErr((error) => ({ ...error, retryable: false })),
    })),
    inMemory('a receiver that is away is a `bug`', AWAY, (right) => ({
      notify: (message, options) =>
        right.notify(message, options).mapErr((error) => (error.kind === 'aborted' ? error : bug(error))),
    })),
    inMemory('the pause that is asked for is lost', BUSY, (right) => ({
      notify: (message, options) =>
        right.notify(message, options).mapErr((error) => {
          if (error.kind !== 'notify-failed') return error;
          const { retryAfterMs: _retryAfterMs, ...rest } = error;
          return rest;
        }),
    })),
    inMemory('the pause is told in seconds', BUSY, (right) => ({
      notify: (message, options) =>
        right
          .notify(message, options)
          .mapErr((error) =>
            error.kind === 'notify-failed' && error.retryAfterMs
              ? { ...error, retryAfterMs: error.retryAfterMs / 1_000 }
              : error,
          ),
    })),
    inMemory('a refusal is tried for ever', REFUSES, (right) => ({
      notify: (message, options) => right.notify(message, options).mapErr((error) => ({ ...error, retryable: true })),
    })),
    inMemory('a refusal has no hint', REFUSES, (right) => ({
      notify: (message, options) => right.notify(message, options).mapErr((error) => ({ ...error, hint: '' })),
    })),
    inMemory('an aborted call tells all the same', 'under an aborted signal nobody is told', (right) => ({
      notify(message, options) {
        if (options.signal.aborted) void right.notify(message, deaf(options));
        return right.notify(message, options);
      },
    })),
    overHttp(
      'a call waits as long as the receiver does',
      'a receiver that hangs is given up within the call’s own bound, and may be told again',
      (right) => ({
        post: (message, signal) => right.post(message, deafTo(signal)),
      }),
      'limit',
    ),
    overHttp('an abort is noticed at the bound', 'an abort ends the wait at once', (right) => ({
      notify(message, options) {
        const { signal } = options;
        if (signal.aborted) return right.notify(message, options);
        return right.notify(message, deaf(options));
      },
    })),
    overHttp(
      'each call leaves its listener on the signal',
      'calls that have ended leave no listener on their signal',
      (right) => ({
        notify(message, options) {
          leaveListener(options);
          return right.notify(message, options);
        },
      }),
    ),
    overHttp('errors show the receiver’s address', SECRET, (right) => ({
      notify: (message, options) =>
        right.notify(message, options).mapErr((error) => ({ ...error, message: `${error.message} (${right.url})` })),
    })),
    overHttp('causes show the receiver’s address', SECRET, (right) => ({
      notify: (message, options) =>
        right.notify(message, options).mapErr((error) => ({ ...error, cause: new Error(`POST ${right.url} failed`) })),
    })),
    inMemory('closing twice is an error', 'closing twice is fine', closesOnce),
  ],
};
