/**
 * The instants at which a host can die, numbered and named as its own flow passes them: before and after every commit, and of every
 * call that changes something at the engine or the proxy when it has not begun (its intent is committed), when the request has left
 * and nothing is answered, and when it was answered and nothing of that is written.
 *
 * The kill is a real one and comes at the very instant: SIGKILL to this process, by itself. Nothing is said before it but the mark.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import { writeSync } from 'node:fs';
import type { ClientRequest } from 'node:http';
import type { ResultAsync } from 'neverthrow';
import { isTerminal } from '../../packages/core/src/domain/records.js';
import type { ContainerRuntime } from '../../packages/core/src/ports/container-runtime.js';
import type { ProxyManager } from '../../packages/core/src/ports/proxy-manager.js';
import type { Change, Store } from '../../packages/core/src/ports/store.js';
import { CommitNames } from './commit-names.js';

/** The calls of a port that change something. Whether they did is seen by what they send, not by their names. */
const CHANGING: ReadonlySet<PropertyKey> = new Set([
  'pull',
  'removeImage',
  'ensureNetwork',
  'removeNetwork',
  'create',
  'connect',
  'start',
  'stop',
  'remove',
  'put',
  'exec',
  'runToEnd',
] satisfies readonly (keyof Required<ContainerRuntime> | keyof Required<ProxyManager>)[]);

/** A deployment's end, committed and answered. */
export interface Ended {
  readonly id: string;
  readonly status: string;
}

/** A line of the child's output. */
export type Line =
  | { readonly said: 'accepted'; readonly id: string }
  | { readonly said: 'passed'; readonly instants: readonly string[] }
  | { readonly said: 'dies'; readonly at: string; readonly number: number; readonly ended: readonly Ended[] }
  | { readonly said: 'ended'; readonly how: string };

export const say = (line: Line): void => void writeSync(1, `${JSON.stringify(line)}\n`);

/** One call that changes something. */
interface Effect {
  readonly name: string;
  hasSent: boolean;
}

export class Instants {
  readonly #dieAt: ReadonlySet<string>;
  readonly #passed: string[] = [];
  readonly #counts = new Map<string, number>();
  readonly #names = new CommitNames();
  /** Deployments that a commit, answered, has ended: from then on their verdict stands. */
  readonly #ended: Ended[] = [];
  readonly #effect = new AsyncLocalStorage<Effect>();

  /** @param dieAt it dies at the first of these */
  constructor(dieAt: readonly string[]) {
    this.#dieAt = new Set(dieAt);
    subscribe('http.client.request.start', (message) =>
      this.#onRequest((message as { request: ClientRequest }).request),
    );
  }

  /** Those that were passed, in their order; of calls that in the end had sent nothing, none. */
  get passed(): readonly string[] {
    return this.#passed;
  }

  store(store: Store): Store {
    const commit: Store['commit'] = (changes, options) => {
      const effect = this.#effect.getStore();
      const name = this.#numbered(`commit: ${this.#names.of(changes)}`);
      this.#pass(`before ${name}`);
      return store.commit(changes, options).map((receipt) => {
        this.#names.made(changes);
        this.#ended.push(...endedBy(changes));
        // A proxy that follows the store is asked by a commit: what is waited for from here on is its answer.
        if (effect) this.#sent(effect);
        else this.#pass(`after ${name}`);
        return receipt;
      });
    };
    return new Proxy(store, { get: (target, key) => (key === 'commit' ? commit : bound(target, key)) });
  }

  port<Port extends object>(port: Port): Port {
    return new Proxy(port, {
      get: (target, key) => {
        const value = bound(target, key);
        if (typeof value !== 'function' || !CHANGING.has(key)) return value;
        return (...given: unknown[]) => this.#call(String(key), () => value(...given) as ResultAsync<unknown, unknown>);
      },
    });
  }

  #call(method: string, work: () => ResultAsync<unknown, unknown>): ResultAsync<unknown, unknown> {
    const effect: Effect = { name: this.#numbered(method), hasSent: false };
    const from = this.#passed.length;
    this.#pass(`before ${effect.name}`);
    const over = <T>(answer: T): T => {
      if (effect.hasSent) this.#pass(`after ${effect.name}`);
      // It looked and found nothing to change: no side effect, and no instant of one.
      else this.#passed.splice(this.#passed.indexOf(`before ${effect.name}`, from), 1);
      return answer;
    };
    return this.#effect.run(effect, work).map(over).mapErr(over);
  }

  /** A request whose last byte was handed to the system; what only asks changes nothing. */
  #onRequest(request: ClientRequest): void {
    const effect = this.#effect.getStore();
    if (!effect || request.method === 'GET' || request.method === 'HEAD') return;
    if (request.writableFinished) this.#sent(effect);
    else request.once('finish', () => this.#sent(effect));
  }

  #sent(effect: Effect): void {
    effect.hasSent = true;
    this.#pass(`sent ${this.#numbered(effect.name)}`);
  }

  #numbered(name: string): string {
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    return `${name} #${count}`;
  }

  #pass(name: string): void {
    this.#passed.push(name);
    if (!this.#dieAt.has(name)) return;
    say({ said: 'dies', at: name, number: this.#passed.length, ended: this.#ended });
    process.kill(process.pid, 'SIGKILL');
  }
}

const bound = (target: object, key: PropertyKey): unknown => {
  const value = Reflect.get(target, key) as unknown;
  return typeof value === 'function' ? value.bind(target) : value;
};

const endedBy = (changes: readonly Change[]): readonly Ended[] =>
  changes.flatMap((change) =>
    change.op === 'put' && change.collection === 'deployments' && isTerminal(change.record.status)
      ? [{ id: change.record.id, status: change.record.status }]
      : [],
  );
