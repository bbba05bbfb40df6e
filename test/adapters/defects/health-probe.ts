import type { HealthProbe, ProbeAnswer, ProbeError, ProbeReason } from '@quayside/core/ports';
import { type HealthProbeSubject, healthProbeLaws } from '@quayside/core/testing';
import { errAsync, okAsync, ResultAsync } from 'neverthrow';
import { type MemorySurroundings, probeSubject } from '../../../packages/core/src/testing/laws/memory-subjects.js';
import { probedApps } from '../../support/probed-app.js';
import type { Suite } from '../defect.js';
import { type Ending, socketProbe } from '../right/socket-probe.js';
import { deaf, leaveListener } from '../wrong.js';

type Check = HealthProbe['check'];
type Wrong<Around = undefined> = (right: HealthProbe, around: Around) => Check;

const inMemory = (name: string, law: string, wrong: Wrong<MemorySurroundings>, how?: 'throw' | 'limit') => ({
  name,
  law,
  ...(how ? { how } : {}),
  open: () => probeSubject((right, around) => ({ ...right, check: wrong(right, around) })),
});

/** Real sockets on real time, where something shows that no memory has. */
async function overSockets(between: (right: HealthProbe) => HealthProbe = (right) => right, leaves?: Ending) {
  const clock = { now: Date.now, monotonicMs: () => performance.now(), after: () => () => undefined };
  const until = async <T>(promise: PromiseLike<T>) => promise;
  return { probe: between(socketProbe(leaves)), clock, until, ...probedApps() };
}

const overSocket = (name: string, law: string, wrong: Wrong) => ({
  name,
  law,
  open: () => overSockets((right) => ({ ...right, check: wrong(right, undefined) })),
});

const leaking = (name: string, leaves: Ending) => ({
  name,
  law: LEFT_BEHIND,
  open: () => overSockets(undefined, leaves),
});

const LEFT_BEHIND = 'no connection is left behind, whether it was answered, late, aborted or only tried';
const JUDGES_NOTHING = 'status and body come as they are, good or bad: the probe judges nothing';
const SENT = 'method and headers are sent as they were given';
const REFUSED = 'where nobody listens the reason is `refused`, and it is worth trying again';
const LIMITED = 'an attempt ends with its own limit, not before and not long after';
const ABORTED = 'an abort ends the wait at once';

const reason = (as: ProbeReason, of: ProbeReason) => (error: ProbeError) =>
  error.kind === 'probe-failed' && error.reason === of ? { ...error, reason: as } : error;

