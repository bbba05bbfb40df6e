/**
 * A text of somebody else's as a message may quote it: on one line, and without what a terminal or a log viewer would obey (controls, line
 * separators, marks that turn the direction of writing). JSON leaves some of these as they are.
 */
export const quoted = (text: string): string =>
  JSON.stringify(text).replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (char) =>
    [...Array(char.length).keys()].map((at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  );
