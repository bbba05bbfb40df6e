/**
 * Visitors of a stage in maintenance: what they are told stands in the map beside the backend, so that one command begins and ends it, and
 * turns the route as well. A backend of its own answers them, and its name in HAProxy's list tells that the configuration has it.
 *
 * The texts are encoded: in a command `;`, spaces and backslashes mean something, and in HAProxy's log formats a percent sign.
 */
import { type Holding, holdingPage, retryAfterSeconds } from '@quayside/core/ports';
import { PRINT_AGAIN, refused } from './errors.js';

/** The words of a map's value that stand for it, behind the backend, the mark and the word for a sticky route. */
const FIRST_FIELD = 4;

export const heldBackend = (name: string): string => `${name}-held`;

/** When to come again, as the route was put and as visitors are told, and the page in its three forms. */
export function holdingFields(holding: Holding): string[] {
  const { html, text, json } = holdingPage(holding);
  // What HAProxy formats it spells out where it is a control character: `%09`. JSON has spelt them already.
  const encoded = [html, text.trimEnd(), json].map((page) =>
    Buffer.from(page.replaceAll('\t', ' ')).toString('base64'),
  );
  return [`${holding.retryAfterMs}`, `${retryAfterSeconds(holding)}`, ...encoded];
}

export function holdingOf(fields: readonly string[]): Holding | undefined {
  const [retryAfterMs, , , , json = ''] = fields;
  if (!retryAfterMs) return undefined;
  const message = messageIn(Buffer.from(json, 'base64').toString());
  return { message, retryAfterMs: Number(retryAfterMs) };
}

/** What a person has put there is nobody's message, and holds visitors all the same. */
function messageIn(json: string): string {
  try {
    const { detail } = JSON.parse(json) as { readonly detail?: unknown };
    return typeof detail === 'string' ? detail : '';
  } catch {
    return '';
  }
}

/**
 * The backend that answers them. `return` is done before a body was read: HAProxy drops what still comes.
 * @param route the variable with the map's value
 * Source: HAProxy 2.6, configuration guide, "http-request return".
 */
export function heldSection(name: string, route: string, separator: string): string[] {
  const field = (index: number) => `%[var(${route}),field(${FIRST_FIELD + index},${separator})]`;
  const page = (index: number) => `%[var(${route}),field(${FIRST_FIELD + index},${separator}),b64dec]`;
  const headers = `hdr Retry-After ${field(1)} hdr Cache-Control no-store hdr Vary accept hdr X-Content-Type-Options nosniff`;
  const answer = (type: string, index: number, condition: string) =>
    `  http-request return status 503 content-type "${type}" lf-string "${page(index)}\\n" ${headers}${condition}`;
  return [
    `backend ${heldBackend(name)}`,
    '  mode http',
    answer('text/html; charset=utf-8', 2, ' if { req.hdr(accept) -m sub -i text/html }'),
    answer('application/problem+json', 4, ' if { req.hdr(accept) -m sub -i json }'),
    answer('text/plain; charset=utf-8', 3, ''),
  ];
}

/** The condition by which a request is answered so. */
export const isHeld = (route: string, separator: string): string =>
  `{ var(${route}),field(${FIRST_FIELD},${separator}) -m found }`;

export const cannotHold = (name: string) =>
  ({
    ...refused(
      'old-configuration',
      `HAProxy's configuration has no backend ${heldBackend(name)}: it was printed by an earlier version.`,
      PRINT_AGAIN,
    ),
    kind: 'unsupported',
  }) as const;
