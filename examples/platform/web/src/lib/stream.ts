/**
 * A stream of the host's events that outlives what happens to it.
 *
 * The browser's EventSource connects again after a cut connection and says where it was (`Last-Event-ID`). It gives up at an answer
 * that is no stream, as a proxy gives while the host restarts; then this connects again, with a growing pause, behind the last entry
 * that came. A page that nobody looks at keeps no stream: over HTTP/1.1 a browser has six connections to a host, for all its tabs.
 */

export type StreamState = 'connecting' | 'open' | 'waiting' | 'ended';

export interface StreamOptions {
  /** The names of the events that are wanted. */
  readonly names: readonly string[];
  /** @param id where it goes on after this one */
  onEvent(name: string, data: unknown, id: string): void;
  onState?(state: StreamState): void;
  /** Entries that were missed are no longer kept: what was made of them is to be loaded anew. */
  onGap?(): void;
  /** The event behind which nothing comes. */
  readonly endsWith?: string;
  /** Behind which entry it begins; default as the host does. */
  readonly after?: string;
}

const PAUSE_MS = { first: 500, most: 10_000 };

/** @returns ends it */
export function follow(path: string, options: StreamOptions): () => void {
  const { names, onEvent, onState = () => {}, onGap = () => {}, endsWith } = options;
  let last = options.after ?? '';
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pauseMs = PAUSE_MS.first;
  let isEnded = false;

  const close = () => {
    clearTimeout(timer);
    timer = undefined;
    source?.close();
    source = undefined;
  };
  const end = (state: StreamState = 'ended') => {
    isEnded = true;
    close();
    document.removeEventListener('visibilitychange', onVisibility);
    onState(state);
  };
  const open = () => {
    close();
    const url = new URL(path, location.origin);
    if (last !== '') url.searchParams.set('after', last);
    onState('connecting');
    const opened = new EventSource(url);
    source = opened;
    opened.addEventListener('open', () => {
      pauseMs = PAUSE_MS.first;
      onState('open');
    });
    opened.addEventListener('error', () => {
      if (source !== opened) return;
      onState('waiting');
      if (opened.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(open, pauseMs);
      pauseMs = Math.min(pauseMs * 2, PAUSE_MS.most);
    });
    // Where it stands before anything has come, so that nothing is missed if it breaks off first.
    opened.addEventListener('ready', ({ lastEventId }) => {
      if (lastEventId !== '') last = lastEventId;
    });
    opened.addEventListener('gap', onGap);
    for (const name of new Set(endsWith === undefined ? names : [...names, endsWith]))
      opened.addEventListener(name, (event) => {
        if (event.lastEventId !== '') last = event.lastEventId;
        if (names.includes(name)) onEvent(name, parsed(event.data), event.lastEventId);
        if (name === endsWith) end();
      });
  };
  const onVisibility = () => {
    if (document.hidden) close();
    else if (!source && !isEnded) open();
  };

  document.addEventListener('visibilitychange', onVisibility);
  if (!document.hidden) open();
  return () => {
    if (!isEnded) end();
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
