import type { ContainerLogLine, ContainerRuntime, LocalImage, RuntimeError, RuntimeEvent } from '@quayside/core/ports';
import { bug, QuaysideError } from '@quayside/core/ports';
import { containerRuntimeLaws, type RuntimeSubject } from '@quayside/core/testing';
import { errAsync, okAsync, ResultAsync } from 'neverthrow';
import { type MemorySurroundings, runtimeSubject } from '../../../packages/core/src/testing/laws/memory-subjects.js';
import type { Suite } from '../defect.js';
import { changing, deaf, leaveListener, never } from '../wrong.js';

type Wrong = (right: ContainerRuntime, around: MemorySurroundings) => Partial<ContainerRuntime>;

const refused = (message: string) =>
  errAsync({ kind: 'engine-refused' as const, message, hint: 'Look at the engine.', retryable: false });

const defect = (name: string, law: string, wrong: Wrong, how?: 'throw' | 'limit') => ({
  name,
  law,
  ...(how ? { how } : {}),
  open: () => runtimeSubject((right, around) => ({ ...right, ...wrong(right, around) })),
});

const DESCRIBED = 'the engine says who it is, always the same, and how it makes instances reachable';
const ABORTED = 'an aborted signal does nothing, and every method says so';
const CREATED = 'create does not start, and the container tells whose it is';
const CREATED_AGAIN = 'creating again is ok for the same owner, and name-taken for another, who changes nothing';
const STARTED = 'a started container runs and is reached in each of the ways it was created for; twice is ok';
const STOPPED = 'stop ends it for good, whatever its restart policy; stopped already and gone are ok';
const REMOVED = "remove takes what runs, says what it found, and leaves another owner's alone";
const REMOVED_TWICE = 'removed by two at once, it is gone when either has answered';
const LISTED = "a listing has all that the store owns, running or not, and nothing of another store's";
const LOGGED = 'logs are what it wrote, oldest first, of all its life or of its end; another reads the same again';
const WATCHED = 'watch tells starts, ends with their exit code, and removals of the store’s own, from its answer on';
const NETWORK_GONE = "a network goes only if it is the store's own and nothing is attached, running or not";
const IMAGE_GONE = 'an image in use is never removed, one that is not is gone, and gone already is ok';
const MOVED = 'a tag that moves after the pull moves for resolve and the next pull, and not for what was pulled before';

async function* changed(
  lines: AsyncIterable<ContainerLogLine>,
  change: (line: ContainerLogLine) => ContainerLogLine | undefined,
) {
  for await (const line of lines) {
    const told = change(line);
    if (told) yield told;
  }
}

const watching = (
  right: ContainerRuntime,
  change: (events: AsyncIterable<RuntimeEvent>) => AsyncIterable<RuntimeEvent>,
): Pick<ContainerRuntime, 'watch'> => ({
  watch: (owner, options) => (right.watch?.(owner, options) ?? refused('no watch')).map(change),
});

