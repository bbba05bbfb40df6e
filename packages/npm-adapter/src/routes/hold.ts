/**
 * Lines of a host's custom configuration by which visitors are told to come again. They stand before every location, the product's and a
 * person's alike, so that nobody reaches the app by another path; a challenge of Let's Encrypt is answered where the product has one.
 *
 * What proves the route passes by at a path of ours, for who knows the word that stands in these lines. The default location would send
 * that word on to the app, as it sends every header: so it is asked there for what the app is to be asked.
 */
import { createHash } from 'node:crypto';
import { type Holding, holdingPage, retryAfterSeconds } from '@quayside/core/ports';

export interface Hold {
  readonly holding: Holding;
  /** Of `[A-Za-z0-9_-]`, and known to nobody else. */
  readonly pass: string;
}

const HELD_PATH = '/.well-known/quayside-held';
export const PASS_PATH = '/.well-known/quayside-pass';
/** Of a request at that path: the word, and what the app is asked for. */
export const PASS_HEADER = 'X-Quayside-Pass';
export const PATH_HEADER = 'X-Quayside-Path';

export const holdLines = ({
  holding,
  pass,
}: Hold): string => `if ($uri !~ "^/\\.well-known/(quayside-(instance|pass)$|acme-challenge/)") {
  rewrite ^ ${HELD_PATH} last;
}
location = ${HELD_PATH} {
  default_type "text/html; charset=utf-8";
  add_header Retry-After ${retryAfterSeconds(holding)} always;
  add_header Cache-Control no-store always;
  return 503 "${quoted(holdingPage(holding).html)}";
}
location = ${PASS_PATH} {
  if ($http_x_quayside_pass != "${pass}") { return 404 "elsewhere"; }
  proxy_set_header ${PASS_HEADER} "";
  proxy_set_header ${PATH_HEADER} "";
  proxy_set_header Host $host;
  proxy_set_header X-Forwarded-Scheme $scheme;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Real-IP $remote_addr;
  proxy_pass $forward_scheme://$server:$port$http_x_quayside_path;
}
location ~ ^/\\.well-known/acme-challenge/ { # quayside
  rewrite ^ ${HELD_PATH} last;
}
`;

/** The word of the lines that are there. */
export const passIn = (configuration: string): string | undefined =>
  /\$http_x_quayside_pass != "([A-Za-z0-9_-]+)"/.exec(configuration)?.[1];

/** Stands for what visitors are told: another message or time has another. */
export const holdWord = ({ message, retryAfterMs }: Holding): string =>
  createHash('sha256')
    .update(JSON.stringify([message, retryAfterMs]))
    .digest('base64url')
    .slice(0, 16);

/**
 * A page between double quotes. nginx has no way to write a `$` there that is no variable, but HTML has; and the product takes
 * whatever looks like it for a default location, which would switch its own off.
 */
const quoted = (html: string): string =>
  html
    .replace(/[\\$]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/l(?=ocation\s*\/\s*\{)/gi, (letter) => `&#${letter.charCodeAt(0)};`)
    .replaceAll('"', '\\"');
