/** The laws of `HealthProbe`. Whoever keeps them looks afresh each time, tells what it saw, and judges nothing. */
import { causesOf } from '../../domain/errors.js';
import type { Clock } from '../../ports/clock.js';
import type { HealthProbe, ProbeError, ProbeRequest } from '../../ports/health-probe.js';
import { ended, error, holds, open, same, value } from './assert.js';
import { contractsOf, type Law } from './law.js';
import { letsGo } from './listeners.js';

/** How an app answers that a probe is tried on. */
export interface ProbedApp {
  /** Default 200. */
  readonly status?: number | ((path: string) => number);
  readonly body?: string;
  /** Of a redirect. */
  readonly location?: string;
  /** What becomes of a connection: never answered, or closed without an answer. Default: answered. */
  readonly connection?: 'hangs' | 'resets';
}

export interface ServedApp {
  readonly host: string;
  readonly port: number;
  /** From then on nobody listens there. */
  stop(): Promise<void>;
  /** What arrived so far, header names in lower case; absent where the app cannot see it. */
  requests?(): readonly {
    readonly method: string;
    readonly path: string;
    readonly headers: { readonly [name: string]: string | undefined };
  }[];
}

export interface HealthProbeSubject {
  readonly probe: HealthProbe;
  readonly clock: Clock;
  serve(app: ProbedApp): Promise<ServedApp>;
  /** How many connections its apps have open, once those that are closing are closed: at most a second later. Absent where nobody can count. */
  connections?(): Promise<number>;
  /** Awaits, letting a virtual clock go on meanwhile; with a real one it just awaits. */
  until<T>(promise: PromiseLike<T>): Promise<T>;
}

const BODY_MAX = 65_536;
const SECRET = 'hidden-in-a-header';

const asked = ({ host, port }: { readonly host: string; readonly port: number }, more: Partial<ProbeRequest> = {}) => ({
  kind: 'http' as const,
  host,
  port,
  timeoutMs: 5_000,
  method: 'GET',
  path: '/',
  headers: {},
  ...more,
});

const reasonOf = (failure: ProbeError) => (failure.kind === 'probe-failed' ? failure.reason : failure.kind);

/** The address of an app that has just stopped. */
async function nobody({ serve }: HealthProbeSubject): Promise<ServedApp> {
  const app = await serve({});
  await app.stop();
  return app;
}

const PROBE = contractsOf('docs/guides/write-a-health-probe.md', {
  describing: 'A probe has a name and says what it reaches, the best first.',
  answers:
    'check() asks once and answers what came, good or bad: status, the first 64 kB of the body, the address of a redirect. It judges nothing and follows nothing.',
  failures:
    'Where no answer came it is `probe-failed`, retryable, with its reason: `refused`, `timeout`, `dns`, `reset` or `unreachable`.',
  limits: 'An attempt ends with its own `timeoutMs`, not before and not long after.',
  signals:
    'Under an aborted signal nothing is asked; an abort ends the wait at once, and no call leaves a listener behind.',
  connections: 'Each attempt is a connection of its own, which is closed when the attempt is over, however it ended.',
  tcp: '`tcp` is content with a connection, and answers no status.',
  secrets: 'No error shows the value of a header.',
  closing: 'close() may be called twice.',
});

