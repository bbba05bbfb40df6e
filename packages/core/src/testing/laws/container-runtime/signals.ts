import type { Result } from 'neverthrow';
import type { RuntimeError } from '../../../ports/container-runtime.js';
import { ended as aborted, error, holds, open, same, value } from '../assert.js';
import type { Law } from '../law.js';
import { letsGo } from '../listeners.js';
import { RUNTIME } from './contracts.js';
import { absent, created, type RuntimeSubject, running, seen } from './subject.js';

/** What an abort ends, and what it leaves alone. */
export const signalLaws: readonly Law<RuntimeSubject>[] = [
  {
    name: 'an aborted signal does nothing, and every method says so',
    contract: RUNTIME.signals,
    async holds(subject) {
      const { runtime, storeId, prefix, images } = subject;
      const there = await running(subject, images.app);
      const spec = { ...there, name: `${prefix}-two` };
      const refuses = <T>(method: string, call: PromiseLike<Result<T, RuntimeError>>) =>
        error(call, 'aborted', `${method} answers aborted`);
      await refuses('describe', runtime.describe(aborted()));
      await refuses('resolve', runtime.resolve(images.app, aborted()));
      await refuses('image', runtime.image(images.app, aborted()));
      await refuses('pull', runtime.pull(images.app, aborted()));
      await refuses('removeImage', runtime.removeImage(images.app, aborted()));
      await refuses('ensureNetwork', runtime.ensureNetwork(`${prefix}-net`, { storeId }, aborted()));
      await refuses('removeNetwork', runtime.removeNetwork(`${prefix}-net`, { storeId }, aborted()));
      await refuses('create', runtime.create(spec, aborted()));
      await refuses('start', runtime.start(there, aborted()));
      await refuses('stop', runtime.stop(there, { ...aborted(), graceMs: 1_000 }));
      await refuses('remove', runtime.remove(there, aborted()));
      await refuses('inspect', runtime.inspect(there.name, { ...aborted(), port: null }));
      await refuses('list', runtime.list({ storeId }, aborted()));
      if (runtime.connect) await refuses('connect', runtime.connect(there, `${prefix}-net`, [], aborted()));
      if (runtime.watch) await refuses('watch', runtime.watch({ storeId }, aborted()));
      if (runtime.exec) await refuses('exec', runtime.exec(there, ['true'], aborted()));
      if (runtime.runToEnd) await refuses('runToEnd', runtime.runToEnd(spec, aborted()));
      if (runtime.statistics) await refuses('statistics', runtime.statistics(there, aborted()));
      await absent(subject, spec.name, 'nothing was created');
      same((await seen(subject, there)).state, 'running', 'what ran still runs');
      same(await value(runtime.removeNetwork(`${prefix}-net`, { storeId }, open())), false, 'no network was made');
    },
  },
  {
    name: 'an abort while it pulls ends the call at once, unless the image is there by then',
    contract: RUNTIME.signals,
    async holds(subject) {
      const controller = new AbortController();
      const onProgress = () => controller.abort();
      let answer: Result<unknown, RuntimeError> | undefined;
      const pulling = subject.runtime.pull(subject.images.app, { signal: controller.signal, onProgress });
      const pulled = pulling.then((answered) => {
        answer = answered;
      });
      await subject.eventually('the pull ends after its abort', async () => answer !== undefined);
      await pulled;
      if (answer?.isErr()) same(answer.error.kind, 'aborted', 'it says that it was aborted');
    },
  },
  {
    name: 'calls that have ended leave no listener on their signal',
    contract: RUNTIME.signals,
    async holds(subject) {
      const { runtime, storeId, images } = subject;
      const spec = await created(subject, images.app);
      await letsGo('calls to the engine', async (options) => {
        await value(runtime.describe(options));
        await value(runtime.image(images.app, options));
        await value(runtime.list({ storeId }, options));
        await value(runtime.stop(spec, { ...options, graceMs: 1_000 }));
        for await (const line of runtime.logs(spec.name, options)) holds(!line.text, 'it has written nothing');
        same((await value(runtime.inspect(spec.name, { ...options, port: null })))?.state, 'created', 'it is there');
      });
    },
  },
];
