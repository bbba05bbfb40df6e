/**
 * The environment as it is gathered when a deployment begins: the layers of the configuration merged by name, and what is a function
 * asked. What a function answers is known to this process alone, so it is redacted from then on in all that leaves it; what a function
 * throws is not shown at all, as nobody can say whether it holds the value.
 */
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import type { EnvOptions, EnvRecord, EnvValue } from '../config/options.js';
import type { ResolvedStage } from '../config/resolve.js';
import { envSources } from '../config/schema.js';
import { type AnyError, failure, QuaysideError } from '../domain/errors.js';
import { guard, routine } from '../kernel/routine.js';
import { eachInTurn } from '../kernel/width.js';
import type { CallOptions } from '../ports/call.js';
import { check, invalid } from '../ports/kit.js';
import type { Environment } from './environment.js';
import type { Host } from './host.js';

/** How long a host's `env` function may take. */
const ENV_MS = 30_000;
/** Functions that are asked at the same time: each may start a process. */
const ASKED_AT_ONCE = 8;

export interface Gathered {
  readonly env: Environment;
  /** Names whose values may be stored and shown. */
  readonly plain: ReadonlySet<string>;
  /** By what the configuration says of the stage, whatever a value is marked as. */
  readonly plainEnv: ReadonlySet<string>;
}

type About = { readonly project: string; readonly stage: string; readonly tag: string };
type Asker = Pick<Host, 'call' | 'secrets'>;

/** A value that is a text now, and how it came to be one: `asked` is what a function answered. */
interface Value {
  readonly text: string;
  readonly mark: 'plain' | 'secret' | 'asked' | 'written';
}

export function gatherEnv(
  host: Asker,
  { env: layers, plainEnv }: Pick<ResolvedStage, 'env' | 'plainEnv'>,
  { project, stage, tag }: About,
  options: CallOptions,
): ResultAsync<Gathered, AnyError> {
  return routine(async function* () {
    const about = { project, stage, tag };
    const merged = new Map<string, Source>();
    for (const layer of layers) {
      const isAsked = typeof layer === 'function';
      const record = isAsked ? yield* askLayer(host, layer, about, options) : layer;
      for (const [name, value] of Object.entries(record)) merged.set(name, { value, isAsked });
    }
    const sources = [...merged];
    const values = await Promise.all(
      eachInTurn(sources, ASKED_AT_ONCE, ([name, source]) => settleValue(host, name, source, about, options)),
    );
    const env: Record<string, string> = {};
    const plain = new Set<string>();
    for (const [index, [name]] of sources.entries()) {
      const value = values[index];
      if (!value) continue;
      const { text, mark } = yield* value;
      env[name] = text;
      if (mark === 'plain' || (mark !== 'secret' && plainEnv.has(name))) plain.add(name);
      else if (mark !== 'written') host.secrets.mark([text]);
    }
    return ok<Gathered, AnyError>({ env, plain, plainEnv });
  });
}

/** What a request overrides is secret, unless the configuration says of that name that it is not. */
export function withOverrides(
  { env, plain, plainEnv }: Gathered,
  overrides: Environment,
): { readonly env: Environment; readonly plain: ReadonlySet<string> } {
  const isOver = (name: string): boolean => Object.hasOwn(overrides, name);
  const names = [...plain].filter((name) => !isOver(name));
  return {
    env: { ...env, ...overrides },
    plain: new Set([...names, ...Object.keys(overrides).filter((name) => plainEnv.has(name))]),
  };
}

interface Source {
  readonly value: EnvValue;
  /** It stood in what a function of the whole environment answered. */
  readonly isAsked: boolean;
}

function askLayer(
  host: Asker,
  layer: Extract<EnvOptions, (...args: never) => unknown>,
  about: About,
  { signal }: CallOptions,
): ResultAsync<EnvRecord, AnyError> {
  return ask(host, 'The env function', signal, (options) => layer({ ...about, ...options })).andThen((answer) =>
    check('invalid-config', envSources(), answer, `env of ${about.project}/${about.stage}`),
  );
}

async function settleValue(
  host: Asker,
  name: string,
  { value, isAsked }: Source,
  about: About,
  { signal }: CallOptions,
): Promise<Result<Value, AnyError>> {
  if (typeof value === 'string') return ok({ text: value, mark: isAsked ? 'asked' : 'written' });
  if (typeof value === 'object')
    return ok('plain' in value ? { text: value.plain, mark: 'plain' } : { text: value.secret, mark: 'secret' });
  const answer = await ask(host, `The env function of ${name}`, signal, (options) =>
    value({ ...about, name, ...options }),
  );
  return answer.andThen((text) => {
    if (typeof text === 'string' && !text.includes('\0')) return ok<Value, AnyError>({ text, mark: 'asked' });
    const received = typeof text === 'string' ? 'one with a NUL character' : typeof text;
    const path = `env.${name} of ${about.project}/${about.stage}`;
    return err(invalid('invalid-config', [{ path, expected: 'a function that answers a text', received }]));
  });
}

/** Bounded; what is thrown is told of by its kind alone. */
function ask(
  host: Asker,
  what: string,
  signal: AbortSignal,
  call: (options: CallOptions) => unknown,
): ResultAsync<unknown, AnyError> {
  const asked = (options: CallOptions): ResultAsync<unknown, AnyError> =>
    guard(async () => {
      try {
        return ok<unknown, AnyError>(await call(options));
      } catch (thrown) {
        return err<unknown, AnyError>(notAnswered(what, thrown));
      }
    });
  return host.call(what, signal, asked, { ms: ENV_MS });
}

/** A `QuaysideError` was written to be shown. Anything else is told of by its name and code. */
function notAnswered(what: string, thrown: unknown): AnyError {
  if (thrown instanceof QuaysideError)
    return failure('secret-unreadable', `${what} failed: ${thrown.message}`, thrown.hint, {
      retryable: thrown.retryable,
    });
  const { name, code } = (typeof thrown === 'object' && thrown ? thrown : {}) as { name?: unknown; code?: unknown };
  const kind = typeof name === 'string' && /^[A-Za-z]{1,60}$/.test(name) ? name : 'something that is no Error';
  const isCode = typeof code === 'number' || (typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,40}$/.test(code));
  return failure(
    'secret-unreadable',
    `${what} threw ${kind}${isCode ? ` (${code})` : ''}.`,
    'Look where it is written what it threw: it is not shown here, as it may hold the value.',
  );
}
