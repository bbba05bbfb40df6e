/**
 * The laws of `ContainerRuntime`. Whoever keeps them loses no container, touches none that is another's, and says of a failure
 * what it was.
 */
import { capabilityLaws } from './container-runtime/capabilities.js';
import { imageLaws } from './container-runtime/images.js';
import { lifeLaws } from './container-runtime/life.js';
import { networkLaws } from './container-runtime/networks.js';
import { outputLaws } from './container-runtime/output.js';
import { signalLaws } from './container-runtime/signals.js';
import type { RuntimeSubject } from './container-runtime/subject.js';
import type { Law } from './law.js';

export type { RuntimeSubject } from './container-runtime/subject.js';

/** In the order in which an author meets them. */
export const containerRuntimeLaws: readonly Law<RuntimeSubject>[] = [
  ...imageLaws,
  ...lifeLaws,
  ...networkLaws,
  ...outputLaws,
  ...capabilityLaws,
  ...signalLaws,
];
