/**
 * Headers that carry secrets, and the removal of their values from what comes back: an app that shows its request on its
 * health page must not put a token into the history.
 */
const SECRET_NAME =
  /authorization|cookie|token|secret|password|passwd|signature|credential|(^|[-_])(api-?)?key$|^x-auth/i;

/** Shorter values are left alone: removing every `yes` or `1` would spoil the evidence. */
const LENGTH_MIN = 6;

export function headerHider(headers: { readonly [name: string]: string }): (text: string) => string {
  const secrets = Object.entries(headers)
    .filter(([name]) => SECRET_NAME.test(name))
    .flatMap(([name, value]) => (/cookie/i.test(name) ? cookieValues(value) : [value, withoutScheme(value)]))
    .filter((value) => value.length >= LENGTH_MIN)
    .sort((a, b) => b.length - a.length);
  return (text) => secrets.reduce((out, secret) => out.replaceAll(secret, '***'), text);
}

/** Of `a=1; b=2` the values, and the whole. */
const cookieValues = (value: string): string[] => [
  value,
  ...value.split(/;\s*/).map((pair) => pair.slice(pair.indexOf('=') + 1)),
];

/** Of `Bearer x` the `x`. */
const withoutScheme = (value: string): string => value.replace(/^\S+\s+/, '');
