/**
 * The laws of `ProxyManager`. Whoever keeps them sends a domain where it was told to, touches none that is another's, and calls
 * nothing proved that requests do not see.
 */
import type { Law } from './law.js';
import { holdingLaws } from './proxy-manager/holding.js';
import { lifeLaws } from './proxy-manager/life.js';
import { ownershipLaws } from './proxy-manager/ownership.js';
import { proofLaws } from './proxy-manager/proof.js';
import { routeLaws } from './proxy-manager/routes.js';
import { shareLaws } from './proxy-manager/shares.js';
import type { ProxyManagerSubject } from './proxy-manager/subject.js';

export type { OpenDownload, ProxyManagerSubject, ServedTarget } from './proxy-manager/subject.js';

export const proxyManagerLaws: readonly Law<ProxyManagerSubject>[] = [
  ...routeLaws,
  ...ownershipLaws,
  ...proofLaws,
  ...shareLaws,
  ...holdingLaws,
  ...lifeLaws,
];
