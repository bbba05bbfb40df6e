import { error, holds, open, same, value } from '../assert.js';
import type { Law } from '../law.js';
import { RUNTIME } from './contracts.js';
import { absent, created, foreign, plainSpec, pulled, type RuntimeSubject, running, seen } from './subject.js';

const noConnect = ({ runtime }: RuntimeSubject) => (runtime.connect ? undefined : 'it cannot connect further networks');

export const networkLaws: readonly Law<RuntimeSubject>[] = [
  {
    name: 'a missing network is made once, however many ask at once',
    contract: RUNTIME.networks,
    async holds({ runtime, storeId, prefix }) {
      const ask = () => value(runtime.ensureNetwork(`${prefix}-net`, { storeId }, open()));
      const answers = await Promise.all([ask(), ask(), ask()]);
      same(answers.filter(Boolean).length, 1, 'one call made it');
      same(await ask(), false, 'afterwards it is there');
    },
  },
  {
    name: "a network goes only if it is the store's own and nothing is attached, running or not",
    contract: RUNTIME.networks,
    async holds(subject) {
      const { runtime, storeId, otherStoreId, prefix, images } = subject;
      const name = `${prefix}-net`;
      await value(runtime.ensureNetwork(name, { storeId }, open()));
      same(await value(runtime.removeNetwork(name, { storeId: otherStoreId }, open())), false, "another store's stays");
      const spec = await running(subject, images.app, { networks: [{ name, aliases: [] }] });
      same(await value(runtime.removeNetwork(name, { storeId }, open())), false, 'one that is used stays');
      await value(runtime.stop(spec, { ...open(), graceMs: 1_000 }));
      same(await value(runtime.removeNetwork(name, { storeId }, open())), false, 'one of a stopped container stays');
      await value(runtime.remove(spec, open()));
      same(await value(runtime.removeNetwork(name, { storeId }, open())), true, 'an empty one goes');
      same(await value(runtime.removeNetwork(name, { storeId }, open())), false, 'gone already is no error');
    },
  },
  {
    name: 'a container for a missing network is network-missing, and is not created',
    contract: RUNTIME.networks,
    async holds(subject) {
      const image = await pulled(subject, subject.images.app);
      const networks = [{ name: `${subject.prefix}-none`, aliases: [] }];
      const spec = plainSpec(subject, { image: image.id, networks });
      await error(subject.runtime.create(spec, open()), 'network-missing', 'create says which network is missing');
      await absent(subject, spec.name, 'nothing was created');
    },
  },
  {
    name: 'a container is reached by its name on the network it was created with',
    contract: RUNTIME.networks,
    async holds(subject) {
      const { runtime, storeId, prefix, images } = subject;
      const name = `${prefix}-net`;
      await value(runtime.ensureNetwork(name, { storeId }, open()));
      const spec = await running(subject, images.app, { networks: [{ name, aliases: ['web'] }] });
      const { endpoints } = await seen(subject, spec);
      const byName = endpoints.find((endpoint) => endpoint.kind === 'name' && endpoint.network === name);
      holds(byName, `it has an endpoint on ${name}, not only ${JSON.stringify(endpoints)}`);
      same([byName.host, byName.port], [spec.name, 3000], 'by its own name and port');
    },
  },
  {
    name: 'connect attaches a further network; again is ok; a missing one or a foreign container is an error',
    contract: RUNTIME.networks,
    exempt: noConnect,
    async holds(subject) {
      const { runtime, storeId, prefix, images } = subject;
      const more = `${prefix}-more`;
      await value(runtime.ensureNetwork(more, { storeId }, open()));
      const spec = await created(subject, images.app);
      const connect = (ref = spec, network = more) =>
        runtime.connect?.(ref, network, [], open()) ?? Promise.reject(new Error('no connect'));
      await error(connect(foreign(spec)), 'container-missing', "somebody else's container is left alone");
      await error(connect(spec, `${prefix}-none`), 'network-missing', 'a missing network is told');
      await value(connect(), 'it can be attached');
      await value(connect(), 'attached already is ok');
      await value(runtime.start(spec, open()));
      const { endpoints } = await seen(subject, spec);
      holds(
        endpoints.some((endpoint) => endpoint.kind === 'name' && endpoint.network === more),
        'it is reached on that network',
      );
    },
  },
];
