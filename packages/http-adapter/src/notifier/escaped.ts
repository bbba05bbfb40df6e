/**
 * As much of a text as fits once it is escaped, its last character `…` where something was left out: no escape and no character is
 * cut in two.
 * @param asEscaped of a text, which is that of each of its characters
 */
export function escapedWithin(value: string, lengthMax: number, asEscaped: (text: string) => string): string {
  const whole = asEscaped(value);
  if (whole.length <= lengthMax) return whole;
  let kept = '';
  for (const character of value) {
    const next = asEscaped(character);
    if (kept.length + next.length > lengthMax - 1) break;
    kept += next;
  }
  return `${kept}…`;
}

/** For a block between fences of three backticks: none in it can end it. */
export const unfenced = (text: string): string => text.replaceAll('```', "'''");
