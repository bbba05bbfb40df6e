/**
 * Containers: made, started, stopped, removed, looked at.
 *
 * Every change is meant for one owner's container and goes to its id, which never means another: whose it is was known when it
 * was created here, or is looked up first. So a change after our own create is one request, and conditional all the same.
 */
import type {
  CallOptions,
  Container,
  ContainerOwner,
  ContainerRef,
  ContainerSpec,
  RuntimeError,
} from '@quayside/core/ports';
import { err, ok, type Result, type ResultAsync } from 'neverthrow';
import type { About } from './about.js';
import { containerOf, type Inspection, nameOf } from './container-view.js';
import { BUILT_IN_NETWORKS, createBody } from './create-body.js';
import { type Answer, attempt, type Call, type Engine } from './engine.js';
import { containerMissing, createRefusal, nameTaken, networkMissing, refused, startRefusal } from './faults.js';
import { isOwnedBy, LABEL } from './labels.js';
import type { Networks } from './networks.js';

export interface Containers {
  create(spec: ContainerSpec, options: CallOptions): ResultAsync<void, RuntimeError>;
  connect(
    ref: ContainerRef,
    network: string,
    aliases: readonly string[],
    options: CallOptions,
  ): ResultAsync<void, RuntimeError>;
  start(ref: ContainerRef, options: CallOptions): ResultAsync<void, RuntimeError>;
  stop(ref: ContainerRef, options: CallOptions & { readonly graceMs: number }): ResultAsync<void, RuntimeError>;
  remove(ref: ContainerRef, options: CallOptions): ResultAsync<'removed' | 'absent' | 'foreign', RuntimeError>;
  inspect(
    name: string,
    options: CallOptions & { readonly port: number | null },
  ): ResultAsync<Container | undefined, RuntimeError>;
  list(owner: { readonly storeId: string }, options: CallOptions): ResultAsync<readonly Container[], RuntimeError>;
  /** Calls about our container by its id; `container-missing` where there is none of ours. */
  change(
    ref: ContainerRef,
    call: (id: string) => Call,
    options: CallOptions,
  ): Promise<Result<Answer<unknown>, RuntimeError>>;
}

export interface ContainersContext {
  readonly networks: Networks;
  readonly about: About;
  /** For a spec that names no network. */
  readonly network: string;
  /** Where an engine-chosen port is bound. */
  readonly bind: string;
}

interface FirstNetwork {
  readonly name: string;
  readonly id: string;
}

type Location = { readonly is: 'ours'; readonly id: string } | { readonly is: 'absent' | 'foreign' };

/** How many inspections of a listing are under way at once. */
const LIST_WIDTH = 8;

