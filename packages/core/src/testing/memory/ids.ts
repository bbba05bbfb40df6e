import { BASE32 } from '../../domain/hash.js';
import type { Ids } from '../../ports/clock.js';

/** Ids and random numbers that a seed determines, bit for bit. */
export function seededIds(seed = 1): Ids {
  const random = seededRandom(seed);
  let last = 0;
  // Where it begins is the seed's own: two hosts that count from zero in the same millisecond would soon meet.
  let counter = Math.floor(seededRandom(seed ^ 0x5bd1e995)() * 2 ** 24);
  return {
    random,
    next(nowMs) {
      // Never smaller than before, even where the wall clock went back.
      last = Math.max(last, nowMs);
      counter += 1;
      const tail = Array.from({ length: 3 }, () => BASE32[Math.floor(random() * 32)]).join('');
      return base32(last, 10) + base32(counter, 5) + tail;
    },
  };
}

function base32(value: number, length: number): string {
  let out = '';
  for (let rest = value; out.length < length; rest = Math.floor(rest / 32)) out = BASE32[rest % 32] + out;
  return out;
}

/** Mulberry32: small, quick and good enough to make worlds with. Source: T. Ettinger, public domain. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
