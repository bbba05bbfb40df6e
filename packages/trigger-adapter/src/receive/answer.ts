/** What a receiver answers. Registries look at the status alone; the body is for whoever looks at a delivery's log there. */

export interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly hint: string;
  readonly headers?: { readonly [name: string]: string };
}

const json = (status: number, body: object, headers: { readonly [name: string]: string } = {}): Response =>
  new Response(`${JSON.stringify(body)}\n`, {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  });

/** 202: it is kept and will be looked into. */
export const accepted = (delivery: string): Response => json(202, { status: 'accepted', delivery });

/** 200: nothing is to be sent again. */
export const known = (delivery: string): Response => json(200, { status: 'duplicate', delivery });
export const passed = (reason: string): Response => json(200, { status: 'ignored', reason });

export const refused = ({ status, message, hint, headers }: Refusal): Response =>
  json(status, { status: 'refused', message, hint }, headers);

export const REFUSALS = {
  'no-source': {
    status: 404,
    message: 'There is no receiver at this path.',
    hint: 'Send to the path of one, which ends in its name (and, where it has no signature, in its secret).',
  },
  method: { status: 405, message: 'Only POST is taken here.', hint: 'Send it by POST.', headers: { allow: 'POST' } },
  type: {
    status: 415,
    message: 'Only JSON is taken here.',
    hint: 'Choose the content type application/json where the webhook is set up.',
  },
  encoding: { status: 415, message: 'Compressed bodies are not taken here.', hint: 'Send it as it is.' },
  'not-genuine': {
    status: 401,
    message: 'Its secret or signature is missing, wrong, or too old.',
    hint: 'Compare the secret that the webhook is set up with to the one of its source here, and the clocks of both.',
  },
  'not-json': { status: 400, message: 'The body is no JSON.', hint: 'Send the body as the registry has made it.' },
  'too-large': {
    status: 413,
    message: 'The body is larger than is taken here.',
    hint: 'Choose only the events of pushes, or raise `bodyLimit`.',
  },
  'too-slow': { status: 408, message: 'The body did not come in time.', hint: 'Send it again.' },
  'cut-off': { status: 400, message: 'The body ended before its end.', hint: 'Send it again.' },
  'read-before': {
    status: 500,
    message: 'Somebody has read the body before, so its signature cannot be checked.',
    hint: 'Mount the receiver before what parses bodies.',
  },
  busy: {
    status: 503,
    message: 'More deliveries wait here than are taken.',
    hint: 'Send it again later.',
    headers: { 'retry-after': '10' },
  },
  store: {
    status: 503,
    message: 'The delivery cannot be kept now.',
    hint: 'Send it again later; look at the store of the receiver.',
    headers: { 'retry-after': '10' },
  },
  closed: {
    status: 503,
    message: 'The receiver is closing.',
    hint: 'Send it again later.',
    headers: { 'retry-after': '10' },
  },
  bug: { status: 500, message: 'Something went wrong here.', hint: 'Look at the log of the receiver.' },
} as const satisfies { readonly [name: string]: Refusal };
