/** How wide a text stands in a terminal, and how it is made to fit. */
import { stripVTControlCharacters } from 'node:util';

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const NOTHING = /^[\p{Mn}\p{Me}\p{Cf}]$/u;

const ESCAPE = String.fromCharCode(27);
/** The sequences that colours are made of. */
const COLOR = `${ESCAPE}\\[[0-9;]*m`;
const RESET = `${ESCAPE}[0m`;

const charWidth = (char: string): number => (NOTHING.test(char) ? 0 : WIDE.test(char) ? 2 : 1);

/** In columns; sequences for colours count nothing. */
export function widthOf(text: string): number {
  let width = 0;
  for (const char of stripVTControlCharacters(text)) width += charWidth(char);
  return width;
}

/** At most so many columns, with an ellipsis where something was cut. Colours within are kept, and closed at the end. */
export function fit(text: string, columns: number, ellipsis = '…'): string {
  if (widthOf(text) <= columns) return text;
  const room = Math.max(0, columns - widthOf(ellipsis));
  let width = 0;
  let cut = '';
  for (const part of text.match(new RegExp(`${COLOR}|.`, 'gsu')) ?? []) {
    if (part.startsWith(ESCAPE)) {
      cut += part;
      continue;
    }
    width += charWidth(part);
    if (width > room) break;
    cut += part;
  }
  return cut.includes(ESCAPE) ? `${cut}${ellipsis}${RESET}` : `${cut}${ellipsis}`;
}

export const padEnd = (text: string, columns: number): string =>
  text + ' '.repeat(Math.max(0, columns - widthOf(text)));

/** Words into lines of at most so many columns; a longer word has a line of its own. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && widthOf(line) + 1 + widthOf(word) > columns) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}

/**
 * A text of somebody else's, such as a container's: one line, without what could move the cursor, change the terminal, or write
 * backwards.
 */
export const plain = (text: string): string =>
  stripVTControlCharacters(text)
    .replaceAll('\t', '  ')
    .replace(/[\r\n\u2028\u2029]+/g, ' ')
    .replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '');

/** The same, with its colours. */
export function plainWithColors(text: string): string {
  const parts = text.split(new RegExp(`(${COLOR})`));
  const kept = parts.map((part, index) => (index % 2 === 1 ? part : plain(part))).join('');
  return parts.length > 1 ? `${kept}${RESET}` : kept;
}
