/**
 * What is safe, written down anew from the documents that say so, and by hand: no pattern and no line of the code under test. Each answers
 * what is wrong, or null.
 */
export type Verdict = string | null;

const isIn = (char: string, from: string, to: string): boolean => char >= from && char <= to;
const isDigit = (char: string): boolean => isIn(char, '0', '9');
const isLower = (char: string): boolean => isIn(char, 'a', 'z');
const isUpper = (char: string): boolean => isIn(char, 'A', 'Z');
const isWord = (char: string): boolean => isDigit(char) || isLower(char) || isUpper(char) || char === '_';
const isControl = (char: string): boolean => {
  const code = char.codePointAt(0) ?? 0;
  return code < 32 || (code >= 127 && code < 160) || code === 0x2028 || code === 0x2029;
};

/** OCI distribution specification 1.1, "Pulling manifests": a reference as a tag. */
export function unsafeTag(tag: unknown): Verdict {
  if (typeof tag !== 'string') return 'a tag that is no text';
  if (tag.length < 1 || tag.length > 128) return 'a tag of another length';
  const [first = '', ...rest] = [...tag];
  if (!isWord(first)) return 'a tag that begins otherwise';
  return rest.every((char) => isWord(char) || char === '.' || char === '-') ? null : 'a tag with another character';
}

/** OCI image specification, "Digests", of which SHA-256 alone is taken. */
export function unsafeDigest(digest: unknown): Verdict {
  if (typeof digest !== 'string' || !digest.startsWith('sha256:')) return 'a digest of another kind';
  const hex = [...digest.slice('sha256:'.length)];
  return hex.length === 64 && hex.every((char) => isDigit(char) || isIn(char, 'a', 'f')) ? null : 'no SHA-256';
}

/** OCI distribution specification, "Pulling manifests": `<name>`; in front of it a registry's host and port. */
export function unsafeRepository(text: unknown): Verdict {
  if (typeof text !== 'string' || text.length < 1 || text.length > 255) return 'a repository of another length';
  const parts = text.split('/');
  const [first = ''] = parts;
  const rest = parts.length > 1 && unsafeComponent(first) !== null ? parts.slice(1) : parts;
  if (rest !== parts && unsafeHostPort(first) !== null) return `a registry ${unsafeHostPort(first)}`;
  for (const part of rest) if (unsafeComponent(part) !== null) return unsafeComponent(part);
  return null;
}

/** Runs of lower-case letters and digits, parted by one dot, one or two underscores, or any number of dashes. */
function unsafeComponent(part: string): Verdict {
  const chars = [...part];
  if (chars.length === 0) return 'an empty component';
  const isAlnum = (char: string | undefined) => char !== undefined && (isLower(char) || isDigit(char));
  if (!isAlnum(chars[0]) || !isAlnum(chars.at(-1))) return 'a component that begins or ends otherwise';
  let separator = '';
  for (const char of chars) {
    if (isAlnum(char)) {
      const isKnown = ['', '.', '_', '__'].includes(separator) || [...separator].every((each) => each === '-');
      if (!isKnown) return 'a component with another separator';
      separator = '';
    } else if (char === '.' || char === '_' || char === '-') separator += char;
    else return 'a component with another character';
  }
  return null;
}

function unsafeHostPort(text: string): Verdict {
  const isBracketed = text.startsWith('[');
  const close = isBracketed ? text.indexOf(']') : -1;
  const colon = isBracketed ? text.indexOf(':', close) : text.indexOf(':');
  const host = colon < 0 ? text : text.slice(0, colon);
  const port = colon < 0 ? '1' : text.slice(colon + 1);
  if (port.length < 1 || port.length > 5 || ![...port].every(isDigit)) return 'with another port';
  if (isBracketed) {
    const inner = [...host.slice(1, -1)];
    const isHex = (char: string) => isDigit(char) || isIn(char, 'a', 'f') || isIn(char, 'A', 'F') || char === ':';
    return close > 0 && inner.length > 0 && inner.every(isHex) ? null : 'with another address';
  }
  const labels = host.split('.');
  const isLabel = (label: string) =>
    label.length > 0 &&
    [...label].every((char) => (isWord(char) && char !== '_') || char === '-') &&
    !label.startsWith('-') &&
    !label.endsWith('-');
  return labels.every(isLabel) ? null : 'with another host';
}

/** RFC 1123, section 2.1, with RFC 1035, section 2.3.4; lower case, since routes are compared as texts. */
export function unsafeDomain(domain: unknown): Verdict {
  if (typeof domain !== 'string' || domain.length > 253) return 'a domain that is too long';
  const labels = domain.split('.');
  if (labels.length < 2) return 'a domain of one label';
  for (const label of labels) {
    if (label.length < 1 || label.length > 63) return 'a label of another length';
    if (label.startsWith('-') || label.endsWith('-')) return 'a label with a dash at its end';
    if (![...label].every((char) => isLower(char) || isDigit(char) || char === '-'))
      return 'a label of other characters';
  }
  return null;
}

