/** The engine's streams: lines of JSON (pulls, events), and the frames in which it sends two outputs over one connection. */
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Nothing came for so long that nothing will. */
export class Stalled extends Error {
  override readonly name = 'Stalled';
}

/**
 * The stream's chunks; whoever stops reading destroys it. What breaks off without the answer's proper end throws.
 *
 * @param stallMs how long no chunk may come; undefined: for ever
 */
export async function* chunks(stream: Readable, stallMs?: number): AsyncGenerator<Buffer> {
  let timer: NodeJS.Timeout | undefined;
  const rearm = (): void => {
    if (stallMs === undefined) return;
    clearTimeout(timer);
    timer = setTimeout(() => stream.destroy(new Stalled(`Nothing came for ${stallMs} ms.`)), stallMs);
  };
  rearm();
  try {
    for await (const chunk of stream) {
      // The time that the reader takes is not the engine's.
      clearTimeout(timer);
      yield chunk as Buffer;
      rearm();
    }
  } finally {
    clearTimeout(timer);
    stream.destroy();
  }
}

/** No line of the engine's is longer; what is, is not its. */
const LINE_MAX = 1_048_576;

/** One value per line. */
export async function* jsonLines<T>(stream: Readable, stallMs?: number): AsyncGenerator<T> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of chunks(stream, stallMs)) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LINE_MAX) throw new Error('The engine sent a line that does not end.');
    for (const line of lines) if (line.trim()) yield JSON.parse(line) as T;
  }
  if (rest.trim()) yield JSON.parse(rest) as T;
}

export interface Frame {
  /** `raw`: the container has a terminal, and its output comes without frames. */
  readonly stream: 'stdout' | 'stderr' | 'raw';
  readonly payload: Buffer;
}

const HEADER_BYTES = 8;

/**
 * Takes the multiplexed output apart: a type, three zero bytes, the payload's length (big endian), the payload.
 * Source: Docker Engine API, `POST /containers/{id}/attach`, "Stream format".
 */
export async function* frames(input: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let needBytes = HEADER_BYTES;
  let isRaw: boolean | undefined;
  for await (const chunk of input) {
    if (isRaw) {
      yield { stream: 'raw', payload: chunk };
      continue;
    }
    pending.push(chunk);
    pendingBytes += chunk.length;
    // Chunks of a long frame are put together once, when all of it is there.
    if (pendingBytes < needBytes && isRaw === false) continue;
    let buffer = Buffer.concat(pending);
    isRaw ??= !looksFramed(buffer);
    if (isRaw) {
      yield { stream: 'raw', payload: buffer };
      pending = [];
      continue;
    }
    needBytes = HEADER_BYTES;
    while (buffer.length >= HEADER_BYTES) {
      needBytes = HEADER_BYTES + buffer.readUInt32BE(4);
      if (buffer.length < needBytes) break;
      yield { stream: buffer[0] === 2 ? 'stderr' : 'stdout', payload: buffer.subarray(HEADER_BYTES, needBytes) };
      buffer = buffer.subarray(needBytes);
      needBytes = HEADER_BYTES;
    }
    pending = [buffer];
    pendingBytes = buffer.length;
  }
}

const looksFramed = (start: Buffer): boolean =>
  (start[0] ?? 0) <= 2 && [1, 2, 3].every((at) => start.length <= at || start[at] === 0);
