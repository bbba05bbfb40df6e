/** Setting plugins up: each says what it does, and what it says is checked. Whatever is wrong with any of them is told at once. */
import { err, ok, type ResultAsync } from 'neverthrow';
import { didYouMean } from '../domain/did-you-mean.js';
import { durationMs } from '../domain/duration.js';
import { type AnyError, type InvalidError, type Issue, QuaysideError } from '../domain/errors.js';
import type { EventName, Listener } from '../events/hub.js';
import { routine } from '../kernel/routine.js';
import type { Clock } from '../ports/clock.js';
import { invalid } from '../ports/kit.js';
import type { Notifier } from '../ports/notifier.js';
import { callPlugin } from './call.js';
import type { GivenHook } from './hooks.js';
import { compatible, type Placed } from './order.js';
import type { GivenStep } from './step.js';
import { nameOfStep } from './step.js';
import {
  type HookOptions,
  type PluginHandle,
  type PluginHook,
  type PluginHost,
  type PluginState,
  type PluginStep,
  STEP_NAMES,
} from './types.js';

/** All that a deployer's plugins have said, in their order. */
export interface Given {
  readonly hooks: GivenHook[];
  readonly steps: GivenStep[];
  readonly listeners: { readonly plugin: string; readonly event: EventName; readonly listener: Listener<EventName> }[];
  readonly notifiers: Notifier[];
  readonly handles: { readonly plugin: string; readonly dispose: () => unknown }[];
}

export interface SetUpTerms {
  readonly clock: Clock;
  /** Of the deployer's own notifiers: a plugin's needs another one. */
  readonly notifiers: readonly string[];
  state(plugin: string): PluginState;
}

const SETUP_MS = 30_000;
const HOOK_MS = 30_000;
const STEP_MS = 600_000;
/** `setTimeout` takes no more. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1;
const STEP = /^[a-z][a-z0-9-]{0,39}$/;

/** @returns in the error's case what was set up before is in `given` all the same, to be disposed of */
export function setUp(
  placed: readonly Placed[],
  terms: SetUpTerms,
  given: Given,
): ResultAsync<void, InvalidError<'invalid-config'> | AnyError> {
  return routine(async function* () {
    const issues: Issue[] = [];
    const named: { readonly hook: GivenHook; readonly path: string }[] = [];
    for (const { plugin, path } of placed) {
      const { name, version } = plugin;
      const setting = new Setting({ name, version, path, issues, terms, given });
      const called = await callPlugin<void | PluginHandle>(
        terms.clock,
        { plugin: name, at: 'in setup', ms: SETUP_MS, setting: undefined },
        [],
        () => plugin.setup(setting.host()),
      );
      setting.isOver = true;
      named.push(...setting.hooks.map((hook) => ({ hook, path })));
      if (called.isErr()) issues.push(...issuesOf(called.error, path));
      else takeHandle(called.value, { name, path }, given, issues);
    }
    const steps = [...STEP_NAMES, ...given.steps.map(nameOfStep)];
    for (const { hook, path } of named) {
      if (steps.includes(hook.step)) {
        const own = given.steps.find((step) => nameOfStep(step) === hook.step);
        given.hooks.push(own ? { ...hook, isStarted: own.isStarted } : hook);
      } else issues.push({ path: `${path}.${hook.side}`, ...expectedStep(hook.step, steps) });
    }
    return issues.length > 0 ? err(invalid('invalid-config', issues)) : ok(undefined);
  });
}

const expectedStep = (received: unknown, names: readonly string[]): Omit<Issue, 'path'> => {
  const near = typeof received === 'string' ? didYouMean(received, names) : '';
  return { expected: `one of the steps ${names.join(', ')}${near}`, received: JSON.stringify(received) ?? 'nothing' };
};

function issuesOf(error: AnyError, path: string): readonly Issue[] {
  const cause = error.cause instanceof QuaysideError ? error.cause.issues : undefined;
  return cause ?? [{ path: `${path}.setup`, expected: 'an end without an error', received: error.message }];
}

function takeHandle(
  answer: unknown,
  { name, path }: { readonly name: string; readonly path: string },
  given: Given,
  issues: Issue[],
): void {
  if (answer === undefined || answer === null) return;
  const { dispose } = (typeof answer === 'object' ? answer : {}) as { readonly dispose?: unknown };
  if (typeof answer === 'object' && (dispose === undefined || typeof dispose === 'function')) {
    if (dispose) given.handles.push({ plugin: name, dispose: () => (dispose as () => unknown).call(answer) });
    return;
  }
  issues.push({
    path: `${path}.setup`,
    expected: 'nothing or { dispose() } as its answer',
    received: typeof answer === 'object' ? '{ dispose } that is no function' : `a ${typeof answer}`,
  });
}

interface Around {
  readonly name: string;
  readonly version: string;
  readonly path: string;
  readonly issues: Issue[];
  readonly terms: SetUpTerms;
  readonly given: Given;
}

/** One plugin while it is set up. */
class Setting {
  readonly #around: Around;
  readonly hooks: GivenHook[] = [];
  isOver = false;

  constructor(around: Around) {
    this.#around = around;
  }

