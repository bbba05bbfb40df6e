import { QuaysideError } from '../../../domain/errors.js';
import type { ContainerLogLine, LogOptions, RuntimeEvent } from '../../../ports/container-runtime.js';
import { ended as aborted, holds, LawBroken, open, same, value } from '../assert.js';
import type { Law } from '../law.js';
import { RUNTIME } from './contracts.js';
import { created, ended, type RuntimeSubject, running } from './subject.js';

const noWatch = ({ runtime }: RuntimeSubject) => (runtime.watch ? undefined : 'it cannot be watched');

async function read(
  { runtime }: RuntimeSubject,
  name: string,
  options: LogOptions = open(),
): Promise<ContainerLogLine[]> {
  const lines: ContainerLogLine[] = [];
  for await (const line of runtime.logs(name, options)) lines.push(line);
  return lines;
}

const texts = (lines: readonly ContainerLogLine[]): string[] => lines.map(({ text }) => text);

/** The answer to a watch; what is `read` goes on arriving in the list. */
async function watching(subject: RuntimeSubject, storeId: string, signal: AbortSignal) {
  const stream = await value(
    subject.runtime.watch?.({ storeId }, { signal }) ?? Promise.reject(new Error('no watch')),
    'it can be watched',
  );
  return {
    read() {
      const events: RuntimeEvent[] = [];
      const done = (async () => {
        for await (const event of stream) events.push(event);
      })();
      return { events, done };
    },
  };
}

export const outputLaws: readonly Law<RuntimeSubject>[] = [
  {
    name: 'logs are what it wrote, oldest first, of all its life or of its end; another reads the same again',
    contract: RUNTIME.logs,
    async holds(subject) {
      const spec = await running(subject, subject.images.ends);
      await ended(subject, spec);
      const lines = await read(subject, spec.name);
      same(texts(lines), ['first', 'second'], 'every line, without its line end');
      same(texts(await read(subject, spec.name, { ...open(), tail: 1 })), ['second'], 'the last line');
      same(await read(subject, spec.name, { ...open(), tail: 0 }), [], 'no line');
      same(texts(await read(subject, spec.name)), ['first', 'second'], 'and the same again');
      const { time } = lines[1] ?? {};
      if (typeof time === 'number') {
        same(await read(subject, spec.name, { ...open(), since: time + 3_600_000 }), [], 'nothing since an hour later');
        const since = { ...open(), since: time - 3_600_000 };
        same(texts(await read(subject, spec.name, since)), ['first', 'second'], 'all since an hour earlier');
      }
    },
  },
  {
    name: 'logs of what was not started are empty',
    contract: RUNTIME.logs,
    async holds(subject) {
      const spec = await created(subject, subject.images.app);
      same(await read(subject, spec.name), [], 'it has written nothing');
    },
  },
  {
    name: 'followed logs go on as long as the container runs, and end with it',
    contract: RUNTIME.logs,
    async holds(subject) {
      const spec = await running(subject, subject.images.app);
      const seen: string[] = [];
      let isOver = false;
      const reading = (async () => {
        for await (const { text } of subject.runtime.logs(spec.name, { ...open(), follow: true })) seen.push(text);
        isOver = true;
      })();
      await subject.eventually('what it wrote comes', async () => seen.length >= 2);
      let turns = 0;
      await subject.eventually('a while passes', async () => ++turns > 10);
      holds(!isOver, 'reading goes on while it runs');
      await value(subject.runtime.stop(spec, { ...open(), graceMs: 1_000 }));
      await subject.eventually('reading ends with the container', async () => isOver);
      await reading;
      same(seen.slice(0, 2), ['first', 'second'], 'nothing is missing and nothing comes twice');
    },
  },
  {
    name: 'an abort ends the reading quietly, followed or not begun',
    contract: RUNTIME.logs,
    async holds(subject) {
      const spec = await running(subject, subject.images.app);
      same(await read(subject, spec.name, aborted()), [], 'aborted before, nothing is read');
      const controller = new AbortController();
      const seen: string[] = [];
      for await (const { text } of subject.runtime.logs(spec.name, { signal: controller.signal, follow: true })) {
        seen.push(text);
        if (seen.length === 2) controller.abort();
      }
      same(seen, ['first', 'second'], 'what came before is kept');
    },
  },
  {
    name: 'logs of a container that is not there throw container-missing',
    contract: RUNTIME.logs,
    async holds(subject) {
      try {
        await read(subject, `${subject.prefix}-none`);
      } catch (cause) {
        holds(cause instanceof QuaysideError, 'what is thrown is a QuaysideError');
        same(cause.kind, 'container-missing', 'it says that there is no such container');
        return;
      }
      throw new LawBroken('reading what is not there throws');
    },
  },
  {
    name: 'watch tells starts, ends with their exit code, and removals of the store’s own, from its answer on',
    contract: RUNTIME.watching,
    exempt: noWatch,
    async holds(subject) {
      const { runtime, storeId, otherStoreId, prefix, images } = subject;
      const before = await running(subject, images.app, { name: `${prefix}-before` });
      const controller = new AbortController();
      const watch = await watching(subject, storeId, controller.signal);
      const owner = { storeId: otherStoreId, deployment: 'deployment-3' };
      await running(subject, images.app, { name: `${prefix}-other`, owner });
      const spec = await running(subject, images.ends);
      await ended(subject, spec);
      // Whoever watches may be late to read: nothing is lost between the answer and the first look.
      const { events, done } = watch.read();
      await value(runtime.remove(spec, open()));
      await subject.eventually('the removal is told', async () => events.some(({ type }) => type === 'removed'));
      controller.abort();
      await done;
      const told = events.filter(({ type }) => type !== 'health');
      same(
        told.map(({ type, name, exitCode }) => [type, name, exitCode]),
        [
          ['started', spec.name, null],
          ['died', spec.name, 3],
          ['removed', spec.name, null],
        ],
        'what befell our container, and nothing of the other store',
      );
      same(told[0]?.owner, spec.owner, 'with its owner');
      holds(!told.some(({ name }) => name === before.name), 'nothing from before');
    },
  },
];
