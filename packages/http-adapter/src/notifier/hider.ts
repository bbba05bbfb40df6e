/** Shorter parts are no secrets, and removing them would spoil what is said. */
const LENGTH_MIN = 6;

interface Hidden {
  readonly url: URL;
  readonly secrets: readonly string[];
  readonly headers: { readonly [name: string]: string };
}

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
