/** Holds a deployment until somebody lets it go on. Who asks and who answers may be different processes: the question is in the store. */
import {
  type AnyError,
  bug,
  check,
  definePlugin,
  duration,
  type InvalidError,
  invalid,
  type JsonObject,
  type Plugin,
  type PluginState,
  QuaysideError,
  type StepContext,
  type TaggedError,
} from '@quayside/core/ports';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { z } from 'zod';
import { isAmong, place, pluginName, refusal, stagePatterns } from './options.js';

const Options = z.strictObject({
  /** How long an answer is waited for; then the deployment fails. Default 15 minutes; the stage's `deployTimeout` (30 minutes) counts, too. */
  timeout: duration().pipe(z.int().min(1).max(604_800_000)).default(900_000),
  /** Which stages need one; default all. */
  stages: stagePatterns(['*']),
  /** Whether roll backs need one, too; default false: who rolls back is in a hurry. */
  rollbacks: z.boolean().default(false),
  /** What it comes before; default `cutover`: the new instance is healthy, and can be looked at under its tagged domain. */
  before: place().default('cutover'),
  name: pluginName('approval'),
});

export type ApprovalGateOptions = z.input<typeof Options>;

export interface PendingApproval {
  readonly deploymentId: string;
  readonly project: string;
  readonly stage: string;
  readonly tag: string;
  readonly digest: string;
  /** Where the new version can be looked at: domains that lead to it alone. */
  readonly domains: readonly string[];
  /** Wall clock, milliseconds. */
  readonly since: number;
  readonly until: number;
}

export interface VerdictOptions {
  /** For the log, at most 500 characters. */
  readonly reason?: string;
  readonly signal?: AbortSignal;
}

type VerdictError = TaggedError<'unknown-deployment'> | InvalidError<'invalid-request'> | AnyError;

/** A plugin, and how a host answers for it: from any process whose deployer has a gate of the same name over the same store. */
export interface ApprovalGate extends Plugin {
  /**
   * Lets it go on. The same answer twice is fine.
   *
   * Errors: `unknown-deployment` where it does not wait (`code` is `not-pending`), does not any more (`expired`), or was answered otherwise
   * (`answered`); `closed` before a deployer has started with it.
   * @param by who says so, for the log and the event: 1 to 200 characters
   */
  approve(deploymentId: string, by: string, options?: VerdictOptions): ResultAsync<void, VerdictError>;
  /** Ends it: it fails, and is rolled back. As `approve` otherwise. */
  deny(deploymentId: string, by: string, options?: VerdictOptions): ResultAsync<void, VerdictError>;
  /** What waits now, the oldest first. */
  pending(options?: { readonly signal?: AbortSignal }): ResultAsync<readonly PendingApproval[], AnyError>;
}

/** The question, as the store has it under the deployment's id. */
interface Question extends Omit<PendingApproval, 'deploymentId'> {
  readonly status: 'pending' | 'approved' | 'denied' | 'expired';
  readonly by: string | null;
  readonly reason: string | null;
}

/** How often it looks whether there is an answer. */
const LOOK_MS = 500;

/**
 * A gate before the cutover. A deployment that waits at it is told as `plugin.event` (`pending`, later `approved` or `denied`), in its log,
 * and by `pending()`. Without an answer in time, or with a no, it fails and is rolled back.
 */
export function approvalGate(options: ApprovalGateOptions = {}): Result<ApprovalGate, InvalidError<'invalid-options'>> {
  return check('invalid-options', Options, options, 'approvalGate').map((settings) => {
    const states: PluginState[] = [];
    const state = (): PluginState | undefined => states.at(-1);
    const verdict =
      (status: 'approved' | 'denied') =>
      (id: string, by: string, { reason, signal }: VerdictOptions = {}): ResultAsync<void, VerdictError> =>
        spoken(by, reason)
          .asyncAndThen((said) => caught(() => answer(state(), id, { status, ...said }, signal)))
          .andThen((answered) => answered);
    return {
      ...gate(settings, states),
      approve: verdict('approved'),
      deny: verdict('denied'),
      pending: ({ signal } = {}) =>
        caught(async () => {
          const entries = (await known(state()).list(signal ? { signal } : {})) ?? [];
          return entries
            .map(({ key, value }) => ({ key, value: value as unknown as Question }))
            .filter(({ value }) => value.status === 'pending')
            .map(({ key, value: { status: _status, by: _by, reason: _reason, ...rest } }) => ({
              deploymentId: key,
              ...rest,
            }))
            .sort((a, b) => a.since - b.since);
        }),
    };
  });
}

function gate({ name, before, timeout, stages, rollbacks }: z.output<typeof Options>, states: PluginState[]): Plugin {
  return definePlugin({
    name,
    version: '1.0.0',
    setup(host) {
      states.push(host.state);
      host.step({
        name: 'wait',
        before,
        // The gate's own words come first.
        timeout: timeout + 60_000,
        when: ({ stage, kind }) => isAmong(stages, stage) && (rollbacks || kind === 'deploy'),
        run: (context) => wait(host.state, context, timeout, () => host.now()),
        undo: ({ deploymentId, signal }) => host.state.remove(deploymentId, { signal }),
      });
      return {
        dispose() {
          states.splice(states.indexOf(host.state), 1);
        },
      };
    },
  });
}