/** RFC 9110, sections 5.1 and 5.5: nothing ends a header, or begins another. */
export function unsafeHeader(name: string, value: unknown): Verdict {
  const isToken = name.length > 0 && [...name].every((char) => isWord(char) || "!#$%&'*+-.^`|~".includes(char));
  if (!isToken) return 'a header name that is no token';
  if (typeof value !== 'string') return 'a header value that is no text';
  const isVisible = (char: string) => char === '\t' || (char >= ' ' && char.charCodeAt(0) < 256 && char !== '\x7f');
  return [...value].every(isVisible) ? null : 'a header value with a control character';
}

/** POSIX.1-2017, chapter 8: a name has no `=`, and neither has a NUL. Of other characters those are let through that shells and engines take. */
export function unsafeVariable(name: string, value: unknown): Verdict {
  const [first = '', ...rest] = [...name];
  if (!isWord(first) || isDigit(first)) return 'a variable whose name begins otherwise';
  if (!rest.every((char) => isWord(char) || char === '.' || char === '-')) return 'a variable with another name';
  if (name === '__proto__') return 'a variable that an object loses';
  if (typeof value !== 'string') return 'a variable that is no text';
  return value.includes('\0') ? 'a variable with a NUL' : null;
}

/** A path of the engine's machine or of a container: absolute, and nowhere else than it says. */
export function unsafePath(path: unknown): Verdict {
  if (typeof path !== 'string' || !path.startsWith('/')) return 'a path that is not absolute';
  if ([...path].some(isControl)) return 'a path with a control character';
  return path.split('/').includes('..') ? 'a path that leads back' : null;
}

/** One line for people, in logs and in terminals. */
export function unsafeLine(text: unknown, lengthMax: number): Verdict {
  if (typeof text !== 'string' || text.length > lengthMax) return 'a text of another length';
  if ([...text].some(isControl)) return 'a text with a control character';
  return /\p{Cs}/u.test(text) ? 'a text with half a character' : null;
}

/** A JSON answer: whoever prints one of its texts prints one line. */
export function unsafeAnswer(text: string): Verdict {
  if (text.trim() === '') return null;
  const unsafe = (value: unknown, depth: number): Verdict => {
    if (typeof value === 'string') return unsafeLine(value, 40_000);
    if (typeof value !== 'object' || value === null || depth > 20) return null;
    return firstOf(Object.values(value).map((each) => unsafe(each, depth + 1)));
  };
  return unsafe(JSON.parse(text), 0) && `an answer with ${unsafe(JSON.parse(text), 0)}`;
}

/** moby `restrictedNamePattern`: names of containers, volumes and networks; none of them is a path. */
export function unsafeObjectName(name: unknown): Verdict {
  if (typeof name !== 'string' || name.length < 1 || name.length > 128) return 'a name of another length';
  const [first = '', ...rest] = [...name];
  if (!isWord(first) || first === '_') return 'a name that begins otherwise';
  return rest.every((char) => isWord(char) || char === '.' || char === '-') ? null : 'a name with another character';
}

/** What is requested stays at the host that it is requested from. */
export function unsafeRequestPath(path: unknown): Verdict {
  if (typeof path !== 'string' || !path.startsWith('/')) return 'a request path that does not begin with /';
  if ([...path].some((char) => char <= ' ' || char > '~')) return 'a request path that could end its line';
  if (!URL.canParse(`http://10.0.0.1:8080${path}`)) return 'a request path that makes no URL';
  return new URL(`http://10.0.0.1:8080${path}`).host === '10.0.0.1:8080' ? null : 'a request path to somewhere else';
}

const OWN = Object.getOwnPropertyNames(Object.prototype).length;

/** Nobody's object has got what an input brought along. */
export function polluted(): Verdict {
  const probe = {} as Record<string, unknown>;
  if (probe['polluted'] !== undefined) return 'a polluted prototype';
  return Object.getOwnPropertyNames(Object.prototype).length === OWN ? null : 'a prototype with more on it';
}

/** What was accepted is plain through and through: no prototype came with it. */
export function strangePrototype(value: unknown, depth = 0): Verdict {
  if (typeof value !== 'object' || value === null || depth > 12) return null;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = Array.isArray(value) || prototype === Object.prototype || prototype === null;
  if (!isPlain && !(value instanceof RegExp) && !(value instanceof Set)) return 'an object with a prototype of its own';
  for (const inner of Object.values(value)) {
    const found = strangePrototype(inner, depth + 1);
    if (found) return found;
  }
  return null;
}

export const firstOf = (verdicts: Iterable<Verdict>): Verdict => {
  for (const verdict of verdicts) if (verdict !== null) return verdict;
  return null;
};
