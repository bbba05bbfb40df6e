/** What every proxy tells the visitors of a stage in maintenance: one page, in three forms, with the message as plain text in each. */
import type { Holding, Route } from './proxy-manager.js';

/** Characters. */
export const MESSAGE_MAX = 500;

/** Why a proxy cannot take this, for people, without its end: `a message of 501 characters`; undefined: it can. */
export function wrongHolding({ message, retryAfterMs }: Holding): string | undefined {
  if (typeof message !== 'string' || message.trim() === '') return 'an empty message';
  if (message.length > MESSAGE_MAX) return `a message of ${message.length} characters, more than ${MESSAGE_MAX}`;
  // Control characters and line ends would be read as something else on the way; half a character cannot be sent at all.
  if (/[^\P{Cc}\t]|[\u2028\u2029]|\p{Surrogate}/u.test(message)) return 'a message that is not one line of plain text';
  if (!Number.isSafeInteger(Math.ceil(retryAfterMs)) || retryAfterMs < 0)
    return `${retryAfterMs} ms as the time to come again`;
  return undefined;
}

/** For a proxy's refusal of a route that it cannot hold visitors of; undefined: there is nothing to refuse. */
export function holdingRefusal({ domain, holding }: Pick<Route, 'domain' | 'holding'>) {
  const wrong = holding && wrongHolding(holding);
  return wrong === undefined
    ? undefined
    : {
        message: `Visitors of ${domain} cannot be held with ${wrong}.`,
        hint: `Give one line of plain text of at most ${MESSAGE_MAX} characters, and a time of 0 ms or more.`,
      };
}

/** The value of `Retry-After` (RFC 9110, section 10.2.3): rounded up, since nobody is to come too early. */
export const retryAfterSeconds = ({ retryAfterMs }: Holding): number => Math.ceil(retryAfterMs / 1000);

/** Its status is 503, and this its reason. */
export const HOLDING_TITLE = 'In maintenance';

export interface HoldingPage {
  /** A whole document, in UTF-8 and of one line, of at most 3,600 bytes. */
  readonly html: string;
  /** Problem details (RFC 9457), without a line end. */
  readonly json: string;
  /** With a line end. */
  readonly text: string;
}

export function holdingPage({ message }: Holding): HoldingPage {
  return {
    html: pageDocument(503, HOLDING_TITLE, message),
    json: JSON.stringify({ status: 503, title: HOLDING_TITLE, detail: message }),
    text: `503 ${HOLDING_TITLE}: ${message}\n`,
  };
}

/** A page of a proxy's own, whatever it is about: readable on a phone and in the dark, and nothing of it is fetched. */
export const pageDocument = (status: number, title: string, text: string): string =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>${status} ${escapeHtml(title)}</title><style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:20vh auto 0;padding:0 1.5rem}h1{font-size:1.4rem}p{overflow-wrap:anywhere}</style><h1>${status} ${escapeHtml(title)}</h1><p>${escapeHtml(text)}</p></html>`;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};

/** As text of an element, or in a quoted attribute. */
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
