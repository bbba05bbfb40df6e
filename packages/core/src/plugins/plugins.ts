/**
 * The plugins of one deployer at work: what the flow asks of them, and their end. Loaded only where there are some.
 */
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import type { AnyError, InvalidError } from '../domain/errors.js';
import type { Extensions, Hook } from '../flow/extensions.js';
import type { Flow } from '../flow/flow.js';
import type { Host } from '../flow/host.js';
import type { Step } from '../flow/step.js';
import { redactor } from '../kernel/redactor.js';
import { routine } from '../kernel/routine.js';
import { endedWithin } from '../kernel/scope.js';
import { storedError } from '../kernel/stored-error.js';
import type { Clock } from '../ports/clock.js';
import type { Notifier } from '../ports/notifier.js';
import { callPlugin } from './call.js';
import { afterCommit, allOfHooks } from './hooks.js';
import { compatible, type Placed } from './order.js';
import { type Given, rankOf, setUp } from './setup.js';
import { pluginState } from './state.js';
import { flowStep, isWanted } from './step.js';

/** A plugin that does not let go is left to itself after so long. */
const DISPOSE_MS = 10_000;

export interface PluginTerms {
  readonly clock: Clock;
  readonly notifiers: readonly Notifier[];
  readonly settings: { readonly undoTimeoutMs: number };
}

/** Sets them up, in their order. Where one of them is wrong, those that are set up are disposed of. */
export function setUpPlugins(
  placed: readonly Placed[],
  { clock, notifiers, settings }: PluginTerms,
): ResultAsync<Plugins, InvalidError<'invalid-config'> | AnyError> {
  return routine(async function* () {
    const given: Given = { hooks: [], steps: [], listeners: [], notifiers: [], handles: [] };
    const plugins: Plugins = new Plugins(placed, given, clock, settings.undoTimeoutMs);
    const terms = {
      clock,
      notifiers: notifiers.map(({ name }) => name),
      state: (plugin: string) => pluginState(plugin, () => plugins.host),
    };
    const done = await setUp(placed, terms, given);
    if (done.isErr()) {
      await plugins.dispose();
      return err(done.error);
    }
    plugins.ready();
    return ok(plugins);
  });
}

export class Plugins implements Extensions {
  readonly #placed: readonly Placed[];
  readonly #given: Given;
  readonly #clock: Clock;
  readonly #undoTimeoutMs: number;
  readonly #closing = new AbortController();
  readonly #afterwards = new Set<Promise<void>>();
  #listening: (() => void)[] = [];
  #around = new Map<string, { readonly before: Hook | undefined; readonly after: Hook | undefined }>();
  /** Its own steps, in their order among the flow's. */
  #steps: readonly { readonly rank: number; readonly step: Step; isWanted(flow: Flow): Result<boolean, AnyError> }[] =
    [];
  steps: readonly Step[] = [];
  needed: readonly string[] = [];
  /** Once it has started. */
  host: Host | undefined;

  constructor(placed: readonly Placed[], given: Given, clock: Clock, undoTimeoutMs: number) {
    this.#placed = placed;
    this.#given = given;
    this.#clock = clock;
    this.#undoTimeoutMs = undoTimeoutMs;
  }

  get notifiers(): readonly Notifier[] {
    return this.#given.notifiers;
  }

  get beforeClaim(): Hook | undefined {
    return this.#around.get('claim')?.before;
  }

