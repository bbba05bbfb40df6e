/** A reader of server-sent events, frame by frame. Source: WHATWG HTML, "Interpreting an event stream". */

export interface Frame {
  /** Null: a comment, or a place alone. */
  readonly event: string | null;
  readonly id: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of it, it says
  readonly data: any;
}

export interface Frames {
  /** The next frame; null: the stream has ended. */
  next(): Promise<Frame | null>;
  /** The next that is an event, heartbeats passed by. */
  event(): Promise<Frame | null>;
  /** Everything up to the end. */
  rest(): Promise<Frame[]>;
  /** What `Last-Event-ID` would say now. */
  readonly lastId: string;
  cancel(): Promise<void>;
}

export function framesOf(response: Response): Frames {
  if (response.headers.get('content-type') !== 'text/event-stream') {
    throw new Error(`This is no stream: ${response.status} ${response.headers.get('content-type')}`);
  }
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = '';
  let lastId = '';
  const next = async (): Promise<Frame | null> => {
    for (;;) {
      const end = text.indexOf('\n\n');
      if (end >= 0) {
        const frame = parse(text.slice(0, end));
        text = text.slice(end + 2);
        lastId = frame.id ?? lastId;
        return frame;
      }
      const { done, value } = await reader.read();
      if (done) return null;
      text += decoder.decode(value, { stream: true });
    }
  };
  const frames: Frames = {
    next,
    async event() {
      for (;;) {
        const frame = await next();
        if (frame === null || frame.event !== null) return frame;
      }
    },
    async rest() {
      const all: Frame[] = [];
      for (let frame = await next(); frame !== null; frame = await next()) all.push(frame);
      return all;
    },
    get lastId() {
      return lastId;
    },
    cancel: () => reader.cancel(),
  };
  return frames;
}

function parse(block: string): Frame {
  let event: string | null = null;
  let id: string | null = null;
  let data: string | null = null;
  for (const line of block.split('\n')) {
    const [name, ...rest] = line.split(': ');
    const value = rest.join(': ');
    if (name === 'event') event = value;
    else if (name === 'id') id = value;
    else if (name === 'data') data = value;
  }
  return { event: data === null ? null : (event ?? 'message'), id, data: data === null ? null : JSON.parse(data) };
}
