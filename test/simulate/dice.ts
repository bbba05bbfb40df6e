/**
 * Chance by name: what is thrown for a thing depends on the seed and that thing's name alone. So a thing that is left out, as it is when
 * a failing run is made shorter, changes nothing for all the others.
 */
export interface Dice {
  /** 32 bits. */
  bits(name: string): number;
  /** From 0 up to, not including, 1. */
  roll(name: string): number;
  /** A whole number, both ends included. */
  whole(name: string, from: number, to: number): number;
  has(name: string, chance: number): boolean;
  pick<T>(name: string, from: readonly T[]): T;
}

export function dice(seed: number): Dice {
  // FNV-1a over the name, begun with the seed, and the last steps of MurmurHash3 to mix what comes of it. Both are in the public domain.
  const begin = mix(seed ^ 0x811c9dc5);
  const bits = (name: string): number => {
    let hash = begin;
    for (let at = 0; at < name.length; at += 1) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
    return mix(hash);
  };
  const roll = (name: string) => bits(name) / 4_294_967_296;
  const whole = (name: string, from: number, to: number) => from + Math.floor(roll(name) * (to - from + 1));
  return {
    bits,
    roll,
    whole,
    has: (name, chance) => roll(name) < chance,
    pick: (name, from) => from[whole(name, 0, from.length - 1)] as (typeof from)[number],
  };
}

export function mix(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
