/** What one reader is sent, as far as it is there. */

/** Bytes to send now; or what to wait for; or that there is nothing more to come. */
export type Chunk = { readonly bytes: Uint8Array } | { readonly later: Promise<unknown> } | 'end';

export interface Feed {
  take(): Chunk;
  /** The place to resume behind; null: this stream has none. */
  readonly after: number | null;
  /** The newest that is known of. */
  readonly newest: number | null;
  /** What was allowed may be allowed no more. */
  forget(): void;
  close(): void;
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (only && parts.length === 1) return only;
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}
