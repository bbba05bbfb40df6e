/** Every port's laws, right implementations and defects. */

import { trialsOf } from './defect.js';
import { runtimeSuite } from './defects/container-runtime.js';
import { probeSuite } from './defects/health-probe.js';
import { notifierSuite } from './defects/notifier.js';
import { proxySuite } from './defects/proxy-manager.js';
import { registrySuite } from './defects/registry.js';
import { clockSuite, idsSuite, sealerSuite } from './defects/small-ports.js';
import { storeSuite } from './defects/store.js';

const all = [
  trialsOf(runtimeSuite),
  trialsOf(proxySuite),
  trialsOf(storeSuite),
  trialsOf(probeSuite),
  trialsOf(notifierSuite),
  trialsOf(registrySuite),
  trialsOf(sealerSuite),
  trialsOf(clockSuite),
  trialsOf(idsSuite),
];

export const controls = all.flatMap((each) => each.controls);
export const defects = all.flatMap((each) => each.defects);