  /** All of them have said what they do. */
  ready(): void {
    const { hooks, steps } = this.#given;
    this.#steps = steps.map((of) => ({
      rank: of.rank,
      step: flowStep(of, this.#undoTimeoutMs),
      isWanted: (flow: Flow) => isWanted(of, flow),
    }));
    this.steps = this.#steps.map(({ step }) => step);
    for (const { step } of hooks)
      this.#around.set(step, {
        before: allOfHooks(hooks.filter((each) => each.step === step && each.side === 'before')),
        after: allOfHooks(hooks.filter((each) => each.step === step && each.side === 'after')),
      });
    const taking = new Set([...hooks, ...steps].map(({ plugin }) => plugin));
    this.needed = this.#placed
      .filter(({ plugin }) => taking.has(plugin.name))
      .map(({ plugin }) => `${plugin.name}@${compatible(plugin.version)}`);
  }

  /** The deployer starts: listeners are told from here on, and the store is there. */
  start(host: Host): void {
    this.host = host;
    this.#listening = this.#given.listeners.map(({ plugin, event, listener }) =>
      host.hub.on(event, (payload) => {
        try {
          const answer = listener(payload);
          return answer instanceof Promise ? answer.catch((thrown: unknown) => rethrow(plugin, thrown)) : answer;
        } catch (thrown) {
          return rethrow(plugin, thrown);
        }
      }),
    );
  }

  arrange(own: readonly Step[], flow: Flow): Result<readonly Step[], AnyError> {
    const all = own.map((step) => ({ rank: rankOf(step.name), step }));
    for (const each of this.#steps) {
      const wanted = each.isWanted(flow);
      if (wanted.isErr()) return err(wanted.error);
      if (wanted.value) all.push(each);
    }
    const steps = all.sort((a, b) => a.rank - b.rank).map(({ step }) => step);
    const last = steps.length - 1;
    return ok(
      steps.map((step, index) => {
        const around = this.#around.get(step.name);
        // What follows the claim comes first of all, and what precedes the commit last: neither is a step that is run like the others.
        const before = both(index === 0 ? this.#around.get('claim')?.after : undefined, around?.before);
        const after = both(around?.after, index === last ? this.#around.get('commit')?.before : undefined);
        if (!before && !after) return step;
        return { ...step, around: { ...(before ? { before } : {}), ...(after ? { after } : {}) } };
      }),
    );
  }

  committed(flow: Flow): void {
    const given = this.#given.hooks.filter(({ step, side }) => step === 'commit' && side === 'after');
    if (given.length === 0) return;
    const done: Promise<void> = afterCommit(given, flow, this.#closing.signal).then(
      () => void this.#afterwards.delete(done),
      () => void this.#afterwards.delete(done),
    );
    this.#afterwards.add(done);
  }

  /** Waits for what follows commits: not for longer than `ms`. What still runs then is aborted. */
  async finish(ms: number, hurry: AbortSignal): Promise<void> {
    if (this.#afterwards.size > 0) await endedWithin(this.#clock, Promise.all(this.#afterwards), ms, hurry);
    this.#closing.abort(new Error('the deployer is closing'));
    await Promise.all(this.#afterwards);
  }

  /** The last first, as each may need those before it. */
  async dispose(): Promise<void> {
    for (const off of this.#listening) off();
    for (const { plugin, dispose } of this.#given.handles.toReversed()) {
      const terms = { plugin, at: 'in dispose', ms: DISPOSE_MS, setting: undefined };
      const disposed = await callPlugin(this.#clock, terms, [], dispose);
      if (disposed.isOk()) continue;
      const error = storedError(disposed.error, this.host?.secrets.wideRedactor() ?? redactor([]));
      this.host?.hub.emit('plugin.failed', { plugin, at: 'dispose', deploymentId: null, error });
    }
    this.#given.handles.splice(0);
  }
}

const both = (first: Hook | undefined, second: Hook | undefined): Hook | undefined =>
  first && second ? (flow, signal) => first(flow, signal).andThen(() => second(flow, signal)) : (first ?? second);

/** Whoever hears of it as `listener.failed` is to know whose listener it was. */
function rethrow(plugin: string, thrown: unknown): never {
  const said = thrown instanceof Error ? thrown.message : 'it threw something that is no error';
  throw new Error(`plugin "${plugin}": ${said}`, { cause: thrown });
}
