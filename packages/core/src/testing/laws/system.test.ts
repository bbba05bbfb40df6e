import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from 'vitest';
import { aesSealer, systemClock, systemIds } from '../../system.js';
import { virtualClock } from '../memory/clock.js';
import { seededIds } from '../memory/ids.js';
import { memorySealer } from '../memory/sealer.js';
import { clockLaws } from './clock.js';
import { idsLaws } from './ids.js';
import { conforms } from './law.js';
import { sealerLaws } from './sealer.js';

const close = async () => {};

describe('the virtual clock keeps the laws of Clock', () => {
  conforms(it, clockLaws, async () => {
    const clock = virtualClock();
    return { clock, pass: clock.advance, close };
  });
});

describe('the system’s clock keeps the laws of Clock', () => {
  conforms(it, clockLaws, async () => ({ clock: systemClock(), pass: (ms) => sleep(ms), close }));
});

describe('the seeded ids keep the laws of Ids', () => {
  conforms(it, idsLaws, async () => {
    let seed = 0;
    return {
      open: () => {
        seed += 1;
        return seededIds(seed);
      },
      close,
    };
  });
});

describe('the system’s ids keep the laws of Ids', () => {
  conforms(it, idsLaws, async () => ({ open: systemIds, close }));
});

describe('the memory sealer keeps the laws of Sealer', () => {
  conforms(it, sealerLaws, async () => ({ sealer: memorySealer('one'), other: memorySealer('two'), close }));
});

describe('the AES sealer keeps the laws of Sealer', () => {
  const of = (byte: string) => aesSealer([byte.repeat(64)])._unsafeUnwrap();
  conforms(it, sealerLaws, async () => ({ sealer: of('1'), other: of('2'), close }));
});