export const probeSuite: Suite<HealthProbeSubject> = {
  port: 'HealthProbe',
  laws: healthProbeLaws,
  right: [
    { name: 'in memory', open: () => probeSubject() },
    { name: 'over sockets', open: () => overSockets() },
  ],
  defects: [
    {
      name: 'it reaches nothing',
      law: 'a probe has a name and reaches something',
      open: () => probeSubject((right) => ({ ...right, reaches: [] })),
    },
    inMemory(
      'a 503 is an error',
      JUDGES_NOTHING,
      (right) => (asked, options) =>
        right.check(asked, options).andThen(
          (answer): ResultAsync<ProbeAnswer, ProbeError> =>
            answer.status === 503
              ? errAsync({
                  kind: 'probe-failed',
                  reason: 'reset',
                  message: 'It answered 503.',
                  hint: 'Look.',
                  retryable: true,
                })
              : okAsync(answer),
        ),
    ),
    inMemory(
      'the body is not read',
      JUDGES_NOTHING,
      (right) => (asked, options) => right.check(asked, options).map((answer) => ({ ...answer, body: '' })),
    ),
    inMemory(
      'the query is left out',
      'the path is asked for as it was given, its query too',
      (right) => (asked, options) => right.check({ ...asked, path: asked.path.split('?')[0] ?? '/' }, options),
    ),
    overSocket(
      'it always asks with GET',
      SENT,
      (right) => (asked, options) => right.check({ ...asked, method: 'GET' }, options),
    ),
    overSocket(
      'headers are not sent',
      SENT,
      (right) => (asked, options) => right.check({ ...asked, headers: {} }, options),
    ),
    overSocket(
      'an attempt is two',
      SENT,
      (right) => (asked, options) => right.check(asked, options).andThen(() => right.check(asked, options)),
    ),
    inMemory(
      'a HEAD is asked as a GET',
      'a HEAD has no body',
      (right) => (asked, options) => right.check({ ...asked, method: 'GET' }, options),
    ),
    inMemory(
      'redirects are followed',
      'a redirect is not followed: it is the answer',
      (right) => (asked, options) =>
        right
          .check(asked, options)
          .andThen((answer) =>
            answer.location ? right.check({ ...asked, path: answer.location }, options) : okAsync(answer),
          ),
    ),
    inMemory(
      'a body is read without end',
      'of a long body the first 64 kB are read',
      (right, { engine }) =>
        (asked, options) =>
          right
            .check(asked, options)
            .map((answer) =>
              answer.body.length < 65_536
                ? answer
                : { ...answer, body: engine.connect(asked.host, asked.port)?.answer(asked.path).body ?? '' },
            ),
    ),
    inMemory(
      'a refused connection is a timeout',
      REFUSED,
      (right) => (asked, options) => right.check(asked, options).mapErr(reason('timeout', 'refused')),
    ),
    inMemory(
      'a refused connection is for good',
      REFUSED,
      (right) => (asked, options) => right.check(asked, options).mapErr((error) => ({ ...error, retryable: false })),
    ),
    inMemory(
      'a refused connection is swallowed',
      REFUSED,
      (right) => (asked, options) =>
        right
          .check(asked, options)
          .orElse((error) =>
            error.kind === 'probe-failed' && error.reason === 'refused'
              ? okAsync({ status: 0, body: '', location: null })
              : errAsync(error),
          ),
    ),
    inMemory(
      'a failure is thrown',
      REFUSED,
      (right) => (asked, options) =>
        right.check(asked, options).mapErr((error) => {
          if (error.kind === 'probe-failed') throw new Error(error.message);
          return error;
        }),
      'throw',
    ),
    inMemory(
      'a reset is told as refused',
      'a connection that is closed without an answer is a `reset`',
      (right) => (asked, options) => right.check(asked, options).mapErr(reason('refused', 'reset')),
    ),
    inMemory(
      'the limit is not kept',
      LIMITED,
      (right) => (asked, options) => right.check({ ...asked, timeoutMs: asked.timeoutMs * 60 }, options),
    ),
    inMemory(
      'it gives up before its limit',
      LIMITED,
      (right) => (asked, options) => right.check({ ...asked, timeoutMs: asked.timeoutMs / 10 }, options),
    ),
    inMemory(
      'a call under an aborted signal is made',
      'under an aborted signal nothing is asked',
      (right) => (asked, options) => right.check(asked, deaf(options)),
    ),
    overSocket(
      'a call under an aborted signal is made, and answered `aborted`',
      'under an aborted signal nothing is asked',
      (right) => (asked, options) =>
        options.signal.aborted
          ? right.check(asked, deaf(options)).andThen(() => right.check(asked, options))
          : right.check(asked, options),
    ),
    inMemory(
      'an abort is noticed at the limit',
      ABORTED,
      (right) => (asked, options) =>
        options.signal.aborted ? right.check(asked, options) : right.check(asked, deaf(options)),
      'limit',
    ),
    inMemory('an abort is a timeout', ABORTED, (right) => (asked, options) => {
      const wasAborted = options.signal.aborted;
      return right
        .check(asked, options)
        .mapErr(
          (error): ProbeError =>
            error.kind === 'aborted' && !wasAborted ? { ...error, kind: 'probe-failed', reason: 'timeout' } : error,
        );
    }),
    overSocket(
      'a kept connection answers for an app that has stopped',
      'each attempt looks afresh: who has stopped is seen at once',
      (right) => {
        const known = new Map<string, ProbeAnswer>();
        return (asked, options) => {
          const key = JSON.stringify(asked);
          return right
            .check(asked, options)
            .map((answer) => {
              known.set(key, answer);
              return answer;
            })
            .orElse((error) => {
              const before = known.get(key);
              return before && error.kind === 'probe-failed' ? okAsync(before) : errAsync(error);
            });
        };
      },
    ),
    inMemory(
      'tcp asks by HTTP',
      'tcp is content with a connection, and answers no status',
      (right) => (asked, options) => right.check({ ...asked, kind: 'http' }, options),
    ),
    inMemory(
      'errors show what was sent',
      'no error shows the value of a header',
      (right) => (asked, options) =>
        right
          .check(asked, options)
          .mapErr((error) => ({ ...error, message: `${error.message} ${JSON.stringify(asked.headers)}` })),
    ),
    inMemory(
      'causes show what was sent',
      'no error shows the value of a header',
      (right) => (asked, options) =>
        right
          .check(asked, options)
          .mapErr((error) => ({ ...error, cause: new Error(`request failed: ${JSON.stringify(asked)}`) })),
    ),
    inMemory(
      'a check leaves its listener on the signal',
      'calls that have ended leave no listener on their signal',
      (right) => (asked, options) => {
        leaveListener(options);
        return right.check(asked, options);
      },
    ),
    leaking('the connection of an answer is kept open', 'answered'),
    leaking('the connection that was late is left open', 'late'),
    leaking('the connection of an aborted attempt is left open', 'aborted'),
    leaking('a tcp connection is left open', 'tcp'),
    {
      name: 'closing twice is an error',
      law: 'closing twice is fine',
      open: () =>
        probeSubject((right) => {
          let isClosed = false;
          return {
            ...right,
            close() {
              if (isClosed) return new ResultAsync(Promise.reject(new Error('It is closed already.')));
              isClosed = true;
              return okAsync(undefined);
            },
          };
        }),
      how: 'throw',
    },
  ],
};
