/** One name, as the packages, the errors and the code write it. */
export interface Names {
  /** Of the product: `kong-gateway`. */
  readonly kebab: string;
  readonly camel: string;
  readonly pascal: string;
}

/** What a name may be: it becomes part of a package's name and of identifiers. */
export const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
export const NAME_EXPECTED = "lower-case words joined by '-', such as 'traefik' or 'kong-gateway'";
const LONGEST = 60;

/** @returns undefined where the text is no name */
export function namesOf(text: string): Names | undefined {
  if (!NAME.test(text) || text.length > LONGEST) return undefined;
  const pascal = text
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
  return { kebab: text, camel: pascal.charAt(0).toLowerCase() + pascal.slice(1), pascal };
}
