/** Server-sent events on the wire. Source: WHATWG HTML, "Server-sent events". */

const encoder = new TextEncoder();

export interface Frame {
  readonly event: string;
  /** What `Last-Event-ID` says at the next connection. */
  readonly id?: number;
  /** As JSON, which has no line breaks. */
  readonly data: unknown;
}

export const encode = ({ event, id, data }: Frame): Uint8Array =>
  encoder.encode(
    `${id === undefined ? '' : `id: ${id}\n`}event: ${oneLine(event)}\ndata: ${JSON.stringify(data) ?? 'null'}\n\n`,
  );

/** An event's type may be a plugin's word. */
const oneLine = (text: string): string => text.replace(/[\r\n\0]/g, ' ');

/** The first of every stream: how soon to come back, and from where, even if nothing was sent by then. */
export const ready = (after: number | null): Uint8Array =>
  encoder.encode(
    `retry: ${RETRY_MS}\n${after === null ? '' : `id: ${after}\n`}event: ready\ndata: ${JSON.stringify({ after })}\n\n`,
  );

const RETRY_MS = 2_000;

/** A comment; and the place, without an event, for a reader whose filter has let nothing through for long. */
export const heartbeat = (after: number | null): Uint8Array =>
  encoder.encode(after === null ? ':\n\n' : `:\nid: ${after}\n\n`);
