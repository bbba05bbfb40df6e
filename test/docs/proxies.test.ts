/** What docs/proxies.md says that a proxy can do is what its adapter says to the deployer. */
import type { ProxyManager } from '@quayside/core/ports';
import { describe, expect, it } from 'vitest';
import { haproxy } from '../../packages/haproxy-adapter/src/index.js';
import { nginxProxyManager } from '../../packages/npm-adapter/src/index.js';
import { embeddedProxy } from '../../packages/proxy-adapter/src/index.js';
import { propertiesOf } from './compile.js';
import { pageOf, section } from './pages.js';

const columns: readonly (readonly [string, ProxyManager])[] = [
  ['embedded', embeddedProxy()._unsafeUnwrap()],
  ['HAProxy', haproxy({ proofKey: 'a-key-for-tests-alone-0123456789' })._unsafeUnwrap()],
  [
    'Nginx Proxy Manager',
    nginxProxyManager({ url: 'http://127.0.0.1:81', identity: 'a@example.com', secret: 'x' })._unsafeUnwrap(),
  ],
];

const cells = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

describe('docs/proxies.md', () => {
  const [head = [], , ...rows] = section(pageOf('docs/proxies.md'), '## What each can do')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map(cells);

  it('has a column for each adapter and a row for each capability, and no other', () => {
    expect(head.slice(1, -1)).toEqual(columns.map(([name]) => name));
    const capabilities = propertiesOf('@quayside/core/ports', 'ProxyCapabilities');
    const names = [...capabilities, 'inFlight', 'statistics', 'writes'];
    expect(rows.map(([name = '']) => name.replaceAll('`', '')).sort()).toEqual([...names].sort());
  });

  it.each(columns)('says of %s what it says of itself', (name, proxy) => {
    const column = head.indexOf(name);
    const said = Object.fromEntries(rows.map((row) => [row[0]?.replaceAll('`', ''), row[column]]));
    const word = (value: unknown): string => (typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value));
    const is = {
      ...proxy.capabilities,
      inFlight: proxy.inFlight !== undefined,
      statistics: proxy.statistics !== undefined,
      writes: proxy.writes,
    };
    expect(said).toEqual(Object.fromEntries(Object.entries(is).map(([key, value]) => [key, word(value)])));
  });
});
