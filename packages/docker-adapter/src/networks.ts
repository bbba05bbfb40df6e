/**
 * Networks, which the engine knows by id and people by name.
 *
 * Names are not unique to the engine: two creates at once make two networks, and from then on it calls the name ambiguous.
 * So everything here works by id, of several by one name the oldest counts, and who made a younger one takes it away again.
 */
import type { CallOptions, RuntimeError } from '@quayside/core/ports';
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import { BUILT_IN_NETWORKS } from './create-body.js';
import { attempt, type Engine } from './engine.js';
import { refused } from './faults.js';
import { LABEL, type Labels } from './labels.js';

export interface Network {
  readonly Id: string;
  readonly Name: string;
  readonly Created: string;
  readonly Labels: Labels | null;
}

export interface Networks {
  /** The network of that name; undefined where there is none. One request. */
  find(name: string, options: CallOptions): ResultAsync<Network | undefined, RuntimeError>;
  /** Its id when it was found last. */
  last(name: string): string | undefined;
  ensure(name: string, owner: { readonly storeId: string }, options: CallOptions): ResultAsync<boolean, RuntimeError>;
  remove(name: string, owner: { readonly storeId: string }, options: CallOptions): ResultAsync<boolean, RuntimeError>;
}

/** Names whose ids are remembered. */
const REMEMBERED_MAX = 1_000;

export function networksOf(engine: Engine): Networks {
  const ids = new Map<string, string>();

  /** All of that name, the oldest first. */
  const all = async (name: string, options: CallOptions): Promise<Result<readonly Network[], RuntimeError>> => {
    const filters = { name: [`^${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`] };
    const call = { what: `Looking for network ${name}`, method: 'GET', path: '/networks', query: { filters } } as const;
    const answer = await engine.send<readonly Network[]>(call, options);
    if (answer.isErr()) return err(answer.error);
    if (!answer.value.ok) return err(refused(answer.value));
    // The filter is a pattern to some engines and a part of the name to others.
    const found = answer.value.body.filter(({ Name }) => Name === name);
    return ok(found.sort((a, b) => compare(a.Created, b.Created) || compare(a.Id, b.Id)));
  };

  const drop = async ({ Id, Name }: Network, options: CallOptions): Promise<Result<boolean, RuntimeError>> => {
    const call = { what: `Removing network ${Name}`, method: 'DELETE', path: `/networks/${Id}` } as const;
    const answer = await engine.send(call, options);
    if (answer.isErr()) return err(answer.error);
    if (answer.value.ok) return ok(true);
    // Something was attached since it was looked at (403), or somebody else removed it.
    const { status, message } = answer.value;
    if (status === 404 || ((status === 403 || status === 409) && /active endpoints/i.test(message))) return ok(false);
    return err(refused(answer.value));
  };

  const make = async (name: string, storeId: string, options: CallOptions): Promise<Result<boolean, RuntimeError>> => {
    const there = await all(name, options);
    if (there.isErr()) return err(there.error);
    if (there.value.length > 0) return ok(false);
    const body = { Name: name, Driver: 'bridge', CheckDuplicate: true, Labels: { [LABEL.store]: storeId } };
    const call = { what: `Making network ${name}`, method: 'POST', path: '/networks/create', body } as const;
    const made = await engine.send<{ readonly Id: string }>(call, options);
    if (made.isErr()) return err(made.error);
    if (!made.value.ok) {
      // Somebody was quicker: then it is there, which is all that was asked.
      const again = made.value.status === 409 ? await all(name, options) : undefined;
      return again?.isOk() && again.value.length > 0 ? ok(false) : err(refused(made.value));
    }
    const { Id } = made.value.body;
    const since = await all(name, options);
    if (since.isErr()) return err(since.error);
    const mine = since.value.find((network) => network.Id === Id);
    if (!mine || since.value[0]?.Id === Id) return ok(true);
    return (await drop(mine, options)).map(() => false);
  };

  /** Calls of this process for one name go one after the other. */
  const inTurn = new Map<string, Promise<unknown>>();

  return {
    find: (name, options) =>
      attempt(async () =>
        (await all(name, options)).map(([oldest]) => {
          ids.delete(name);
          if (ids.size >= REMEMBERED_MAX) ids.clear();
          if (oldest) ids.set(name, oldest.Id);
          return oldest;
        }),
      ),
    last: (name) => ids.get(name),
    ensure: (name, { storeId }, options) =>
      attempt(async () => {
        if (BUILT_IN_NETWORKS.has(name)) return ok(false);
        const before = inTurn.get(name) ?? Promise.resolve();
        const mine = before.then(() => make(name, storeId, options));
        const settled = mine.catch(() => undefined);
        inTurn.set(name, settled);
        try {
          return await mine;
        } finally {
          if (inTurn.get(name) === settled) inTurn.delete(name);
        }
      }),
    remove: (name, { storeId }, options) =>
      attempt(async () => {
        const found = await all(name, options);
        if (found.isErr()) return err(found.error);
        let isRemoved = false;
        for (const network of found.value.filter(({ Labels }) => Labels?.[LABEL.store] === storeId)) {
          // A stopped container is not attached for the engine, and could not start again without it.
          const filters = { network: [network.Id] };
          const what = `Looking who uses network ${name}`;
          const users = await engine.send<readonly unknown[]>(
            { what, method: 'GET', path: '/containers/json', query: { all: true, filters } },
            options,
          );
          if (users.isErr()) return err(users.error);
          if (!users.value.ok) return err(refused(users.value));
          if (users.value.body.length > 0) continue;
          const dropped = await drop(network, options);
          if (dropped.isErr()) return err(dropped.error);
          isRemoved ||= dropped.value;
        }
        return ok(isRemoved);
      }),
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
