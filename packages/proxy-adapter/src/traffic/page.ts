/**
 * The pages that the proxy answers with itself. They say what the visitor can do and nothing of what is behind: no address, no name
 * of an instance, no text of an error.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pageDocument } from '@quayside/core/ports';

export type PageStatus = 400 | 404 | 408 | 502 | 503 | 504;
/** A page, by its status; two are 503. */
export type Page = PageStatus | 'being-deployed';

const PAGES: Readonly<Record<Page, { readonly title: string; readonly text: string }>> = {
  400: { title: 'Bad request', text: 'This request does not say clearly what it is for.' },
  404: { title: 'Nothing here', text: 'Nothing is deployed under this name. Check the address.' },
  408: { title: 'Request timeout', text: 'The request was not sent completely in time. Please try again.' },
  502: { title: 'Bad gateway', text: 'The application behind this address cannot be reached. Please try again soon.' },
  503: { title: 'Not ready', text: 'This server is not ready yet. Please try again in a few seconds.' },
  504: { title: 'Gateway timeout', text: 'The application behind this address took too long to answer.' },
  'being-deployed': {
    title: 'Being deployed',
    text: 'This is being deployed right now. Please try again in a few seconds.',
  },
};

export type Form = 'html' | 'json' | 'text';

const TYPES: Readonly<Record<Form, string>> = {
  html: 'text/html; charset=utf-8',
  json: 'application/problem+json',
  text: 'text/plain; charset=utf-8',
};

/** What the visitor prefers of the three forms; who does not say gets plain text. */
export function formFor(accept: string | undefined): Form {
  let best: Form = 'text';
  let bestQuality = 0;
  for (const part of (accept ?? '').slice(0, 1000).split(',')) {
    const [type = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    const quality = Number(parameters.find((each) => each.startsWith('q='))?.slice(2) ?? 1);
    const form: Form | undefined = /^text\/html$|^application\/xhtml\+xml$/.test(type)
      ? 'html'
      : /^application\/(.+\+)?json$/.test(type)
        ? 'json'
        : type === 'text/plain'
          ? 'text'
          : undefined;
    if (form && quality > bestQuality) [best, bestQuality] = [form, quality];
  }
  return best;
}

const statusOf = (page: Page): number => (page === 'being-deployed' ? 503 : page);

export function pageBody(page: Page, form: Form): string {
  const status = statusOf(page);
  const { title, text } = PAGES[page];
  if (form === 'json') return `${JSON.stringify({ status, title, detail: text })}\n`;
  if (form === 'text') return `${status} ${title}: ${text}\n`;
  return `${pageDocument(status, title, text)}\n`;
}

/** Answers with a page. Where an answer has begun it can only be cut, so that nobody takes it for whole. */
export function sendPage(request: IncomingMessage, response: ServerResponse, page: Page): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const form = formFor(request.headers.accept);
  const status = statusOf(page);
  const body = Buffer.from(pageBody(page, form));
  const headers = pageHeaders(form, body);
  if (status === 503) headers['retry-after'] = 2;
  // What is left of the request's body would be read as the next request.
  if (!request.complete) headers['connection'] = 'close';
  response.writeHead(status, PAGES[page].title, headers);
  response.end(request.method === 'HEAD' ? undefined : body);
}

export const pageHeaders = (form: Form, body: Buffer): Record<string, string | number> => ({
  'content-type': TYPES[form],
  'content-length': body.length,
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  vary: 'accept',
});