async function wait(state: PluginState, context: StepContext, timeoutMs: number, now: () => number): Promise<void> {
  const { deploymentId: id, project, stage, tag, digest, spec, log, emit, signal } = context;
  const since = now();
  const until = since + timeoutMs;
  const domains = spec.routes.filter(({ owner }) => owner.kind === 'tagged').map(({ domain }) => domain);
  const about = { project, stage, tag, digest, domains, since, until };
  const question: Question = { ...about, status: 'pending', by: null, reason: null };
  await state.put(id, question, { version: 0, signal });
  log.info(`Waits for an approval, until ${new Date(until).toISOString()}.`, { until, domains });
  emit('pending', { ...about });
  let isAway = false;
  for (;;) {
    try {
      const entry = await state.get(id, { signal });
      if (!entry) throw refusal('Its question is gone from the store.', 'See who removed it, then deploy again.');
      const { status, by, reason } = entry.value as unknown as Question;
      const said = reason === null ? '' : `: ${reason}`;
      if (status === 'approved') {
        log.info(`Approved by ${by}${said}.`, { by, reason });
        emit('approved', { by, reason });
        // What stays is an answer that nobody asks for any more.
        await state.remove(id, { signal }).catch(() => log.warn('Its question stays in the store.'));
        return;
      }
      if (status === 'denied') {
        emit('denied', { by, reason });
        throw refusal(`Denied by ${by}${said}.`, 'Ask them what is to be done, then deploy again.', {
          code: 'denied',
        });
      }
      // Who answers in this very moment is quicker, or is told that it is too late.
      if (
        now() >= until &&
        (await state.put(id, { ...question, status: 'expired' }, { version: entry.version, signal }))
      )
        throw refusal(
          `Nobody approved it within ${timeoutMs} ms.`,
          'Deploy again, and see to it that somebody answers; or raise `timeout` of the gate.',
          { code: 'not-approved' },
        );
      isAway = false;
    } catch (error) {
      if (signal.aborted || !(error instanceof QuaysideError) || !error.retryable) throw error;
      // A store that is away for a moment is no answer.
      if (!isAway) log.warn(`Cannot look for an answer: ${error.message}`);
      isAway = true;
    }
    await context.sleep(LOOK_MS);
  }
}

const Spoken = z.strictObject({ by: z.string().trim().min(1).max(200), reason: z.string().max(500).nullable() });

const spoken = (by: unknown, reason: unknown) =>
  check('invalid-request', Spoken, { by, reason: reason ?? null }, 'approval');

type Said = z.output<typeof Spoken> & Pick<Question, 'status'>;

async function answer(
  of: PluginState | undefined,
  id: string,
  said: Said,
  signal: AbortSignal | undefined,
): Promise<Result<void, VerdictError>> {
  const state = known(of);
  const options = signal ? { signal } : {};
  if (typeof id !== 'string' || !/^[!-~]{1,200}$/.test(id))
    return err(
      invalid('invalid-request', [{ path: 'deploymentId', expected: 'the id of a deployment', received: typeof id }]),
    );
  for (;;) {
    const entry = await state.get(id, options);
    if (!entry) return err(notWaiting(id, 'does not wait for an approval'));
    const question = entry.value as unknown as Question;
    if (question.status === said.status) return ok(undefined);
    if (question.status === 'expired') return err(notWaiting(id, 'is not waited for any more', 'expired'));
    if (question.status !== 'pending')
      return err(notWaiting(id, `was ${question.status} by ${question.by} already`, 'answered'));
    const answered: JsonObject = { ...(question as unknown as JsonObject), ...said };
    if (await state.put(id, answered, { version: entry.version, ...options })) return ok(undefined);
  }
}

const notWaiting = (
  id: string,
  why: string,
  code: 'not-pending' | 'answered' | 'expired' = 'not-pending',
): TaggedError<'unknown-deployment'> => ({
  kind: 'unknown-deployment',
  code,
  message: `Deployment ${id} ${why}.`,
  hint: 'Look at what waits with `pending()`, and at the deployment itself.',
  retryable: false,
});

function known(state: PluginState | undefined): PluginState {
  if (state) return state;
  throw new QuaysideError({
    kind: 'closed',
    message: 'No deployer has started with this gate.',
    hint: 'Give the gate to createDeployer first, and wait for its answer.',
    retryable: false,
  });
}

/** The state of a plugin rejects with what a `Result` has here. */
const caught = <T>(work: () => Promise<T>): ResultAsync<T, AnyError> =>
  ResultAsync.fromThrowable(work, (thrown) => (thrown instanceof QuaysideError ? thrown.error : bug(thrown)))();
