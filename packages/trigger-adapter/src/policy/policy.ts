/** A stage's tag policy as three questions: is this tag meant, which of these is the newest, and may this one follow that one. */
import picomatch from 'picomatch';
import semver from 'semver';
import { GLOB, type PolicySettings } from './options.js';
import { type Compare, comparisonBy, isOrderable, type Order, versionOf } from './order.js';

export interface Policy {
  /** For people: `semver ^1.4`. */
  readonly words: string;
  /** The one tag that is meant, where it is one: no list of tags has to be asked for. */
  readonly only: string | undefined;
  admits(tag: string): boolean;
  /** Undefined where names say nothing about it: then the time of the push has to. */
  readonly compare: Compare | undefined;
}

export function policyOf(settings: PolicySettings): Policy {
  if (typeof settings === 'string') return exact(settings);
  if ('exact' in settings) return exact(settings.exact);
  if ('digest' in settings) return exact(settings.digest);
  if ('semver' in settings) return versions(settings.semver, settings.prereleases);
  if ('glob' in settings) {
    const matches = picomatch(settings.glob, GLOB);
    return pattern(`glob ${settings.glob}`, settings.order, (tag) => (matches(tag) ? tag : undefined));
  }
  const { regex } = settings;
  return pattern(`regex ${regex.source}`, settings.order, (tag) => {
    const found = regex.exec(tag);
    return found ? (found.groups?.['order'] ?? tag) : undefined;
  });
}

const exact = (tag: string): Policy => ({
  words: `tag ${tag}`,
  only: tag,
  admits: (other) => other === tag,
  compare: undefined,
});

function versions(text: string, prereleases: boolean | readonly string[]): Policy {
  const range = new semver.Range(text, { includePrerelease: prereleases !== false });
  const isMeant = (version: semver.SemVer) => {
    const [name] = version.prerelease;
    if (name === undefined || prereleases === true) return true;
    // Without prereleases the range itself may still name one: `>=2.0.0-rc.1` takes those of 2.0.0.
    return prereleases === false || prereleases.includes(String(name));
  };
  return {
    words: `semver ${text}${prereleases === false ? '' : ' with prereleases'}`,
    only: undefined,
    admits: (tag) => {
      const version = versionOf(tag);
      return version !== undefined && range.test(version) && isMeant(version);
    },
    compare: comparisonBy('semver'),
  };
}

/** @param read what of a tag is compared; undefined: it is not meant */
function pattern(words: string, order: Order, read: (tag: string) => string | undefined): Policy {
  const compare = comparisonBy(order);
  return {
    words: `${words} by ${order}`,
    only: undefined,
    admits: (tag) => {
      const text = read(tag);
      return text !== undefined && isOrderable(order, text);
    },
    compare: compare && ((a, b) => compare(read(a) ?? a, read(b) ?? b) || compare(a, b)),
  };
}

/** The newest of those that are meant, by their names; undefined: none is, or names do not tell. */
export function newest(policy: Policy, tags: Iterable<string>): string | undefined {
  const { compare } = policy;
  let best: string | undefined;
  for (const tag of tags) {
    if (!policy.admits(tag)) continue;
    if (best === undefined || (compare?.(tag, best) ?? 0) > 0) best = tag;
  }
  return best;
}