export function containersOf(engine: Engine, { networks, about, network, bind }: ContainersContext): Containers {
  const ids = idMemory();

  const look = async (name: string, options: CallOptions): Promise<Result<Inspection | undefined, RuntimeError>> => {
    if (!NAME.test(name)) return ok(undefined);
    const call = { what: `Inspecting ${name}`, method: 'GET', path: `/containers/${name}/json` } as const;
    const answer = await engine.send<Inspection>(call, options);
    if (answer.isErr()) return err(answer.error);
    if (answer.value.ok) {
      // The engine also takes the beginning of an id for a name.
      return ok(nameOf(answer.value.body) === name ? answer.value.body : undefined);
    }
    return answer.value.status === 404 ? ok(undefined) : err(refused(answer.value));
  };

  const locate = async (ref: ContainerRef, options: CallOptions): Promise<Result<Location, RuntimeError>> => {
    const found = await look(ref.name, options);
    if (found.isErr()) return err(found.error);
    if (!found.value) return ok({ is: 'absent' });
    if (!isOwnedBy(found.value.Config.Labels, ref.owner)) return ok({ is: 'foreign' });
    ids.set(ref, found.value.Id);
    return ok({ is: 'ours', id: found.value.Id });
  };

  /** The call's answer, or where the container is instead of being ours. */
  const onOurs = async (
    ref: ContainerRef,
    call: (id: string) => Call,
    options: CallOptions,
  ): Promise<Result<Answer<unknown> | Location, RuntimeError>> => {
    const known = ids.get(ref);
    if (known !== undefined) {
      const answer = await engine.send(call(known), options);
      if (answer.isErr() || answer.value.ok || !isNoContainer(answer.value)) return answer;
      // Removed since; another of the same owner may have its name.
      ids.delete(ref);
    }
    const location = await locate(ref, options);
    if (location.isErr()) return err(location.error);
    if (location.value.is !== 'ours') return ok(location.value);
    const answer = await engine.send(call(location.value.id), options);
    if (answer.isOk() && !answer.value.ok && isNoContainer(answer.value)) {
      ids.delete(ref);
      return ok({ is: 'absent' });
    }
    return answer;
  };

  const change: Containers['change'] = async (ref, call, options) => {
    const answer = await onOurs(ref, call, options);
    return answer.andThen((value) => ('is' in value ? err(containerMissing(ref.name)) : ok(value)));
  };

  /** The network that is given at create. The runtime's own default one is made where it is missing. */
  const firstNetwork = async (
    spec: ContainerSpec,
    options: CallOptions,
  ): Promise<Result<FirstNetwork, RuntimeError>> => {
    const name = spec.networks[0]?.name ?? network;
    if (BUILT_IN_NETWORKS.has(name)) return ok({ name, id: name });
    let found = await networks.find(name, options);
    if (found.isOk() && !found.value && spec.networks.length === 0) {
      const made = await networks.ensure(name, spec.owner, options);
      if (made.isErr()) return err(made.error);
      found = await networks.find(name, options);
    }
    return found.andThen((value) => (value ? ok({ name, id: value.Id }) : err(networkMissing(name))));
  };

  const createOn = async (
    spec: ContainerSpec,
    first: FirstNetwork,
    options: CallOptions,
  ): Promise<Result<void, RuntimeError>> => {
    const known = await about.known(options);
    if (known.isErr()) return err(known.error);
    const body = createBody(spec, { network: first, bind, logDriver: known.value.logDriver });
    const answer = await engine.send<{ readonly Id: string }>(
      {
        what: `Creating ${spec.name}`,
        method: 'POST',
        path: '/containers/create',
        query: { name: spec.name },
        body,
      },
      options,
    );
    if (answer.isErr()) return err(answer.error);
    if (answer.value.ok) {
      ids.set(spec, answer.value.body.Id);
      return ok(undefined);
    }
    if (answer.value.status !== 409) return err(createRefusal(answer.value, spec.image));
    const location = await locate(spec, options);
    if (location.isErr()) return err(location.error);
    if (location.value.is === 'ours') return ok(undefined);
    // Held a moment ago and free now, or still reserved by a create that has not ended: worth another try.
    if (location.value.is === 'absent') return err({ ...refused(answer.value), retryable: true });
    return err(nameTaken(spec.name));
  };

  const containers: Containers = {
    change,
    create: (spec, options) =>
      attempt(async () => {
        const name = spec.networks[0]?.name ?? network;
        const id = networks.last(name);
        // It is hardly ever another one than last time: that is found out while the container is created.
        const [first, made] = await Promise.all([
          firstNetwork(spec, options),
          id === undefined ? undefined : createOn(spec, { name, id }, options),
        ]);
        const isOther = first.isOk() ? first.value.id !== id : first.error.kind === 'network-missing';
        if (made && !isOther) return made;
        const removed = made?.isOk() ? await containers.remove(spec, options) : ok('absent');
        if (removed.isErr()) return err(removed.error);
        return first.isErr() ? err(first.error) : createOn(spec, first.value, options);
      }),

    connect: (ref, name, aliases, options) =>
      attempt(async () => {
        const found = await networks.find(name, options);
        if (found.isErr()) return err(found.error);
        const id = found.value?.Id ?? (BUILT_IN_NETWORKS.has(name) ? name : undefined);
        if (id === undefined) return err(networkMissing(name));
        const what = `Connecting ${ref.name} to ${name}`;
        const answer = await change(
          ref,
          (Container) => ({
            what,
            method: 'POST',
            path: `/networks/${id}/connect`,
            body: { Container, ...(aliases.length > 0 ? { EndpointConfig: { Aliases: aliases } } : {}) },
          }),
          options,
        );
        if (answer.isErr()) return err(answer.error);
        if (answer.value.ok) return ok(undefined);
        const { status, message } = answer.value;
        if (/already exists in network|already attached/i.test(message)) return ok(undefined);
        return err(status === 404 ? networkMissing(name) : refused(answer.value));
      }),

    start: (ref, options) =>
      attempt(async () => {
        const what = `Starting ${ref.name}`;
        const answer = await change(ref, (id) => ({ what, method: 'POST', path: `/containers/${id}/start` }), options);
        if (answer.isErr()) return err(answer.error);
        if (answer.value.ok || answer.value.status === 304) return ok(undefined);
        return err(startRefusal(answer.value, ref.name));
      }),

    stop: (ref, { signal, graceMs }) =>
      attempt(async () => {
        // Up: 400 ms of grace rounded down to 0 s would kill at once.
        const query = { t: Math.ceil(graceMs / 1000) };
        const answer = await onOurs(
          ref,
          (id) => ({
            what: `Stopping ${ref.name}`,
            method: 'POST',
            path: `/containers/${id}/stop`,
            query,
            extraMs: query.t * 1000,
          }),
          { signal },
        );
        if (answer.isErr()) return err(answer.error);
        if ('is' in answer.value || answer.value.ok || answer.value.status === 304) return ok(undefined);
        return err(refused(answer.value));
      }),

    remove: (ref, options) =>
      attempt(async () => {
        const what = `Removing ${ref.name}`;
        let asked: string | undefined;
        const answer = await onOurs(
          ref,
          (id) => {
            asked = id;
            return { what, method: 'DELETE', path: `/containers/${id}`, query: { force: true, v: true } };
          },
          options,
        );
        if (answer.isErr()) return err(answer.error);
        if ('is' in answer.value) return ok(answer.value.is === 'foreign' ? 'foreign' : 'absent');
        if (!answer.value.ok) {
          const isGoing = answer.value.status === 409 && /already in progress/i.test(answer.value.message);
          if (!isGoing) return err(refused(answer.value));
          // Somebody else removes it: that it is gone is known when the engine says so.
          const query = { condition: 'removed' };
          const gone = await engine.send({ what, method: 'POST', path: `/containers/${asked}/wait`, query }, options);
          if (gone.isErr()) return err(gone.error);
          if (!gone.value.ok && gone.value.status !== 404) return err(refused(gone.value));
        }
        ids.delete(ref);
        return ok('removed');
      }),

    inspect: (name, options) =>
      attempt(async () => {
        const found = await look(name, options);
        if (found.isErr()) return err(found.error);
        if (!found.value) return ok(undefined);
        const known = await about.known(options);
        return known.map(
          ({ node, publishedHost }) =>
            found.value && containerOf(found.value, { port: options.port, node, publishedHost }),
        );
      }),

    list: ({ storeId }, options) =>
      attempt(async () => {
        const query = { all: true, filters: { label: [`${LABEL.store}=${storeId}`] } };
        const listed = await engine.send<readonly { readonly Id: string }[]>(
          { what: 'Listing containers', method: 'GET', path: '/containers/json', query },
          options,
        );
        if (listed.isErr()) return err(listed.error);
        if (!listed.value.ok) return err(refused(listed.value));
        // A listing tells neither exit codes nor restarts nor what ran out of memory.
        const waiting = [...listed.value.body];
        const found: Container[] = [];
        const work = async (): Promise<RuntimeError | undefined> => {
          for (let next = waiting.shift(); next; next = waiting.shift()) {
            const call = { what: 'Listing containers', method: 'GET', path: `/containers/${next.Id}/json` } as const;
            const answer = await engine.send<Inspection>(call, options);
            if (answer.isErr()) return answer.error;
            if (answer.value.ok) found.push(containerOf(answer.value.body, NO_ENDPOINTS));
            else if (answer.value.status !== 404) return refused(answer.value);
          }
          return undefined;
        };
        const errors = await Promise.all(Array.from({ length: LIST_WIDTH }, work));
        const error = errors.find((each) => each !== undefined);
        return error ? err(error) : ok(found.sort((a, b) => (a.name < b.name ? -1 : 1)));
      }),
  };
  return containers;
}

/** The engine's own rule for names; what does not obey it can be nobody's. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

const NO_ENDPOINTS = { port: null, node: '', publishedHost: '' } as const;

const isNoContainer = ({ status, message }: { readonly status: number; readonly message: string }): boolean =>
  status === 404 && /no such container/i.test(message);

/** As many as one host has in hand at a time; what was forgotten is looked up again. */
const REMEMBERED_MAX = 1_000;

/** Which id the container of a name and an owner has. */
function idMemory() {
  const known = new Map<string, string>();
  const key = ({ name, owner }: { readonly name: string; readonly owner: ContainerOwner }): string =>
    JSON.stringify([name, owner.storeId, owner.deployment]);
  return {
    get: (ref: ContainerRef) => known.get(key(ref)),
    delete: (ref: ContainerRef) => known.delete(key(ref)),
    set(ref: ContainerRef, id: string) {
      known.set(key(ref), id);
      const [oldest] = known.keys();
      if (known.size > REMEMBERED_MAX && oldest !== undefined) known.delete(oldest);
    },
  };
}
