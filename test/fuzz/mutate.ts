/** Hostile input from good input: what was sent once is changed at a few places, by its structure and by the pieces that break parsers. */
import fc from 'fast-check';
import { seededRandom } from '../support/random.js';

export interface Dice {
  /** From 0 up to, and without, `below`. */
  int(below: number): number;
  pick<T>(from: readonly T[]): T;
  chance(of: number): boolean;
}

export function dice(seed: number): Dice {
  const random = seededRandom(seed);
  const int = (below: number) => Math.floor(random() * below);
  return {
    int,
    pick: <T>(from: readonly T[]): T => from[int(from.length)] as T,
    chance: (of) => random() < of,
  };
}

/** Pieces that mean something to somebody on the way: a path, a header, a shell, DNS, Unicode, a prototype. */
const PIECES = [
  ...['\0', '\n', '\r\n', '\t', '\x7f', '\x1b[31m', '\u2028', '\u202e', '\ufeff', '\ud800', '\udc00', ' ', ''],
  ...['..', '../', '/../', '/..', './', '//', '\\', '\\\\', '%00', '%2e%2e%2f', '/', '~', '/etc/passwd'],
  ...[
    '=',
    ':',
    '@',
    '#',
    '?',
    '&',
    ';',
    ',',
    '"',
    "'",
    '`',
    '$',
    '$(id)',
    ['$', '{X}'].join(''),
    '{{',
    '|',
    '*',
    '!',
    '<',
    '>',
  ],
  ...[
    '-',
    '--',
    '.',
    '_',
    '__',
    '-.',
    '.-',
    'xn--',
    'xn--a',
    'é',
    'ß',
    'İ',
    'ſ',
    '\u212a',
    '．',
    '。',
    'ａ',
    '😀',
    'a\u0301',
  ],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'then', 'length'],
  ...['0', '-1', '00', '1e309', 'NaN', '9007199254740993', '4294967296', '0x7f000001', 'null', 'undefined', 'true'],
  ...[
    'localhost',
    '[::1]',
    '127.0.0.1:80',
    'http://h/',
    'docker.io/',
    'latest',
    `sha256:${'a'.repeat(64)}`,
    `sha256:${'A'.repeat(64)}`,
  ],
  ...['dev.quayside.store', '{project}', '{stage}', '{tag}', '{', '}', 'A', 'Z', 'a', 'shop', 'v1.2.3'],
  ...['a'.repeat(63), 'a'.repeat(64), 'a'.repeat(129), 'a'.repeat(256), '-'.repeat(70), 'a.'.repeat(127)],
] as const;

export function mutatedText(roll: Dice, text: string): string {
  let out = text;
  for (let times = 1 + roll.int(3); times > 0; times -= 1) {
    const at = roll.int(out.length + 1);
    const to = Math.min(out.length, at + roll.int(4));
    const piece = roll.pick(PIECES);
    switch (roll.int(9)) {
      case 0:
        out = out.slice(0, at) + piece + out.slice(at);
        break;
      case 1:
        out = out.slice(0, at) + piece + out.slice(to);
        break;
      case 2:
        out = out.slice(0, at) + out.slice(to);
        break;
      case 3:
        out = piece + out;
        break;
      case 4:
        out += piece;
        break;
      case 5:
        out = piece;
        break;
      case 6:
        out = out.slice(0, at) + String.fromCharCode(roll.int(roll.chance(0.7) ? 256 : 65_536)) + out.slice(to);
        break;
      case 7:
        out = roll.chance(0.5) ? out.toUpperCase() : out.slice(0, at).repeat(2) + out.slice(at);
        break;
      default:
        out = out.slice(0, at);
    }
  }
  return out.slice(0, 4_000);
}

export type Tree = unknown;

/** A copy, and as deep: what is no plain data (a function, a pattern) stays itself. */
export function copied(tree: Tree): Tree {
  if (Array.isArray(tree)) return tree.map(copied);
  if (typeof tree !== 'object' || tree === null || Object.getPrototypeOf(tree) !== Object.prototype) return tree;
  const out = {};
  for (const key of Object.keys(tree)) define(out, key, copied((tree as Record<string, unknown>)[key]));
  return out;
}

/** `__proto__` becomes a key like any other, as `JSON.parse` makes it. */
const define = (target: object, key: string, value: unknown): void => {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
};

/** Values of every shape, made once by fast-check for each seed. */
export function strangers(seed: number): readonly unknown[] {
  const anything = fc.anything({
    maxDepth: 3,
    withNullPrototype: true,
    withBigInt: true,
    withDate: true,
    withMap: true,
  });
  return [
    ...fc.sample(fc.jsonValue({ maxDepth: 4 }), { seed, numRuns: 400 }),
    ...fc.sample(anything, { seed, numRuns: 400 }),
    ...[undefined, null, Number.NaN, Number.POSITIVE_INFINITY, -0, '', [], {}, () => 'x', Symbol('s'), 2 ** 53, '1'],
    JSON.parse('{"__proto__":{"polluted":true}}'),
    JSON.parse('{"constructor":{"prototype":{"polluted":true}}}'),
    JSON.parse(`${'['.repeat(200)}${']'.repeat(200)}`),
  ];
}

export function mutatedTree(roll: Dice, seed: Tree, others: readonly unknown[]): Tree {
  const tree = copied(seed);
  let out: Tree = tree;
  for (let times = 1 + roll.int(3); times > 0; times -= 1) out = changedOnce(roll, out, others);
  return out;
}

function changedOnce(roll: Dice, tree: Tree, others: readonly unknown[]): Tree {
  const places = placesOf(tree);
  if (places.length === 0) return roll.chance(0.5) ? copied(roll.pick(others)) : tree;
  const { holder, key } = roll.pick(places);
  const held = holder as Record<string, unknown>;
  const value = held[key];
  const isList = Array.isArray(holder);
  switch (roll.int(10)) {
    case 0:
      define(holder, key, copied(roll.pick(others)));
      break;
    case 1:
      if (isList) holder.splice(Number(key), 1);
      else delete held[key];
      break;
    case 2:
      if (isList) holder.push(copied(value));
      else define(holder, mutatedText(roll, key), value);
      break;
    case 3: {
      if (isList) break;
      const name = mutatedText(roll, key);
      delete held[key];
      define(holder, name, value);
      break;
    }
    case 4: {
      const other = roll.pick(places);
      define(holder, key, copied((other.holder as Record<string, unknown>)[other.key]));
      break;
    }
    default:
      if (typeof value === 'string') define(holder, key, mutatedText(roll, value));
      else if (typeof value === 'number') define(holder, key, roll.pick([0, -1, 0.5, 1e21, value + 1, -value, 65_536]));
      else define(holder, key, copied(roll.pick(others)));
  }
  return tree;
}

interface Place {
  readonly holder: object;
  readonly key: string;
}

const PLACES_MAX = 400;

function placesOf(tree: Tree, found: Place[] = []): Place[] {
  if (typeof tree !== 'object' || tree === null || found.length > PLACES_MAX) return found;
  const isPlain = Array.isArray(tree) || Object.getPrototypeOf(tree) === Object.prototype;
  if (!isPlain) return found;
  for (const key of Object.keys(tree)) {
    found.push({ holder: tree, key });
    placesOf((tree as Record<string, unknown>)[key], found);
  }
  return found;
}
