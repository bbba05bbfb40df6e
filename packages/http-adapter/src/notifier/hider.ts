/** Shorter parts are no secrets, and removing them would spoil what is said. */
const LENGTH_MIN = 6;

interface Hidden {
  readonly url: URL;
  readonly secrets: readonly string[];
  readonly headers: { readonly [name: string]: string };
}

/** What of it is secret wherever it stands: the path of a webhook is its password, and a header may be a login. */
export function secretsOf({ url, secrets, headers }: Hidden): string[] {
  const parts = url.pathname.split('/').filter((part) => part.length > 12 || (part.length >= 8 && /\d/.test(part)));
  const login = Object.entries(headers).flatMap(([name, value]) =>
    SECRET_HEADER.test(name) ? [value, value.replace(/^\S+ /, '')] : [],
  );
  return [...parts, ...url.searchParams.values(), ...secrets, ...login];
}

const SECRET_HEADER = /authorization|cookie|token|secret|password|signature|credential|key|auth/i;

/** Removes the URL, its parts, the secrets and the headers' values from a text that a receiver or a socket wrote. */
export function hider({ url, secrets, headers }: Hidden): (text: string) => string {
  const path = `${url.pathname}${url.search}`;
  const parts = [
    url.href,
    path,
    url.pathname,
    ...url.pathname.split('/').filter((part) => part.length > 12 || /\d/.test(part)),
    ...url.searchParams.values(),
    ...secrets,
    ...Object.values(headers),
  ];
  const hidden = [...new Set(parts)].filter((part) => part.length >= LENGTH_MIN).sort((a, b) => b.length - a.length);
  return (text) => hidden.reduce((out, part) => out.replaceAll(part, '***'), text);
}