export const runtimeSuite: Suite<RuntimeSubject> = {
  port: 'ContainerRuntime',
  laws: containerRuntimeLaws,
  right: [{ name: 'in memory', open: () => runtimeSubject() }],
  defects: [
    defect('its identity is another one with each call', DESCRIBED, (right) => changing(right.describe)),
    defect('create goes on under an aborted signal', ABORTED, (right) => ({
      create: (spec, options) => right.create(spec, deaf(options)),
    })),
    defect('a call under an aborted signal answers `engine-unreachable`', ABORTED, (right) => ({
      list: (owner, options) =>
        right.list(owner, options).mapErr((error) => ({ ...error, kind: 'engine-unreachable' as const })),
    })),
    defect(
      'a pull ignores the abort while it waits',
      'an abort while it pulls ends the call at once, unless the image is there by then',
      (right) => ({
        pull: (reference, options) =>
          options.signal.aborted
            ? right.pull(reference, options)
            : right
                .pull(reference, options)
                .andThen((image) => (options.signal.aborted ? never<LocalImage, RuntimeError>() : okAsync(image))),
      }),
    ),
    defect(
      'inspect leaves its listener on the signal',
      'calls that have ended leave no listener on their signal',
      (right) => ({
        inspect(name, options) {
          leaveListener(options);
          return right.inspect(name, options);
        },
      }),
    ),
    defect('create starts as well', CREATED, (right) => ({
      create: (spec, options) =>
        right.create(spec, options).andThen(() => right.start(spec, options).orElse(() => okAsync())),
    })),
    defect('create loses the label of the stage', CREATED, (right) => ({
      inspect: (name, options) => right.inspect(name, options).map((found) => found && { ...found, stage: null }),
    })),
    defect('a create whose answer was lost cannot be repeated', CREATED_AGAIN, (right, { engine }) => ({
      create: (spec, options) =>
        engine.containers.has(spec.name)
          ? right.create({ ...spec, owner: { ...spec.owner, deployment: '' } }, options)
          : right.create(spec, options),
    })),
    defect('create takes over what another owner’s name stands for', CREATED_AGAIN, (right) => ({
      create: (spec, options) =>
        right.create(spec, options).orElse((error) => (error.kind === 'name-taken' ? okAsync() : errAsync(error))),
    })),
    defect(
      'create pulls what is missing',
      'a container of an image that the engine has not is image-not-found, and is not created',
      (right, { engine }) => ({
        create(spec, options) {
          if (!engine.images.has(spec.image)) engine.images.set(spec.image, spec.image.split('@')[1] ?? '');
          return right.create(spec, options);
        },
      }),
    ),
    defect(
      'create calls a missing network a missing image',
      'a container for a missing network is network-missing, and is not created',
      (right) => ({
        create: (spec, options) =>
          right
            .create(spec, options)
            .mapErr((error) =>
              error.kind === 'network-missing' ? { ...error, kind: 'image-not-found' as const } : error,
            ),
      }),
    ),
    defect('starting what runs is an error', STARTED, (right, { engine }) => ({
      start: (ref, options) =>
        engine.containers.get(ref.name)?.state === 'running'
          ? refused('It runs already (304).')
          : right.start(ref, options),
    })),
    defect('a published port is not told as an endpoint', STARTED, (right) => ({
      inspect: (name, options) =>
        right
          .inspect(name, options)
          .map((found) => found && { ...found, endpoints: found.endpoints.filter(({ kind }) => kind !== 'published') }),
    })),
    defect(
      'start does not look at the owner',
      'starting what is missing, or of another owner, is container-missing',
      (right, { engine }) => ({
        start: (ref, options) => right.start(engine.containers.get(ref.name)?.spec ?? ref, options),
      }),
    ),
    defect(
      'start swallows what the engine could not start',
      'what cannot be started is start-failed, does not run, and can be removed',
      (right) => ({
        start: (ref, options) =>
          right.start(ref, options).orElse((error) => (error.kind === 'start-failed' ? okAsync() : errAsync(error))),
      }),
    ),
    defect('a host port in use is `start-failed`', 'a host port that is in use is port-taken', (right) => ({
      start: (ref, options) =>
        right
          .start(ref, options)
          .mapErr((error) => (error.kind === 'port-taken' ? { ...error, kind: 'start-failed' as const } : error)),
    })),
    defect('stopping what is gone is an error', STOPPED, (right, { engine }) => ({
      stop: (ref, options) =>
        engine.containers.has(ref.name) ? right.stop(ref, options) : refused('There is no such container (404).'),
    })),
    defect('stop stops another owner’s too', STOPPED, (right, { engine }) => ({
      stop: (ref, options) => right.stop(engine.containers.get(ref.name)?.spec ?? ref, options),
    })),
    defect('removing what is gone is an error', REMOVED, (right, { engine }) => ({
      remove: (ref, options) =>
        engine.containers.has(ref.name) ? right.remove(ref, options) : refused('There is no such container (404).'),
    })),
    defect('remove removes another owner’s too', REMOVED, (right, { engine }) => ({
      remove: (ref, options) => right.remove(engine.containers.get(ref.name)?.spec ?? ref, options),
    })),
    defect('remove answers before it is gone', REMOVED_TWICE, (right, { engine, clock }) => ({
      remove(ref, options) {
        const there = engine.containers.get(ref.name);
        const isOwn = there?.spec.owner.deployment === ref.owner.deployment;
        if (!isOwn || options.signal.aborted) return right.remove(ref, options);
        clock.after(10, () => void right.remove(ref, deaf(options)));
        return okAsync('removed' as const);
      },
    })),
    defect('a second remove meanwhile fails', REMOVED_TWICE, (right) => {
      const removing = new Set<string>();
      return {
        remove(ref, options) {
          if (removing.has(ref.name)) return refused('Its removal is already in progress (409).');
          removing.add(ref.name);
          const letGo = () => removing.delete(ref.name);
          return new ResultAsync(Promise.resolve().then(() => right.remove(ref, options))).andTee(letGo).orTee(letGo);
        },
      };
    }),
    defect(
      'a name that was freed is still taken for the old owner’s',
      'a name freed by a removal can be used again, and the new container is not taken for the old',
      (right) => {
        const owners = new Map<string, string>();
        return {
          create: (spec, options) =>
            right.create(spec, options).andTee(() => {
              if (!owners.has(spec.name)) owners.set(spec.name, spec.owner.deployment);
            }),
          start: (ref, options) =>
            owners.get(ref.name) === ref.owner.deployment
              ? right
                  .inspect(ref.name, { ...options, port: null })
                  .andThen((found) => right.start({ ...ref, owner: found?.owner ?? ref.owner }, options))
              : right.start(ref, options),
        };
      },
    ),
    defect(
      'the exit code of what ended is lost',
      'what ended by itself tells its exit code; a missing container is undefined',
      (right) => ({
        inspect: (name, options) =>
          right.inspect(name, options).map((found) => found && { ...found, exitCode: found.exitCode && 0 }),
      }),
    ),
    defect(
      'a missing container is an error',
      'what ended by itself tells its exit code; a missing container is undefined',
      (right, { engine }) => ({
        inspect: (name, options) =>
          engine.containers.has(name) ? right.inspect(name, options) : refused('There is no such container (404).'),
      }),
    ),
    defect('restarts are not counted', 'a restart policy brings back what ended, and counts it', (right) => ({
      inspect: (name, options) => right.inspect(name, options).map((found) => found && { ...found, restarts: 0 }),
    })),
    defect('the image’s own health is not told', "the image's own health check is told", (right) => ({
      inspect: (name, options) => right.inspect(name, options).map((found) => found && { ...found, health: null }),
    })),
    defect('a listing has every store’s containers', LISTED, (right, { engine }) => ({
      list: (owner, options) =>
        ResultAsync.combine(
          [...new Set([...engine.containers.values()].map(({ spec }) => spec.owner.storeId))].map((storeId) =>
            right.list({ ...owner, storeId }, options),
          ),
        ).map((lists) => lists.flat()),
    })),
    defect('a listing has only what runs', LISTED, (right) => ({
      list: (owner, options) => right.list(owner, options).map((all) => all.filter(({ state }) => state === 'running')),
    })),
    defect('a listing drops its last page', LISTED, (right) => ({
      list: (owner, options) =>
        right.list(owner, options).map((all) => all.slice(0, Math.max(all.length % 5, all.length - (all.length % 5)))),
    })),
    defect('resolve answers what the engine has, not what the registry has', MOVED, (right) => {
      const pulled = new Map<string, string>();
      return {
        pull: (reference, options) =>
          right
            .pull(reference, options)
            .andTee(({ digests }) => void pulled.set(reference, digests[0]?.split('@')[1] ?? '')),
        resolve(reference, options) {
          const digest = pulled.get(reference);
          return digest && !options.signal.aborted ? okAsync({ digest }) : right.resolve(reference, options);
        },
      };
    }),
    defect('a pull is looked up once per tag and never again', MOVED, (right) => {
      const pulled = new Map<string, ReturnType<ContainerRuntime['pull']>>();
      return {
        pull(reference, options) {
          if (options.signal.aborted) return right.pull(reference, options);
          options.onProgress?.({ layer: null, status: 'Waiting', currentBytes: null, totalBytes: null });
          const known = pulled.get(reference) ?? right.pull(reference, options);
          pulled.set(reference, known);
          return known;
        },
      };
    }),
    defect(
      'a pull that the registry refuses in its stream is ok',
      'a tag that the registry has not is image-not-found, resolved or pulled',
      (right) => ({
        pull: (reference, options) =>
          right
            .pull(reference, options)
            .orElse((error) =>
              error.kind === 'image-not-found'
                ? okAsync({ id: 'sha256:0', digests: [], hasHealthcheck: false, ports: [] })
                : errAsync(error),
            ),
      }),
    ),
    defect(
      'a progress callback that throws fails the pull',
      'progress that is not welcome (the callback throws) does not fail the pull',
      (right) => ({
        pull(reference, { onProgress, ...options }) {
          try {
            onProgress?.({ layer: 'layer-1', status: 'Pull complete', currentBytes: 1, totalBytes: 1 });
          } catch (thrown) {
            return errAsync(bug(thrown));
          }
          return right.pull(reference, options);
        },
      }),
    ),
    defect('an image in use is removed by force', IMAGE_GONE, (right, { engine }) => ({
      removeImage: (reference, options) =>
        right.removeImage(reference, options).orElse((error) => {
          if (error.kind !== 'image-in-use') return errAsync(error);
          engine.images.clear();
          return okAsync();
        }),
    })),
    defect('removing an image that is gone is an error', IMAGE_GONE, (right) => ({
      removeImage: (reference, options) =>
        right
          .image(reference, options)
          .andThen((image) => (image ? right.removeImage(reference, options) : refused('No such image (404).'))),
    })),
    defect(
      'two networks are made where two ask at once',
      'a missing network is made once, however many ask at once',
      (right) => ({
        ensureNetwork: (name, owner, options) => right.ensureNetwork(name, owner, options).map(() => true),
      }),
    ),
    defect('a network is removed whoever’s it is', NETWORK_GONE, (right, { engine }) => ({
      removeNetwork: (name, owner, options) =>
        right.removeNetwork(name, { ...owner, storeId: engine.networks.get(name)?.storeId ?? owner.storeId }, options),
    })),
    defect('a network with a stopped container in it is removed', NETWORK_GONE, (right, { engine }) => ({
      removeNetwork: (name, owner, options) =>
        right.removeNetwork(name, owner, options).map((removed) => {
          const isOwn = engine.networks.get(name)?.storeId === owner.storeId;
          const isUsed = [...engine.containers.values()].some(
            ({ state, networks }) => state === 'running' && networks.has(name),
          );
          return removed || (isOwn && !isUsed && engine.networks.delete(name));
        }),
    })),
    defect(
      'connecting what is connected is an error',
      'connect attaches a further network; again is ok; a missing one or a foreign container is an error',
      (right, { engine }) => ({
        connect: (ref, network, aliases, options) =>
          engine.containers.get(ref.name)?.networks.has(network)
            ? refused('It is already attached (403).')
            : (right.connect?.(ref, network, aliases, options) ?? refused('no connect')),
      }),
    ),
    defect('logs lose the last line', LOGGED, (right) => ({
      logs: (name, options) =>
        changed(right.logs(name, options), (line) => (line.text === 'second' ? undefined : line)),
    })),
    defect('logs ignore `tail`', LOGGED, (right) => ({
      logs: (name, { tail: _tail, ...options }) => right.logs(name, options),
    })),
    defect(
      'logs of a missing container are empty',
      'logs of a container that is not there throw container-missing',
      (right, { engine }) => ({
        async *logs(name, options) {
          if (engine.containers.has(name)) yield* right.logs(name, options);
        },
      }),
    ),
    defect(
      'logs throw an error of their own',
      'logs of a container that is not there throw container-missing',
      (right) => ({
        async *logs(name, options) {
          try {
            yield* right.logs(name, options);
          } catch (thrown) {
            throw thrown instanceof QuaysideError ? new Error(thrown.message) : thrown;
          }
        },
      }),
    ),
    defect(
      'followed logs go on without end after an abort',
      'an abort ends the reading quietly, followed or not begun',
      (right) => ({
        async *logs(name, options) {
          if (options.signal.aborted) return;
          yield* right.logs(name, deaf(options));
        },
      }),
      'limit',
    ),
    defect(
      'an abort of followed logs is thrown',
      'an abort ends the reading quietly, followed or not begun',
      (right) => ({
        async *logs(name, options) {
          yield* right.logs(name, options);
          options.signal.throwIfAborted();
        },
      }),
      'throw',
    ),
    defect(
      'followed logs end before the container does',
      'followed logs go on as long as the container runs, and end with it',
      (right) => ({
        logs: (name, { follow: _follow, ...options }) => right.logs(name, options),
      }),
    ),
    defect(
      'followed logs go on after the container has ended',
      'followed logs go on as long as the container runs, and end with it',
      (right) => ({
        async *logs(name, options) {
          yield* right.logs(name, options);
          if (options.follow && !options.signal.aborted)
            await new Promise((resolve) => options.signal.addEventListener('abort', resolve));
        },
      }),
    ),
    defect('a watch begins with its reader', WATCHED, (right) => ({
      watch: (owner, options) =>
        options.signal.aborted
          ? (right.watch?.(owner, options) ?? refused('no watch'))
          : okAsync(
              (async function* () {
                const stream = await right.watch?.(owner, options);
                if (stream?.isOk()) yield* stream.value;
              })(),
            ),
    })),
    defect('a watch tells of every store', WATCHED, (right, { engine }) => ({
      watch: (owner, options) =>
        (right.watch?.(owner, options) ?? refused('no watch')).map((stream) => {
          const waiting: RuntimeEvent[] = [];
          const take = (event: RuntimeEvent) => waiting.push(event);
          engine.watchers.add(take);
          return (async function* () {
            for await (const event of stream) {
              for (const foreign of waiting.splice(0)) if (foreign.owner.storeId !== owner.storeId) yield foreign;
              yield event;
            }
            engine.watchers.delete(take);
          })();
        }),
    })),
    defect('a watch does not tell the exit code', WATCHED, (right) =>
      watching(right, async function* (events) {
        for await (const event of events) yield { ...event, exitCode: null };
      }),
    ),
  ],
};
