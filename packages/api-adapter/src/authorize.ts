/**
 * Who may do what: the host's answer, asked for before anything is read or done.
 *
 * It is asked once with what the address names, before a body is read or an id is looked up, and again with the project and the stage
 * that the body or the record names. What a list or a stream shows of a stage is asked for, too, once per request and stage. So whatever
 * is shown or done of a stage was allowed for exactly that stage, and no host has to filter.
 */
import { type AnyError, bug, type Clock, onAbort, quoted, timedOut } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { type ApiError, apiError, type Failure } from './problem.js';

/**
 * What is asked for. `read`: projects, tags, deployments, instances, stages, routes, events. `read-log`: a deployment's log. `read-output`: what a
 * container writes. `read-audit`: who did what. `read-store`: events and acts that belong to no project. `describe`: the OpenAPI document.
 */
export type Action =
  | 'describe'
  | 'read'
  | 'read-log'
  | 'read-output'
  | 'read-audit'
  | 'read-store'
  | 'plan'
  | 'deploy'
  | 'roll-back'
  | 'cancel'
  | 'remove'
  | 'pin'
  | 'maintenance';

export interface Ask {
  readonly action: Action;
  /** Absent: not known yet, or none: may this caller do that at all? */
  readonly project?: string;
  readonly stage?: string;
}

export interface Grant {
  /** Who it is, for the history: 1 to 200 characters without control characters. */
  readonly by: string;
}

/** `null` and `'unauthenticated'` are answered with 401, `'forbidden'` with 403, a `Response` as it is. */
export type Verdict = Grant | 'unauthenticated' | 'forbidden' | null | undefined | Response;

/** Throwing, hanging and answering anything else is a refusal. */
export type Authorize = (request: Request, ask: Ask) => Verdict | PromiseLike<Verdict>;

export interface Place {
  readonly project?: string | undefined;
  readonly stage?: string | undefined;
}

/** Whose an event is, and what it takes to see it; default `read`. */
export interface EventPlace extends Place {
  readonly action?: 'read-audit' | undefined;
}

/** One request's questions, each asked once. */
export class Permits {
  readonly #ask: (ask: Ask) => Promise<Result<Grant, Failure>>;
  readonly #answers = new Map<string, Promise<Result<Grant, Failure>>>();

  constructor(ask: (ask: Ask) => Promise<Result<Grant, Failure>>) {
    this.#ask = ask;
  }

  grant(action: Action, { project, stage }: Place = {}): Promise<Result<Grant, Failure>> {
    const key = JSON.stringify([action, project ?? null, stage ?? null]);
    const known = this.#answers.get(key);
    if (known) return known;
    // A stream tells of ever more stages.
    if (this.#answers.size >= KEPT_MAX) this.forget();
    const asked = this.#ask({
      action,
      ...(project === undefined ? {} : { project }),
      ...(stage === undefined ? {} : { stage }),
    });
    this.#answers.set(key, asked);
    return asked;
  }

  async allows(action: Action, place: Place): Promise<boolean> {
    return (await this.grant(action, place)).isOk();
  }

  /** For a stream that stays open: what was granted may have been taken back. */
  forget(): void {
    this.#answers.clear();
  }
}

const KEPT_MAX = 10_000;

/** Asks the host, within a bound and behind a guard. */
export async function asked(
  authorize: Authorize,
  request: Request,
  ask: Ask,
  terms: { readonly clock: Clock; readonly limitMs: number; readonly challenge: string },
): Promise<Result<Grant, Failure>> {
  const verdict = await guarded(authorize, request, ask, terms);
  if (verdict.isErr()) return err(verdict.error);
  const { value } = verdict;
  if (value === null || value === undefined || value === 'unauthenticated')
    return err(unauthenticated(terms.challenge));
  if (value === 'forbidden') return err(forbidden(ask));
  if (value instanceof Response) return err({ response: value });
  if (typeof value === 'object' && isBy(value.by)) return ok({ by: value.by });
  return err(bug(new TypeError('authorize answered neither { by } (1 to 200 characters) nor a refusal')));
}

const isBy = (by: unknown): by is string =>
  typeof by === 'string' && by.length >= 1 && by.length <= 200 && !/\p{Cc}/u.test(by);

function guarded(
  authorize: Authorize,
  request: Request,
  ask: Ask,
  { clock, limitMs }: { readonly clock: Clock; readonly limitMs: number },
): Promise<Result<Verdict, AnyError>> {
  return new Promise((resolve) => {
    const settle = (result: Result<Verdict, AnyError>) => {
      stop();
      letGo();
      resolve(result);
    };
    const stop = clock.after(limitMs, () => settle(err(timedOut('`authorize`', limitMs, 'authorizeTimeout'))), true);
    const letGo = onAbort(request.signal, () => settle(err(gone())));
    (async () => await authorize(request, ask))().then(
      (value) => settle(ok(value)),
      (thrown: unknown) => settle(err(bug(thrown))),
    );
  });
}

const gone = (): AnyError => ({
  kind: 'aborted',
  message: 'The caller went away.',
  hint: 'Call again if it is still wanted.',
  retryable: true,
});

const unauthenticated = (challenge: string): ApiError =>
  apiError('unauthenticated', 'This call needs to say who makes it.', 'Send the credentials that this host asks for.', {
    headers: { 'www-authenticate': challenge },
  });

const forbidden = ({ action, project, stage }: Ask): ApiError => {
  const where = [project && `project ${quoted(project)}`, stage && `stage ${quoted(stage)}`].filter(Boolean).join(', ');
  return apiError(
    'forbidden',
    `This caller may not ${WORDS[action]}${where && `: ${where}`}.`,
    'Ask who runs this host for that permission.',
  );
};

const WORDS: { readonly [A in Action]: string } = {
  describe: 'read the description of this API',
  read: 'look at that',
  'read-log': 'read the log of a deployment',
  'read-output': 'read what a container writes',
  'read-audit': 'read who did what',
  'read-store': 'read what belongs to the whole store',
  plan: 'plan a deployment',
  deploy: 'deploy',
  'roll-back': 'roll back',
  cancel: 'cancel a deployment',
  remove: 'remove that',
  pin: 'pin an instance',
  maintenance: 'change what visitors of a stage are told',
};