export const healthProbeLaws: readonly Law<HealthProbeSubject>[] = [
  {
    name: 'a probe has a name and reaches something',
    contract: PROBE.describing,
    async holds({ probe }) {
      holds(probe.name.length > 0, 'it has a name, for errors and logs');
      holds(probe.reaches.length > 0, 'a probe that reaches nothing can check nothing');
    },
  },
  {
    name: 'status and body come as they are, good or bad: the probe judges nothing',
    contract: PROBE.answers,
    async holds({ probe, serve }) {
      for (const status of [200, 204, 404, 503]) {
        const body = status === 204 ? '' : `it is ${status}`;
        const answer = await value(probe.check(asked(await serve({ status, body })), open()));
        same(answer, { status, body, location: null }, `a ${status} is an answer`);
      }
    },
  },
  {
    name: 'the path is asked for as it was given, its query too',
    contract: PROBE.answers,
    async holds({ probe, serve }) {
      const app = await serve({ status: (path) => (path === '/health/live?deep=1' ? 200 : 404) });
      const at = async (path: string) => (await value(probe.check(asked(app, { path }), open()))).status;
      same([await at('/health/live?deep=1'), await at('/health/live')], [200, 404], 'only the one path is healthy');
    },
  },
  {
    name: 'method and headers are sent as they were given',
    contract: PROBE.answers,
    async holds({ probe, serve }) {
      const app = await serve({});
      await value(probe.check(asked(app, { method: 'POST', headers: { 'X-Probe': 'yes', Host: 'a.test' } }), open()));
      if (!app.requests) return;
      const [request, ...more] = app.requests();
      same(more.length, 0, 'it asks once: trying again is the core’s');
      same(
        [request?.method, request?.headers['x-probe'], request?.headers['host']],
        ['POST', 'yes', 'a.test'],
        'the app sees what was asked for',
      );
    },
  },
  {
    name: 'a HEAD has no body',
    contract: PROBE.answers,
    async holds({ probe, serve }) {
      const app = await serve({ body: 'nothing of this' });
      same((await value(probe.check(asked(app, { method: 'HEAD' }), open()))).body, '', 'the body of a HEAD is empty');
    },
  },
  {
    name: 'a redirect is not followed: it is the answer',
    contract: PROBE.answers,
    async holds({ probe, serve }) {
      const app = await serve({ status: (path) => (path === '/' ? 301 : 200), location: '/elsewhere' });
      const { status, location } = await value(probe.check(asked(app), open()));
      same([status, location], [301, '/elsewhere'], 'status and location of the redirect itself');
    },
  },
  {
    name: 'of a long body the first 64 kB are read',
    contract: PROBE.answers,
    async holds({ probe, serve }) {
      const app = await serve({ body: 'x'.repeat(BODY_MAX + 10_000) });
      same((await value(probe.check(asked(app), open()))).body.length, BODY_MAX, 'the rest is left out');
    },
  },
  {
    name: 'where nobody listens the reason is `refused`, and it is worth trying again',
    contract: PROBE.failures,
    async holds(subject) {
      const failure = await error(subject.probe.check(asked(await nobody(subject)), open()), 'probe-failed');
      same([reasonOf(failure), failure.retryable], ['refused', true], 'refused connections are retryable');
    },
  },
  {
    name: 'a connection that is closed without an answer is a `reset`',
    contract: PROBE.failures,
    async holds({ probe, serve }) {
      const failure = await error(probe.check(asked(await serve({ connection: 'resets' })), open()), 'probe-failed');
      same(reasonOf(failure), 'reset', 'an accepted connection is not a refused one');
    },
  },
  {
    name: 'an attempt ends with its own limit, not before and not long after',
    contract: PROBE.limits,
    async holds({ probe, serve, until, clock }) {
      const app = await serve({ connection: 'hangs' });
      const beganMs = clock.monotonicMs();
      const failure = await error(until(probe.check(asked(app, { timeoutMs: 150 }), open())), 'probe-failed');
      const tookMs = clock.monotonicMs() - beganMs;
      same(reasonOf(failure), 'timeout', 'the reason is the timeout');
      holds(tookMs >= 145, `150 ms were to be waited, and ${tookMs} were`);
      holds(tookMs <= 1_500, `150 ms were the limit, and it took ${tookMs}`);
    },
  },
  {
    name: 'under an aborted signal nothing is asked',
    contract: PROBE.signals,
    async holds({ probe, serve }) {
      const app = await serve({});
      await error(probe.check(asked(app), ended()), 'aborted');
      await error(probe.check(asked(app, { kind: 'tcp' }), ended()), 'aborted');
      same(app.requests?.() ?? [], [], 'the app was asked nothing');
    },
  },
  {
    name: 'an abort ends the wait at once',
    contract: PROBE.signals,
    async holds({ probe, serve, clock }) {
      const app = await serve({ connection: 'hangs' });
      const controller = new AbortController();
      const beganMs = clock.monotonicMs();
      const waiting = probe.check(asked(app), { signal: controller.signal });
      controller.abort();
      await error(waiting, 'aborted');
      holds(clock.monotonicMs() - beganMs < 1_000, 'it does not wait for the limit');
    },
  },
  {
    name: 'each attempt looks afresh: who has stopped is seen at once',
    contract: PROBE.connections,
    async holds({ probe, serve }) {
      const app = await serve({});
      same((await value(probe.check(asked(app), open()))).status, 200, 'it answers');
      await app.stop();
      const failure = await error(probe.check(asked(app), open()), 'probe-failed');
      same(reasonOf(failure), 'refused', 'no connection was kept');
    },
  },
  {
    name: 'no connection is left behind, whether it was answered, late, aborted or only tried',
    contract: PROBE.connections,
    exempt: ({ connections }) => (connections ? undefined : 'its app cannot count connections'),
    async holds({ probe, serve, connections }) {
      const answers = await serve({ body: 'it is fine' });
      const hangs = await serve({ connection: 'hangs' });
      await value(probe.check(asked(answers), open()));
      await value(probe.check(asked(answers, { kind: 'tcp' }), open()));
      await error(probe.check(asked(hangs, { timeoutMs: 100 }), open()), 'probe-failed');
      const controller = new AbortController();
      const waiting = probe.check(asked(hangs), { signal: controller.signal });
      controller.abort();
      await error(waiting, 'aborted');
      same(await connections?.(), 0, 'each is closed once its attempt is over');
    },
  },
  {
    name: 'calls that have ended leave no listener on their signal',
    contract: PROBE.signals,
    async holds(subject) {
      const { probe, serve, until } = subject;
      const [app, gone, hangs] = [await serve({}), await nobody(subject), await serve({ connection: 'hangs' })];
      await letsGo('checks', async (options) => {
        await value(probe.check(asked(app), options));
        await value(probe.check(asked(app, { kind: 'tcp' }), options));
        await error(probe.check(asked(gone), options), 'probe-failed');
        await error(until(probe.check(asked(hangs, { timeoutMs: 20 }), options)), 'probe-failed');
      });
    },
  },
  {
    name: 'tcp is content with a connection, and answers no status',
    contract: PROBE.tcp,
    async holds(subject) {
      const { probe, serve } = subject;
      const answer = await value(probe.check(asked(await serve({}), { kind: 'tcp' }), open()));
      same(answer, { status: null, body: '', location: null }, 'only that somebody is there');
      const gone = await nobody(subject);
      const failure = await error(probe.check(asked(gone, { kind: 'tcp' }), open()), 'probe-failed');
      same(reasonOf(failure), 'refused', 'where nobody listens');
    },
  },
  {
    name: 'no error shows the value of a header',
    contract: PROBE.secrets,
    async holds(subject) {
      const { probe, serve, until } = subject;
      const headers = { Authorization: `Bearer ${SECRET}` };
      const apps = [await nobody(subject), await serve({ connection: 'resets' }), await serve({ connection: 'hangs' })];
      for (const app of apps) {
        const failure = await error(
          until(probe.check(asked(app, { headers, timeoutMs: 100 }), open())),
          'probe-failed',
        );
        const said = JSON.stringify([failure, causesOf(failure)]);
        holds(!said.includes(SECRET), `the ${reasonOf(failure)} error shows a header's value`);
      }
    },
  },
  {
    name: 'closing twice is fine',
    contract: PROBE.closing,
    async holds({ probe }) {
      if (!probe.close) return;
      await value(probe.close());
      await value(probe.close());
    },
  },
];
