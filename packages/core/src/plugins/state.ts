/** The records that a plugin keeps for itself in the store. */
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import { type AnyError, failure, QuaysideError } from '../domain/errors.js';
import type { PluginStateRecord } from '../domain/records.js';
import type { Host } from '../flow/host.js';
import { allOf } from '../kernel/pages.js';
import { guard, routine } from '../kernel/routine.js';
import { scope } from '../kernel/scope.js';
import { invalid } from '../ports/kit.js';
import type { Change, Stored } from '../ports/store.js';
import { plainJson } from './call.js';
import type { PluginState, StateEntry } from './types.js';

const KEY = /^[!-~]{1,200}$/;

/** @param host undefined: the deployer has not started yet, or never will */
export function pluginState(plugin: string, host: () => Host | undefined): PluginState {
  const idOf = (key: string) => `${plugin}/${key}`;
  const entryOf = ({ value, version }: Stored<PluginStateRecord>): StateEntry => ({
    key: value.id.slice(plugin.length + 1),
    value: value.value,
    version,
  });
  async function call<T>(
    signal: AbortSignal | undefined,
    work: (host: Host, signal: AbortSignal) => ResultAsync<T, AnyError>,
  ): Promise<T> {
    const of = host();
    const answer = of ? await under(of, signal, work) : err<T, AnyError>(notStarted(plugin));
    if (answer.isErr()) throw new QuaysideError(answer.error);
    return answer.value;
  }
  return {
    get: (key, { signal } = {}) =>
      call(signal, ({ store }, own) =>
        keyed(key).asyncAndThen(() =>
          store.get('pluginState', idOf(key), { signal: own }).map((stored) => stored && entryOf(stored)),
        ),
      ),
    list: ({ signal } = {}) =>
      call(signal, ({ store }, own) =>
        allOf(store, 'pluginState', { where: { plugin } }, { signal: own }).map((all) => all.map(entryOf)),
      ),
    put: (key, given, { version, signal } = {}) =>
      call(signal, ({ store }, own) =>
        routine(async function* () {
          yield* keyed(key);
          const plain = plainJson(given);
          if (plain.isErr()) return err(wrong('value', 'plain JSON', plain.error));
          const record: PluginStateRecord = { id: idOf(key), plugin, value: plain.value };
          const change: Change =
            version === 0
              ? { op: 'insert', collection: 'pluginState', record }
              : { op: 'put', collection: 'pluginState', record, ...(version === undefined ? {} : { version }) };
          const committed = await store.commit([change], { signal: own });
          if (committed.isErr() && committed.error.kind === 'store-conflict') return ok<boolean, AnyError>(false);
          yield* committed;
          return ok<boolean, AnyError>(true);
        }),
      ),
    remove: (key, { signal } = {}) =>
      call(signal, ({ store }, own) =>
        keyed(key).asyncAndThen(() =>
          store
            .commit([{ op: 'remove', collection: 'pluginState', id: idOf(key) }], { signal: own })
            .map(() => undefined),
        ),
      ),
  };
}

async function under<T>(
  host: Host,
  signal: AbortSignal | undefined,
  work: (host: Host, signal: AbortSignal) => ResultAsync<T, AnyError>,
): Promise<Result<T, AnyError>> {
  const own = scope(host.clock, signal ? [signal, host.ended] : [host.ended]);
  try {
    return await guard(() => work(host, own.signal));
  } finally {
    own.end();
  }
}

const wrong = (path: string, expected: string, received: string): AnyError =>
  invalid('invalid-request', [{ path, expected, received }]);

const keyed = (key: string): Result<void, AnyError> =>
  typeof key === 'string' && KEY.test(key)
    ? ok(undefined)
    : err(wrong('key', '1 to 200 visible characters without spaces', JSON.stringify(String(key).slice(0, 40))));

const notStarted = (plugin: string): AnyError =>
  failure(
    'closed',
    `The state of plugin "${plugin}" is in the store of a deployer, and none has started with it.`,
    'Give the plugin to createDeployer first, and wait for its answer.',
  );
