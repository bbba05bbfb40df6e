import type { ContainerSpec } from '../../../ports/container-runtime.js';
import { error, holds, open, same, value } from '../assert.js';
import type { Law } from '../law.js';
import { RUNTIME } from './contracts.js';
import { absent, created, ended, foreign, plainSpec, type RuntimeSubject, running, seen } from './subject.js';

const MANY = 9;
const UP_STATES: readonly string[] = ['running', 'restarting'];

/** From its creation to its removal. */
export const lifeLaws: readonly Law<RuntimeSubject>[] = [
  {
    name: 'create does not start, and the container tells whose it is',
    contract: RUNTIME.creating,
    async holds(subject) {
      const spec = await created(subject, subject.images.app);
      const container = await seen(subject, spec);
      same(container.state, 'created', 'it does not run');
      same(container.owner, spec.owner, 'it carries its owner');
      same([container.project, container.stage, container.tag], ['shop', 'dev', 'v1'], 'and what it is for');
      same(
        [container.exitCode, container.restarts, container.endpoints],
        [null, 0, []],
        'it has not ended, and is not reached',
      );
    },
  },
  {
    name: 'creating again is ok for the same owner, and name-taken for another, who changes nothing',
    contract: RUNTIME.creating,
    async holds(subject) {
      const spec = await created(subject, subject.images.app);
      await value(subject.runtime.create(spec, open()), 'a create whose answer was lost can be repeated');
      await error(
        subject.runtime.create(foreign(spec), open()),
        'name-taken',
        'another deployment cannot have the name',
      );
      same((await seen(subject, spec)).owner, spec.owner, 'it is still the first owner’s');
    },
  },
  {
    name: 'a container of an image that the engine has not is image-not-found, and is not created',
    contract: RUNTIME.creating,
    async holds(subject) {
      const repository = subject.images.app.slice(0, subject.images.app.lastIndexOf(':'));
      const spec = plainSpec(subject, { image: `${repository}@sha256:${'0'.repeat(64)}` });
      await error(subject.runtime.create(spec, open()), 'image-not-found', 'create never pulls');
      await absent(subject, spec.name, 'nothing was created');
    },
  },
  {
    name: 'a started container runs and is reached in each of the ways it was created for; twice is ok',
    contract: RUNTIME.starting,
    async holds(subject) {
      const { runtime, images } = subject;
      const { offers } = await value(runtime.describe(open()));
      const spec = await running(subject, images.app, { expose: offers });
      await value(runtime.start(spec, open()), 'starting what runs is ok');
      const container = await seen(subject, spec);
      same(container.state, 'running', 'it runs');
      for (const offer of offers) {
        const endpoint = container.endpoints.find((each) => each.kind === offer.kind);
        holds(endpoint, `it has an endpoint of kind ${offer.kind}`);
        holds(endpoint.host.length > 0 && endpoint.port > 0, `its ${offer.kind} endpoint has a host and a port`);
      }
      const without = await value(runtime.inspect(spec.name, { ...open(), port: null }));
      same(without?.endpoints, [], 'no port, no endpoint');
    },
  },
  {
    name: 'starting what is missing, or of another owner, is container-missing',
    contract: RUNTIME.starting,
    async holds(subject) {
      const spec = await created(subject, subject.images.app);
      const { runtime, prefix } = subject;
      await error(runtime.start({ ...spec, name: `${prefix}-none` }, open()), 'container-missing', 'what is missing');
      await error(runtime.start(foreign(spec), open()), 'container-missing', 'what is another’s');
      same((await seen(subject, spec)).state, 'created', 'it was not started');
    },
  },
  {
    name: 'what cannot be started is start-failed, does not run, and can be removed',
    contract: RUNTIME.starting,
    async holds(subject) {
      const spec = await created(subject, subject.images.unstartable, { init: false });
      await error(subject.runtime.start(spec, open()), 'start-failed', 'the engine cannot start it');
      holds(!UP_STATES.includes((await seen(subject, spec)).state), 'it does not run');
      same(await value(subject.runtime.remove(spec, open())), 'removed', 'it can be removed');
    },
  },
  {
    name: 'a host port that is in use is port-taken',
    contract: RUNTIME.starting,
    async holds(subject) {
      const hostPort = await subject.freePort();
      const ports = [{ containerPort: 3000, hostPort, bind: '127.0.0.1', protocol: 'tcp' as const }];
      await running(subject, subject.images.app, { ports });
      const second = await created(subject, subject.images.app, { name: `${subject.prefix}-two`, ports });
      await error(subject.runtime.start(second, open()), 'port-taken', 'the second cannot have the port');
      holds(!UP_STATES.includes((await seen(subject, second)).state), 'the second does not run');
    },
  },
  {
    name: 'stop ends it for good, whatever its restart policy; stopped already and gone are ok',
    contract: RUNTIME.stopping,
    async holds(subject) {
      const { runtime, images } = subject;
      const spec = await running(subject, images.app, { restart: 'always' });
      const stop = (ref: ContainerSpec) => runtime.stop(ref, { ...open(), graceMs: 1_000 });
      await value(stop(foreign(spec)), "another's container is as good as gone");
      same((await seen(subject, spec)).state, 'running', 'and is left alone');
      await value(stop(spec));
      const container = await seen(subject, spec);
      same([container.state, container.endpoints], ['exited', []], 'it has ended and is not reached');
      holds(container.exitCode !== null, 'its exit code is known');
      await value(stop(spec), 'stopping what is stopped is ok');
      await value(runtime.start(spec, open()), 'it can be started again');
      same((await seen(subject, spec)).state, 'running', 'and runs');
      await value(runtime.remove(spec, open()));
      await value(stop(spec), 'stopping what is gone is ok');
    },
  },
  {
    name: "remove takes what runs, says what it found, and leaves another owner's alone",
    contract: RUNTIME.removing,
    async holds(subject) {
      const { runtime, images } = subject;
      const spec = await running(subject, images.app);
      same(await value(runtime.remove(foreign(spec), open())), 'foreign', "another's is foreign");
      same((await seen(subject, spec)).state, 'running', 'and still runs');
      same(await value(runtime.remove(spec, open())), 'removed', 'our own is removed');
      await absent(subject, spec.name, 'it is gone');
      same(await value(runtime.remove(spec, open())), 'absent', 'again is absent');
    },
  },
  {
    name: 'removed by two at once, it is gone when either has answered',
    contract: RUNTIME.removing,
    async holds(subject) {
      const spec = await running(subject, subject.images.app);
      const remove = async () => {
        const was = await value(subject.runtime.remove(spec, open()), 'neither fails');
        await absent(subject, spec.name, 'it is gone when the call has answered');
        return was;
      };
      const answers = await Promise.all([remove(), remove()]);
      holds(answers.includes('removed'), `one of them removed it, not ${answers.join(' and ')}`);
    },
  },
  {
    name: 'a name freed by a removal can be used again, and the new container is not taken for the old',
    contract: RUNTIME.removing,
    async holds(subject) {
      const old = await created(subject, subject.images.app);
      await value(subject.runtime.remove(old, open()));
      const next = foreign(old);
      await value(subject.runtime.create(next, open()));
      await error(subject.runtime.start(old, open()), 'container-missing', "the old owner's is gone");
      same(await value(subject.runtime.remove(old, open())), 'foreign', 'the old owner does not remove the new one');
      same((await seen(subject, next)).owner, next.owner, 'the new one is there');
    },
  },
  {
    name: 'what ended by itself tells its exit code; a missing container is undefined',
    contract: RUNTIME.inspecting,
    async holds(subject) {
      const spec = await running(subject, subject.images.ends);
      const container = await ended(subject, spec);
      same([container.exitCode, container.oomKilled], [3, false], 'how it ended');
      await absent(subject, `${subject.prefix}-none`, 'what is not there is undefined');
    },
  },
  {
    name: 'a restart policy brings back what ended, and counts it',
    contract: RUNTIME.inspecting,
    async holds(subject) {
      const spec = await running(subject, subject.images.ends, { restart: 'on-failure' });
      const container = await subject.eventually('it is restarted', async () => {
        const now = await seen(subject, spec);
        return now.restarts > 0 && now;
      });
      holds([...UP_STATES, 'exited'].includes(container.state), 'it runs, or is about to');
    },
  },
  {
    name: "the image's own health check is told",
    contract: RUNTIME.inspecting,
    async holds(subject) {
      const spec = await running(subject, subject.images.healthy);
      const health = await subject.eventually('it is healthy', async () => {
        const container = await seen(subject, spec);
        holds(container.health, 'a health check that the image has is told');
        return container.health.status === 'healthy' && container.health;
      });
      holds(typeof health.lastOutput === 'string', 'with its last output');
      const plain = await running(subject, subject.images.app, { name: `${subject.prefix}-two` });
      same((await seen(subject, plain)).health, null, 'one without a health check has none');
    },
  },
  {
    name: "a listing has all that the store owns, running or not, and nothing of another store's",
    contract: RUNTIME.listing,
    async holds(subject) {
      const { runtime, storeId, otherStoreId, prefix, images } = subject;
      const one = await running(subject, images.app);
      const two = await created(subject, images.app, { name: `${prefix}-two` });
      const three = { name: `${prefix}-three`, owner: { storeId: otherStoreId, deployment: 'deployment-3' } };
      await created(subject, images.app, three);
      // More than a page of an engine that lists in small ones.
      const more = Array.from({ length: MANY }, (_, index) => `${prefix}-more-${index}`);
      for (const name of more) await created(subject, images.app, { name });
      const listed = await value(runtime.list({ storeId }, open()));
      const expected = [one.name, two.name, ...more].sort();
      same(listed.map(({ name }) => name).sort(), expected, 'its own, each once, and no other');
      const found = listed.find(({ name }) => name === one.name);
      same([found?.owner, found?.state, found?.tag], [one.owner, 'running', 'v1'], 'as an inspection tells them');
      const others = await value(runtime.list({ storeId: otherStoreId }, open()));
      same(
        others.map(({ name }) => name),
        [three.name],
        "the other store's",
      );
    },
  },
];
