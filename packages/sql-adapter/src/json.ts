/** @throws what is no plain JSON */
export function encode(value: unknown): string {
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`A ${typeof value} is no plain JSON.`);
  return text;
}
