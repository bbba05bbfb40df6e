import { describe, it } from 'vitest';
import { conforms } from './law.js';
import { proxySubject } from './memory-subjects.js';
import { proxyManagerLaws } from './proxy-manager.js';

describe.each([
  ['without', {}],
  ['with', { weights: true, sticky: true }],
])('the memory proxy, %s weights, keeps the laws of ProxyManager', (_which, capabilities) => {
  conforms(it, proxyManagerLaws, () => proxySubject(undefined, capabilities));
});
