/**
 * The connections to one address of an instance. Each carries one request at a time; the one used last is used first, so that the
 * others can time out.
 *
 * An app may close an idle connection in the very moment in which a request is sent on it. A request that may safely be sent again
 * is (`exchange.ts`); any other takes only a connection that was in use a moment ago, or a new one.
 */
import type { Client, Dispatcher } from 'undici';

/** The client library, loaded only where something is served. */
export type ClientLibrary = Pick<typeof import('undici'), 'Client' | 'buildConnector'>;

/** Apps keep idle connections for 2 s (gunicorn) to 75 s (nginx); those that say so in `Keep-Alive` are believed, minus a second. */
const IDLE_MS = 1_500;
const IDLE_MAX_MS = 60_000;
/** How long a connection may have been idle to be trusted with a request that cannot be sent again. */
const UNSAFE_IDLE_MS = 500;
/** Of an instance that is left, so many idle connections are closed at once, so often: closing hundreds would keep everybody's requests waiting. */
const CLOSED_AT_ONCE = 4;
const CLOSE_EVERY_MS = 10;

export interface UpstreamLimits {
  readonly connectTimeoutMs: number;
  readonly headerLimitBytes: number;
}

/** One connection while it carries a request. */
export interface Carriage {
  /** Whether it has carried another request before: then its death may have nothing to do with this one. */
  readonly isReused: boolean;
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void;
  /** Gives it back, once, when the request has ended in any way. */
  release(): void;
}

export interface Upstream {
  readonly host: string;
  readonly port: number;
  /** @param canRepeat whether the request may be sent again should the connection turn out to be dead */
  take(canRepeat: boolean): Carriage;
  /** No new requests come; what runs is finished. */
  retire(): void;
  /** Cuts what still runs. */
  destroy(): void;
}

interface Held {
  readonly client: Client;
  isConnected: boolean;
  isCarrying: boolean;
  /** Requests that its present connection has carried before. */
  carried: number;
  idleSinceMs: number;
}

export function upstream(library: ClientLibrary, host: string, port: number, limits: UpstreamLimits): Upstream {
  const origin = `http://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
  const connect = library.buildConnector({ timeout: limits.connectTimeoutMs, keepAlive: true });
  const all = new Set<Held>();
  const idle: Held[] = [];
  let isRetired = false;

  const drop = (held: Held) => {
    if (!all.delete(held)) return;
    const at = idle.lastIndexOf(held);
    if (at >= 0) idle.splice(at, 1);
    held.client.destroy().catch(() => undefined);
  };

  const closeIdle = () => {
    for (const held of idle.slice(-CLOSED_AT_ONCE)) drop(held);
    if (idle.length > 0) setTimeout(closeIdle, CLOSE_EVERY_MS).unref();
  };

  const open = (): Held => {
    const client = new library.Client(origin, {
      connect,
      pipelining: 1,
      keepAliveTimeout: IDLE_MS,
      keepAliveMaxTimeout: IDLE_MAX_MS,
      maxHeaderSize: limits.headerLimitBytes,
    });
    const held: Held = { client, isConnected: false, isCarrying: false, carried: 0, idleSinceMs: 0 };
    all.add(held);
    client.on('connect', () => {
      held.isConnected = true;
      held.carried = 0;
    });
    client.on('disconnect', () => {
      held.isConnected = false;
      // One that waits for a request which was not written yet connects again by itself, and nothing was lost.
      if (!held.isCarrying) drop(held);
    });
    return held;
  };

  return {
    host,
    port,
    take(canRepeat) {
      const last = idle.at(-1);
      const isFit = last !== undefined && (canRepeat || performance.now() - last.idleSinceMs < UNSAFE_IDLE_MS);
      if (isFit) idle.pop();
      const held = isFit ? last : open();
      held.isCarrying = true;
      let isReleased = false;
      return {
        get isReused() {
          return held.carried > 0;
        },
        dispatch: (options, handler) => {
          held.client.dispatch(options, handler);
        },
        release() {
          if (isReleased) return;
          isReleased = true;
          held.isCarrying = false;
          held.carried += 1;
          if (isRetired || !held.isConnected) return drop(held);
          held.idleSinceMs = performance.now();
          idle.push(held);
        },
      };
    },
    retire() {
      if (isRetired) return;
      isRetired = true;
      closeIdle();
    },
    destroy() {
      isRetired = true;
      for (const held of [...all]) drop(held);
    },
  };
}
