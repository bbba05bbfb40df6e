/** The laws of `Ids`. A name that is used twice is a container removed for another. */
import type { Ids } from '../../ports/clock.js';
import { holds, same } from './assert.js';
import { contractsOf, type Law } from './law.js';

export interface IdsSubject {
  /** Another one each time, as two hosts have each their own. */
  open(): Ids;
}

const NOW_MS = 1_767_225_600_000;
const MANY = 10_000;

const rising = (ids: readonly string[]): number =>
  ids.findIndex((id, index) => index > 0 && id <= (ids[index - 1] ?? ''));

const IDS = contractsOf('docs/guides/replace-clock-ids-sealer.md', {
  ids: 'next() answers 18 characters of `[0-9a-z]`, the first ten count the time, each greater than those before it, and no two hosts the same; random() lies in [0, 1).',
});

export const idsLaws: readonly Law<IdsSubject>[] = [
  {
    name: 'an id is 18 characters of [0-9a-z]',
    contract: IDS.ids,
    async holds({ open }) {
      const ids = open();
      for (const nowMs of [0, 1, NOW_MS, 4_102_444_800_000]) {
        const id = ids.next(nowMs);
        holds(/^[0-9a-z]{18}$/.test(id), `"${id}" is no id`);
      }
    },
  },
  {
    name: 'each is greater than those before it: within a millisecond, and where the wall clock goes back',
    contract: IDS.ids,
    async holds({ open }) {
      const ids = open();
      const given = Array.from({ length: MANY }, (_, index) => ids.next(NOW_MS + Math.floor(index / 1_000)));
      given.push(ids.next(NOW_MS - 86_400_000), ids.next(0), ids.next(NOW_MS));
      const at = rising(given);
      same(at, -1, `after ${given[at - 1]} came ${given[at]}`);
      same(new Set(given).size, given.length, 'and no id comes twice');
    },
  },
  {
    name: 'ids of two hosts differ, at the same moment too',
    contract: IDS.ids,
    async holds({ open }) {
      const given = new Set<string>();
      for (let host = 0; host < 20; host += 1) {
        const ids = open();
        for (let index = 0; index < 100; index += 1) given.add(ids.next(NOW_MS));
      }
      same(given.size, 2_000, '20 hosts gave 100 ids each');
    },
  },
  {
    name: 'an id of a later moment is greater, whichever host gave it',
    contract: IDS.ids,
    async holds({ open }) {
      const given = Array.from({ length: 50 }, (_, index) => open().next(NOW_MS + index));
      const at = rising(given);
      same(at, -1, `the first ten characters count the time: after ${given[at - 1]} came ${given[at]}`);
    },
  },
  {
    name: 'random numbers lie in [0, 1), spread, and differ',
    contract: IDS.ids,
    async holds({ open }) {
      const ids = open();
      const drawn = Array.from({ length: MANY }, () => ids.random());
      holds(
        drawn.every((each) => each >= 0 && each < 1),
        'one lies outside [0, 1)',
      );
      holds(new Set(drawn).size > MANY * 0.99, 'they repeat');
      for (let tenth = 0; tenth < 10; tenth += 1) {
        const count = drawn.filter((each) => Math.floor(each * 10) === tenth).length;
        holds(count > MANY * 0.08 && count < MANY * 0.12, `${count} of ${MANY} lie in tenth ${tenth}`);
      }
    },
  },
];