  host(): PluginHost {
    const { name, terms, given } = this.#around;
    return {
      name,
      on: (event, listener) => {
        if (!this.#may('on', event) || !this.#isFunction('on', listener)) return;
        given.listeners.push({ plugin: name, event, listener: listener as Listener<EventName> });
      },
      before: (step, hook, options) => this.#hook('before', step, hook, options),
      after: (step, hook, options) => this.#hook('after', step, hook, options),
      step: (step) => this.#step(step as unknown as PluginStep),
      notifier: (notifier) => this.#notifier(notifier),
      state: terms.state(name),
      now: () => terms.clock.now(),
    };
  }

  #may(method: string, what: unknown): boolean {
    if (this.isOver)
      throw new Error(
        `Plugin "${this.#around.name}": ${method}(${JSON.stringify(what)}) belongs into setup, which is over.`,
      );
    return true;
  }

  #wrong(field: string, expected: string, received: string): false {
    this.#around.issues.push({ path: `${this.#around.path}.${field}`, expected, received });
    return false;
  }

  #isFunction(field: string, what: unknown): boolean {
    return typeof what === 'function' || this.#wrong(field, 'a function', typeof what);
  }

  #ms(field: string, given: unknown, defaultMs: number): number {
    if (given === undefined) return defaultMs;
    const ms = typeof given === 'string' || typeof given === 'number' ? durationMs(given) : undefined;
    if (ms !== undefined && ms > 0 && ms <= TIMEOUT_MAX_MS) return ms;
    this.#wrong(field, "a duration of at most 24 days, such as '30s' or '10m'", JSON.stringify(given) ?? typeof given);
    return defaultMs;
  }

  #hook(side: 'before' | 'after', step: string, hook: PluginHook, options: HookOptions = {}): void {
    const { name } = this.#around;
    if (!this.#may(side, step) || !this.#isFunction(`${side}[${JSON.stringify(step)}]`, hook)) return;
    const timeoutMs = this.#ms(`${side}[${JSON.stringify(step)}].timeout`, options?.timeout, HOOK_MS);
    this.hooks.push({ plugin: name, side, step, hook, timeoutMs, isStarted: isStarted(step, side) });
  }

  #step(step: PluginStep): void {
    this.#may('step', step?.name);
    const { name: plugin, version, given } = this.#around;
    const name: unknown = step?.name;
    if (typeof name !== 'string' || !STEP.test(name)) {
      const expected = '1 to 40 lower case letters, digits and dashes that begin with a letter';
      this.#wrong('step.name', expected, JSON.stringify(name) ?? 'nothing');
      return;
    }
    const at = `step ${name}`;
    const rank = this.#rank(step, at);
    const isFine =
      this.#isFunction(`${at}.run`, step.run) &&
      (['intent', 'undo', 'when'] as const).every(
        (field) => step[field] === undefined || this.#isFunction(`${at}.${field}`, step[field]),
      );
    if (given.steps.some((other) => other.plugin === plugin && other.given.name === name))
      this.#wrong(`${at}.name`, 'a name of its own', JSON.stringify(name));
    const timeoutMs = this.#ms(`${at}.timeout`, step.timeout, STEP_MS);
    const undoTimeoutMs = step.undoTimeout === undefined ? null : this.#ms(`${at}.undoTimeout`, step.undoTimeout, 0);
    if (rank === undefined || !isFine) return;
    given.steps.push({
      plugin,
      version: compatible(version),
      given: step,
      timeoutMs,
      undoTimeoutMs,
      rank,
      isStarted: rank > STARTED,
    });
  }

  #rank({ before, after }: PluginStep, at: string): number | undefined {
    if ((before === undefined) === (after === undefined)) {
      this.#wrong(at, 'either `before` or `after`', before === undefined ? 'neither' : 'both');
      return undefined;
    }
    const side = before === undefined ? 'after' : 'before';
    const step = before ?? after;
    const names: readonly string[] = STEP_NAMES.filter((each) => each !== (side === 'before' ? 'claim' : 'commit'));
    if (!names.includes(String(step))) {
      const { expected, received } = expectedStep(step, names);
      this.#wrong(`${at}.${side}`, expected, received);
      return undefined;
    }
    return rankOf(String(step)) + (side === 'before' ? -BESIDE : BESIDE);
  }

  #notifier(notifier: Notifier): void {
    this.#may('notifier', notifier?.name);
    const { given, terms } = this.#around;
    if (typeof notifier?.name !== 'string' || typeof notifier.notify !== 'function')
      return void this.#wrong('notifier', 'a Notifier', typeof notifier);
    const { name } = notifier;
    if ([...terms.notifiers, ...given.notifiers.map((each) => each.name)].includes(name))
      return void this.#wrong('notifier.name', 'a name of its own', JSON.stringify(name));
    given.notifiers.push(notifier);
  }
}

/** What comes before a step stands nearer to it than what comes after the one before. */
const BESIDE = 0.25;
export const rankOf = (step: string): number => (STEP_NAMES as readonly string[]).indexOf(step);
const STARTED = rankOf('start');

const isStarted = (step: string, side: 'before' | 'after'): boolean =>
  rankOf(step) > STARTED || (step === 'start' && side === 'after');
