/** Which of a project's stages a name means: the one of that name, else the most specific pattern that matches it. */
export function matchStage<T>(
  stages: { readonly [key: string]: T },
  name: string,
): { key: string; stage: T } | undefined {
  const own = Object.hasOwn(stages, name) ? stages[name] : undefined;
  if (own !== undefined && !isPattern(name)) return { key: name, stage: own };
  const matching = Object.keys(stages)
    .filter((key) => isPattern(key) && matches(key, name))
    .sort((a, b) => literal(b) - literal(a) || (a < b ? -1 : 1));
  const [key] = matching;
  const stage = key === undefined ? undefined : stages[key];
  return key === undefined || stage === undefined ? undefined : { key, stage };
}

export const isPattern = (key: string): boolean => key.includes('*');

const literal = (key: string): number => key.replaceAll('*', '').length;

/** Every `*` stands for one character or more. Walked by hand: a name from outside never becomes a regular expression's work. */
function matches(key: string, name: string): boolean {
  const [head = '', ...rest] = key.split('*');
  const tail = rest.pop() ?? '';
  if (!name.startsWith(head) || !name.endsWith(tail)) return false;
  let from = head.length;
  for (const part of rest) {
    const at = name.indexOf(part, from + 1);
    if (at < 0) return false;
    from = at + part.length;
  }
  return from + 1 + tail.length <= name.length;
}
