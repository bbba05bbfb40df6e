/** A fresh adapter of each port breaks its laws by saying what to implement, in the order in which its methods stand. */
import {
  clockLaws,
  containerRuntimeLaws,
  type Harness,
  healthProbeLaws,
  idsLaws,
  keep,
  type Law,
  notifierLaws,
  proxyManagerLaws,
  registryLaws,
  sealerLaws,
  storeLaws,
} from '@quayside/core/testing';
import { describe, expect, it } from 'vitest';
import * as clock from '../assets/templates/clock/subject.js';
import * as ids from '../assets/templates/ids/subject.js';
import * as notifier from '../assets/templates/notifier/subject.js';
import * as probe from '../assets/templates/probe/subject.js';
import * as proxy from '../assets/templates/proxy/subject.js';
import * as registry from '../assets/templates/registry/subject.js';
import * as runtime from '../assets/templates/runtime/subject.js';
import * as sealer from '../assets/templates/sealer/subject.js';
import * as store from '../assets/templates/store/subject.js';
import { PORTS, type PortKey } from './ports.js';

/** What the laws name, in their order, each once; and what they say otherwise. */
async function told<T>(laws: readonly Law<T>[], open: () => Promise<Harness<T>>) {
  const next: string[] = [];
  const other: string[] = [];
  for (const law of laws) {
    const message = await keep(law, open, { limitMs: 5_000 }).then(
      () => undefined,
      (error: Error) => error.message,
    );
    // A capability that is not there owes nothing.
    if (message === undefined) continue;
    const [, what] = /not implemented: next implement (`\w+`.*)/.exec(message) ?? [];
    if (what === undefined) other.push(message);
    else if (!next.includes(what)) next.push(what);
  }
  return { next, other };
}

const asked: { readonly [K in PortKey]: () => ReturnType<typeof told> } = {
  runtime: () => told(containerRuntimeLaws, runtime.openSubject),
  proxy: () => told(proxyManagerLaws, proxy.openSubject),
  store: () => told(storeLaws, store.openSubject),
  probe: () => told(healthProbeLaws, probe.openSubject),
  notifier: () => told(notifierLaws, notifier.openSubject),
  registry: () => told(registryLaws, registry.openSubject),
  sealer: () => told(sealerLaws, sealer.openSubject),
  clock: () => told(clockLaws, clock.openSubject),
  ids: () => told(idsLaws, ids.openSubject),
};

const first: { readonly [K in PortKey]: string } = {
  runtime: '`describe`',
  proxy: '`describe`',
  store: '`storeId`',
  probe: '`check` for `http`',
  notifier: '`notify`',
  registry: '`push` of test/subject.ts: a manifest of this content under this tag, and its digest',
  sealer: '`seal`',
  clock: '`now`',
  ids: '`next`',
};

describe.each(PORTS)('a fresh $type', ({ key }) => {
  it('is told what to implement by every law that it does not keep', async () => {
    const { next, other } = await asked[key]();
    expect(other).toEqual([]);
    expect(next[0]).toBe(first[key]);
  });
});
