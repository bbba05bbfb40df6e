/** The fields of a JSON object that a service answered; undefined where it answered anything else. */
export function jsonIn(body: string): Fields | undefined {
  try {
    return fieldsOf(JSON.parse(body));
  } catch {
    return undefined;
  }
}

export interface Fields {
  string(name: string): string | undefined;
  number(name: string): number | undefined;
  object(name: string): Fields | undefined;
}

function fieldsOf(value: unknown): Fields | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  const own = (name: string) => (Object.hasOwn(fields, name) ? fields[name] : undefined);
  return {
    string: (name) => {
      const found = own(name);
      return typeof found === 'string' ? found : undefined;
    },
    number: (name) => {
      const found = own(name);
      return typeof found === 'number' ? found : undefined;
    },
    object: (name) => fieldsOf(own(name)),
  };
}
