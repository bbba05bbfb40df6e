import { error, holds, open, same, value } from '../assert.js';
import type { Law } from '../law.js';
import { RUNTIME } from './contracts.js';
import { absent, created, foreign, plainSpec, pulled, type RuntimeSubject, running } from './subject.js';

const lacks = (capability: 'exec' | 'runToEnd' | 'statistics' | 'parseOptions') => (subject: RuntimeSubject) =>
  subject.runtime[capability] ? undefined : `it has no ${capability}`;

const missing = () => Promise.reject(new Error('the law is exempt without it'));

export const capabilityLaws: readonly Law<RuntimeSubject>[] = [
  {
    name: 'exec runs a command inside, and answers its exit code and output; not in what is missing or another’s',
    contract: RUNTIME.commands,
    exempt: lacks('exec'),
    async holds(subject) {
      const { runtime, images, prefix } = subject;
      const spec = await running(subject, images.app, { env: { GREETING: 'hello' } });
      const exec = (ref = spec, ...command: string[]) => runtime.exec?.(ref, command, open()) ?? missing();
      const said = await value(exec(spec, 'sh', '-c', 'echo $GREETING; echo twice >&2; exit 7'));
      same(said.exitCode, 7, "the command's exit code");
      same(said.output.split('\n').filter(Boolean).sort(), ['hello', 'twice'], 'both of its outputs');
      await error(exec(foreign(spec), 'true'), 'container-missing', "another's is left alone");
      await error(exec({ ...spec, name: `${prefix}-none` }, 'true'), 'container-missing', 'what is missing');
      const long = await value(
        exec(spec, 'sh', '-c', 'i=0; while [ $i -lt 9000 ]; do echo 0123456789; i=$((i+1)); done'),
      );
      same(long.output.length, 65_536, 'the first 64 kB, and no more');
    },
  },
  {
    name: 'runToEnd answers the exit code and output of what ended, and leaves nothing behind',
    contract: RUNTIME.commands,
    exempt: lacks('runToEnd'),
    async holds(subject) {
      const image = await pulled(subject, subject.images.ends);
      const spec = plainSpec(subject, { image: image.id, restart: 'always' });
      const run = () => subject.runtime.runToEnd?.(spec, open()) ?? missing();
      same(await value(run()), { exitCode: 3, output: 'first\nsecond\n' }, 'how it ended');
      await absent(subject, spec.name, 'it is removed');
      const broken = await pulled(subject, subject.images.unstartable);
      const failed = subject.runtime.runToEnd?.({ ...spec, image: broken.id, init: false }, open()) ?? missing();
      await error(failed, 'start-failed', 'what cannot be started');
      await absent(subject, spec.name, 'it is removed as well');
    },
  },
  {
    name: 'runToEnd that is aborted leaves nothing behind, and does not touch another’s container',
    contract: RUNTIME.commands,
    exempt: lacks('runToEnd'),
    async holds(subject) {
      const image = await pulled(subject, subject.images.app);
      const spec = plainSpec(subject, { image: image.id });
      const controller = new AbortController();
      const run = subject.runtime.runToEnd?.(spec, { signal: controller.signal }) ?? missing();
      await subject.eventually('it runs', async () => {
        const container = await value(subject.runtime.inspect(spec.name, { ...open(), port: null }));
        return container?.state === 'running';
      });
      const second = subject.runtime.runToEnd?.(foreign(spec), open()) ?? missing();
      await error(second, 'name-taken', "a name that is another's");
      const still = await value(subject.runtime.inspect(spec.name, { ...open(), port: null }));
      same(still?.state, 'running', "the other's goes on");
      controller.abort();
      await error(run, 'aborted', 'the run says that it was aborted');
      await absent(subject, spec.name, 'it is removed');
    },
  },
  {
    name: 'statistics tell what a running container uses',
    contract: RUNTIME.statistics,
    exempt: lacks('statistics'),
    async holds(subject) {
      const spec = await running(subject, subject.images.app);
      const statistics = (ref = spec) => subject.runtime.statistics?.(ref, open()) ?? missing();
      const { memoryBytes, cpuNanos } = await value(statistics());
      holds(memoryBytes > 0 && cpuNanos > 0, `memory and processor time are counted, not ${memoryBytes}, ${cpuNanos}`);
      await error(statistics(foreign(spec)), 'container-missing', "another's is left alone");
    },
  },
  {
    name: 'options of its own are checked where they are written, and what became of them can be created with',
    contract: RUNTIME.options,
    exempt: lacks('parseOptions'),
    async holds(subject) {
      const parse = (options: unknown) => subject.runtime.parseOptions?.(options, 'stages.dev.options.runtime');
      const wrong = parse({ 'no such option': 1 });
      holds(wrong?.isErr(), 'an unknown option is refused');
      holds(wrong.error.issues[0]?.path.startsWith('stages.dev.options.runtime'), 'with the path it was written at');
      const none = parse(undefined);
      holds(none?.isOk(), 'no options are fine');
      await created(subject, subject.images.app, { options: none.value });
    },
  },
];
