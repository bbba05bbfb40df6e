/** The plugins that a host was given: checked, and in the order of what they depend on. */
import { didYouMean } from '../domain/did-you-mean.js';
import type { Issue } from '../domain/errors.js';
import type { Plugin } from './types.js';

/** A plugin, and where in the configuration it is. */
export interface Placed {
  readonly plugin: Plugin;
  readonly path: string;
}

const NAME = /^[a-z][a-z0-9-]{0,39}$/;
const VERSION = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;

/** What is wrong with one, whatever it is. */
export function checkPlugin({ plugin, path }: Placed, issues: Issue[]): void {
  const { name, version, after, setup } = plugin as { readonly [Field in keyof Plugin]: unknown };
  const wrong = (field: string, expected: string, received: unknown) =>
    issues.push({ path: `${path}.${field}`, expected, received: shown(received) });
  if (typeof name !== 'string' || !NAME.test(name))
    wrong('name', '1 to 40 lower case letters, digits and dashes that begin with a letter', name);
  if (typeof version !== 'string' || !VERSION.test(version)) wrong('version', "a version such as '1.0.0'", version);
  if (typeof setup !== 'function') wrong('setup', 'a function', setup);
  if (!Array.isArray(after) || after.some((each) => typeof each !== 'string'))
    wrong('after', 'an array of names of plugins', after);
}

const shown = (value: unknown): string =>
  value === undefined ? 'nothing' : typeof value === 'string' ? JSON.stringify(value.slice(0, 60)) : typeof value;

/**
 * Each after those that it names, and else as they were given. What cannot be ordered is an issue.
 * @param placed each of which is a plugin by its shape
 */
export function ordered(placed: readonly Placed[], issues: Issue[]): readonly Placed[] {
  const names = placed.map(({ plugin }) => plugin.name);
  placed.forEach(({ plugin: { name, after }, path }, index) => {
    if (names.indexOf(name) !== index)
      issues.push({ path: `${path}.name`, expected: 'a name of its own', received: JSON.stringify(name) });
    after.forEach((other, at) => {
      if (names.includes(other)) return;
      const expected = `the name of a plugin that is given, too${didYouMean(other, names)}`;
      issues.push({ path: `${path}.after[${at}]`, expected, received: JSON.stringify(other) });
    });
  });
  const waiting = [...placed];
  const sorted: Placed[] = [];
  for (;;) {
    const isFree = ({ plugin }: Placed) =>
      plugin.after.every((name) => name !== plugin.name && !waiting.some((other) => other.plugin.name === name));
    const next = waiting.findIndex(isFree);
    if (next < 0) break;
    sorted.push(...waiting.splice(next, 1));
  }
  const [first] = waiting;
  if (first) issues.push(circle(first, waiting));
  return sorted;
}

/** From any of those that wait for each other one gets to a circle; its last edge is the one to name. */
function circle(from: Placed, waiting: readonly Placed[]): Issue {
  const walked: Placed[] = [];
  for (let at = from; ; ) {
    walked.push(at);
    const name = at.plugin.after.find((each) => waiting.some(({ plugin }) => plugin.name === each));
    const next = waiting.find(({ plugin }) => plugin.name === name);
    if (!next || walked.includes(next)) {
      const round = walked.slice(next ? walked.indexOf(next) : 0).map(({ plugin }) => plugin.name);
      const index = at.plugin.after.indexOf(name ?? '');
      return {
        path: `${at.path}.after[${Math.max(0, index)}]`,
        expected: 'no plugin that comes after this one itself',
        received: `a circle: ${[...round, round[0]].join(' after ')}`,
      };
    }
    at = next;
  }
}

/** Which other versions can read what this one has written into a journal: the major number, or, before the first, `0.minor`. */
export function compatible(version: string): string {
  const [major = '0', minor = '0'] = version.split('.');
  return major === '0' ? `0.${minor}` : major;
}
