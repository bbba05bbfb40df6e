/** A broken law sends its reader to a page that is there, to a section that quotes the contract it told him. */
import {
  clockLaws,
  containerRuntimeLaws,
  healthProbeLaws,
  idsLaws,
  type Law,
  notifierLaws,
  proxyManagerLaws,
  registryLaws,
  sealerLaws,
  storeLaws,
} from '@quayside/core/testing';
import { describe, expect, it } from 'vitest';
import { PORTS } from '../../packages/create-quayside-adapter/src/index.js';
import { anchorsOf, pageOf, readPages } from './pages.js';

const laws: readonly Law<never>[] = [
  ...clockLaws,
  ...containerRuntimeLaws,
  ...healthProbeLaws,
  ...idsLaws,
  ...notifierLaws,
  ...proxyManagerLaws,
  ...registryLaws,
  ...sealerLaws,
  ...storeLaws,
];
const pages = new Set(readPages().map(({ path }) => path));

it('every law of the kit belongs to a contract', () => {
  expect(laws.filter(({ contract }) => !contract).map(({ name }) => name)).toEqual([]);
});

const contracts = new Map(laws.flatMap(({ contract }) => (contract ? [[contract.page, contract.says] as const] : [])));

describe.each([...contracts])('%s', (at, says) => {
  const [page = '', anchor = ''] = at.split('#');

  it('is a section of a page', () => {
    expect(pages).toContain(page);
    expect(anchorsOf(pageOf(page))).toContain(anchor);
  });

  it('quotes the contract', () => {
    const quotes = [...pageOf(page).matchAll(/^## (.+)\n\n> (.+)$/gm)].map(([, heading = '', quote]) => {
      const [slug] = anchorsOf(`## ${heading}`);
      return [slug, quote];
    });
    expect(quotes).toContainEqual([anchor, says]);
  });
});

it('every quoted contract has a law that holds an adapter to it', () => {
  const quoted = readPages()
    .filter(({ path }) => path.startsWith('docs/guides/'))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/^## (.+)\n\n> /gm)].map(([, heading = '']) => `${path}#${[...anchorsOf(`## ${heading}`)][0]}`),
    );
  expect(quoted.filter((each) => !contracts.has(each))).toEqual([]);
});

it.each(PORTS)('the guide that a new $type points to is there', ({ guide }) => {
  expect(pages).toContain(guide);
});
