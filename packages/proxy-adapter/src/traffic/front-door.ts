/** The listeners, and what happens to a request that comes in at one of them. */
import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { routeLimits, type Settings } from '../options.js';
import { type RouteTable, routeTable } from '../routes/table.js';
import { type Destination, destinationOf } from './address.js';
import type { Context } from './context.js';
import { forward } from './exchange.js';
import { INSTANCE_HEADER, KEY_HEADER } from './headers.js';
import { type InFlight, inFlight } from './in-flight.js';
import { inspect } from './inspection.js';
import { sendPage } from './page.js';
import { trusting } from './trust.js';
import { answerOn, upgrade, wantsWebSocket } from './upgrade.js';
import { type ClientLibrary, upstream } from './upstream.js';

/** How often node looks for headers that are over their time. */
const HEADER_CHECK_MS = 1_000;
/** How soon a connection that has become idle is closed while its listener ends. */
const IDLE_SWEEP_MS = 50;

export interface FrontDoorOptions {
  readonly library: ClientLibrary;
  readonly settings: Settings;
  readonly server: string;
  readonly key: string;
  /** Whether the routes may be used: `true` at once, or after they were read again, or not now. */
  readonly ready: () => true | Promise<boolean>;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Accepts nothing new and closes idle connections; resolves when the others have ended. */
  close(): Promise<void>;
  /** Cuts every connection that is left. */
  destroy(): void;
}

export interface FrontDoor {
  readonly table: RouteTable;
  readonly inFlight: InFlight;
  /** Rejects as node does: `EADDRINUSE`, `EACCES` … */
  listen(host: string, port: number): Promise<Listener>;
  /** From now on every answer ends its connection. */
  beginClosing(): void;
}

export function frontDoor({ library, settings, server, key, ready }: FrontDoorOptions): FrontDoor {
  const table = routeTable({
    openUpstream: (host, port) =>
      upstream(library, host, port, {
        connectTimeoutMs: settings.connectTimeout,
        headerLimitBytes: settings.headerLimit,
      }),
    limitsOf: (options) => routeLimits(options, settings),
  });
  const counts = inFlight();
  let isClosing = false;
  const context: Context = {
    server,
    trust: trusting(settings.trust),
    inFlight: counts,
    connectTimeoutMs: settings.connectTimeout,
    headerLimitBytes: settings.headerLimit,
    isClosing: () => isClosing,
    routeOf: (domain) => table.get(domain),
    report(problem) {
      try {
        settings.onProblem?.(problem);
      } catch {
        // A host's listener that throws is no reason to fail a visitor.
      }
    },
  };

  const expected = Buffer.from(key);
  const knowsKey = (given: string | string[] | undefined): boolean => {
    if (typeof given !== 'string') return false;
    const bytes = Buffer.from(given);
    return bytes.length === expected.length && timingSafeEqual(bytes, expected);
  };

  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const destination = destinationOf(request);
    if (!destination || hasForeignCoding(request)) return sendPage(request, response, 400);
    const isReady = ready();
    if (isReady === true) return serve(request, response, destination);
    return void isReady.then((isNowReady) => {
      if (response.destroyed) return;
      if (isNowReady) serve(request, response, destination);
      else sendPage(request, response, 503);
    });
  };

  const serve = (request: IncomingMessage, response: ServerResponse, destination: Destination) => {
    const route = table.get(destination.domain);
    let pin: string | undefined;
    if (knowsKey(request.headers[KEY_HEADER])) {
      if (inspect(response, destination.path, { server, route, inFlightOf: counts.of })) return;
      const asked = request.headers[INSTANCE_HEADER];
      pin = typeof asked === 'string' ? asked : undefined;
    }
    if (route) forward(context, request, response, { destination, route, pin });
    else sendPage(request, response, 404);
  };

  const onUpgrade = (upgraded: Set<Duplex>, request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => undefined);
    upgraded.add(socket);
    socket.once('close', () => upgraded.delete(socket));
    if (!wantsWebSocket(request)) return refuseUpgrade(request, socket);
    const destination = destinationOf(request);
    if (!destination) return sendPage(request, answerOn(request, socket), 400);
    const pass = () => {
      const route = table.get(destination.domain);
      if (route) upgrade(context, request, socket, head, { destination, route, pin: undefined });
      else sendPage(request, answerOn(request, socket), 404);
    };
    const isReady = ready();
    if (isReady === true) return pass();
    return void isReady.then((isNowReady) => {
      if (socket.destroyed) return;
      if (isNowReady) pass();
      else sendPage(request, answerOn(request, socket), 503);
    });
  };

  /** Nobody has to upgrade: what is asked for is answered over HTTP/1.1, on a connection that ends with it. */
  const refuseUpgrade = (request: IncomingMessage, socket: Duplex) => {
    const { headers } = request;
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
    const response = answerOn(request, socket);
    // Node has stopped parsing here: a body cannot be told from what follows it.
    if (hasBody) return sendPage(request, response, 400);
    return onRequest(request, response);
  };

  return {
    table,
    inFlight: counts,
    beginClosing() {
      isClosing = true;
    },
    async listen(host, port) {
      const upgraded = new Set<Duplex>();
      const http = createServer({
        maxHeaderSize: settings.headerLimit,
        headersTimeout: settings.headerTimeout,
        // Of a whole request, body included: a slow upload is bounded by its pauses instead.
        requestTimeout: 0,
        connectionsCheckingInterval: HEADER_CHECK_MS,
        keepAliveTimeout: settings.keepAliveTimeout,
      });
      // Beyond a count of 2 000 node drops headers in silence; their size is bounded already.
      http.maxHeadersCount = 0;
      http.on('request', onRequest);
      http.on('upgrade', (request, socket, head) => onUpgrade(upgraded, request, socket, head));
      http.on('connect', (_request, socket) =>
        socket.end('HTTP/1.1 405 Method Not Allowed\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'),
      );
      await bind(http, host, port);
      const address = http.address() as AddressInfo;
      return {
        host: address.address,
        port: address.port,
        close: () =>
          new Promise((resolve) => {
            // Node closes those that are idle now; the others become so one by one.
            const sweep = setInterval(() => http.closeIdleConnections(), IDLE_SWEEP_MS);
            http.close(() => {
              clearInterval(sweep);
              resolve();
            });
          }),
        destroy() {
          http.closeAllConnections();
          for (const socket of upgraded) socket.destroy();
        },
      };
    },
  };
}

/** A body that is more than chunked would reach the app without the word for what it is: its coding ends at every hop. */
const hasForeignCoding = ({ headers }: IncomingMessage): boolean => {
  const coding = headers['transfer-encoding'];
  return coding !== undefined && coding.trim().toLowerCase() !== 'chunked';
};

const bind = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      // A failed accept (out of file handles) is reported here; the listener goes on by itself.
      server.on('error', () => undefined);
      resolve();
    });
  });
