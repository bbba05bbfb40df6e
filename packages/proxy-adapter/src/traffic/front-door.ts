/** The listeners, and what happens to a request that comes in at one of them. */
import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { routeLimits, type Settings } from '../options.js';
import { type RouteTable, routeTable } from '../routes/table.js';
import type { Certificates } from '../tls/certificates.js';
import { type Destination, destinationOf } from './address.js';
import type { Context } from './context.js';
import { forward } from './exchange.js';
import { INSTANCE_HEADER, KEY_HEADER, PASS_HEADER } from './headers.js';
import { sendHolding } from './holding.js';
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
  /** Whether the first deployment of a domain is under way. */
  readonly isPending: (domain: string) => Promise<boolean>;
}

/** How visitors come in at one address: plain HTTP, where nothing is said. */
export interface Entrance {
  readonly certificates?: Certificates | undefined;
  /** The port at which visitors of this one find TLS: they are sent there. */
  readonly redirectTo?: number | undefined;
  /** Among workers of `node:cluster`: the port is not shared with them. */
  readonly exclusive?: boolean;
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
  listen(host: string, port: number, entrance?: Entrance): Promise<Listener>;
  readonly report: (domain: string, message: string) => void;
  /** From now on every answer ends its connection. */
  beginClosing(): void;
}

export function frontDoor({ library, settings, server, key, ready, isPending }: FrontDoorOptions): FrontDoor {
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
    isPending,
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

  const onRequest = (entrance: Entrance, request: IncomingMessage, response: ServerResponse) => {
    const destination = destinationOf(request);
    if (!destination || hasForeignCoding(request)) return sendPage(request, response, 400);
    const isReady = ready();
    if (isReady === true) return serve(entrance, request, response, destination);
    return void isReady.then((isNowReady) => {
      if (response.destroyed) return;
      if (isNowReady) serve(entrance, request, response, destination);
      else sendPage(request, response, 503);
    });
  };

  const serve = (
    { redirectTo }: Entrance,
    request: IncomingMessage,
    response: ServerResponse,
    destination: Destination,
  ) => {
    const route = table.get(destination.domain);
    let pin: string | undefined;
    let holding = route?.holding;
    if (knowsKey(request.headers[KEY_HEADER])) {
      const countsOf = (instance: string) => table.tallyOf(instance)?.counts();
      if (inspect(response, destination.path, { server, route, inFlightOf: counts.of, countsOf })) return;
      const asked = request.headers[INSTANCE_HEADER];
      pin = typeof asked === 'string' ? asked : undefined;
      if (pin !== undefined && request.headers[PASS_HEADER] !== undefined) holding = undefined;
    } else if (route && redirectTo !== undefined) return redirect(request, response, destination, redirectTo);
    if (holding) sendHolding(request, response, holding);
    else if (route) forward(context, request, response, { destination, route, pin });
    else void isPending(destination.domain).then((is) => sendMissing(request, response, is));
    return undefined;
  };

  const onUpgrade = (
    entrance: Entrance,
    upgraded: Set<Duplex>,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ) => {
    socket.on('error', () => undefined);
    kept(upgraded, socket);
    if (!wantsWebSocket(request)) return refuseUpgrade(entrance, request, socket);
    const destination = destinationOf(request);
    if (!destination) return sendPage(request, answerOn(request, socket), 400);
    const pass = () => {
      const route = table.get(destination.domain);
      const { redirectTo } = entrance;
      if (route && redirectTo !== undefined) redirect(request, answerOn(request, socket), destination, redirectTo);
      else if (route?.holding) sendHolding(request, answerOn(request, socket), route.holding);
      else if (route) upgrade(context, request, socket, head, { destination, route, pin: undefined });
      else void isPending(destination.domain).then((is) => sendMissing(request, answerOn(request, socket), is));
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
  const refuseUpgrade = (entrance: Entrance, request: IncomingMessage, socket: Duplex) => {
    const { headers } = request;
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
    const response = answerOn(request, socket);
    // Node has stopped parsing here: a body cannot be told from what follows it.
    if (hasBody) return sendPage(request, response, 400);
    return onRequest(entrance, request, response);
  };

  return {
    table,
    inFlight: counts,
    report: (domain, message) => context.report({ domain, instance: null, status: null, message }),
    beginClosing() {
      isClosing = true;
    },
    async listen(host, port, entrance = {}) {
      const upgraded = new Set<Duplex>();
      const handshaking = new Set<Duplex>();
      const limits = {
        maxHeaderSize: settings.headerLimit,
        headersTimeout: settings.headerTimeout,
        // Of a whole request, body included: a slow upload is bounded by its pauses instead.
        requestTimeout: 0,
        connectionsCheckingInterval: HEADER_CHECK_MS,
        keepAliveTimeout: settings.keepAliveTimeout,
      };
      const { certificates } = entrance;
      const http = certificates
        ? createSecureServer({
            ...limits,
            handshakeTimeout: settings.headerTimeout,
            ALPNProtocols: ['http/1.1'],
            // Without one, the handshake ends with an alert that says so.
            SNICallback: (domain, answer) =>
              certificates.contextFor(domain.toLowerCase()).then(
                (context) => answer(null, context),
                (thrown) => answer(thrown),
              ),
          })
        : createServer(limits);
      // Until its handshake is over node does not count a connection among those that it closes.
      if (certificates) http.on('connection', (socket) => kept(handshaking, socket));
      // Beyond a count of 2 000 node drops headers in silence; their size is bounded already.
      http.maxHeadersCount = 0;
      http.on('request', (request, response) => onRequest(entrance, request, response));
      http.on('upgrade', (request, socket, head) => onUpgrade(entrance, upgraded, request, socket, head));
      http.on('connect', (_request, socket) =>
        socket.end('HTTP/1.1 405 Method Not Allowed\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'),
      );
      await bind(http, { host, port, exclusive: entrance.exclusive ?? false });
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
          for (const socket of [...upgraded, ...handshaking]) socket.destroy();
        },
      };
    },
  };
}

const kept = (sockets: Set<Duplex>, socket: Duplex): void => {
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
};

function sendMissing(request: IncomingMessage, response: ServerResponse, isPending: boolean): void {
  if (!response.destroyed) sendPage(request, response, isPending ? 'being-deployed' : 404);
}

/** To the same page over TLS: the method and the body go along (308). */
function redirect(
  request: IncomingMessage,
  response: ServerResponse,
  { domain, path }: Destination,
  port: number,
): void {
  const location = `https://${domain}${port === 443 ? '' : `:${port}`}${path}`;
  // What is left of the request's body would be read as the next request.
  const connection = request.complete ? {} : { connection: 'close' };
  response.writeHead(308, { location, 'content-length': 0, ...connection });
  response.end();
}

/** A body that is more than chunked would reach the app without the word for what it is: its coding ends at every hop. */
const hasForeignCoding = ({ headers }: IncomingMessage): boolean => {
  const coding = headers['transfer-encoding'];
  return coding !== undefined && coding.trim().toLowerCase() !== 'chunked';
};

const bind = (server: Server, at: { host: string; port: number; exclusive: boolean }): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at, () => {
      server.off('error', reject);
      // A failed accept (out of file handles) is reported here; the listener goes on by itself.
      server.on('error', () => undefined);
      resolve();
    });
  });
