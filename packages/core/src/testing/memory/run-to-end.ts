import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { aborted, failure } from '../../domain/errors.js';
import { onAbort } from '../../kernel/on-abort.js';
import type { CallOptions } from '../../ports/call.js';
import type { ContainerRuntime, ContainerSpec, RuntimeError } from '../../ports/container-runtime.js';
import type { MemoryEngine } from './engine.js';

type Ended = { readonly exitCode: number; readonly output: string };

/**
 * As a real one does it: create, start, wait, remove, each a call of its own. Over a runtime whose host has died none of them comes to an
 * end, and the container stays.
 */
export const runToEndOver =
  (engine: MemoryEngine, runtime: Pick<ContainerRuntime, 'create' | 'start' | 'remove'>) =>
  (spec: ContainerSpec, options: CallOptions): ResultAsync<Ended, RuntimeError> =>
    new ResultAsync(run(engine, runtime, { ...spec, restart: 'no' }, options));

async function run(
  engine: MemoryEngine,
  runtime: Pick<ContainerRuntime, 'create' | 'start' | 'remove'>,
  spec: ContainerSpec,
  options: CallOptions,
): Promise<Result<Ended, RuntimeError>> {
  const started = await runtime.create(spec, options).andThen(() => runtime.start(spec, options));
  const ended = started.isErr() ? err(started.error) : await end(engine, spec, options.signal);
  const removed = await runtime.remove(spec, { signal: new AbortController().signal });
  return ended.isOk() && removed.isErr() ? err(removed.error) : ended;
}

function end(engine: MemoryEngine, { name }: ContainerSpec, signal: AbortSignal): Promise<Result<Ended, RuntimeError>> {
  return new Promise((resolve) => {
    const settle = (result: Result<Ended, RuntimeError>) => {
      engine.watchers.delete(look);
      letGo();
      resolve(result);
    };
    const look = () => {
      const container = engine.containers.get(name);
      if (container?.state === 'running') return;
      if (!container)
        return settle(err(failure('container-missing', `There is no container ${name}.`, 'See who removed it.')));
      const output = container.lines.map(({ text }) => `${text}\n`).join('');
      settle(ok({ exitCode: container.exitCode ?? 0, output }));
    };
    engine.watchers.add(look);
    const letGo = onAbort(signal, () => settle(err(aborted(`Running ${name}`, signal.reason))));
    look();
  });
}
