/**
 * Headers on their way through. Those that speak of one connection stop here (RFC 9110, section 7.6.1), and what is said of the
 * visitor is written anew, because an app believes it.
 */
import type { IncomingMessage } from 'node:http';
import { isSecure } from './address.js';
import { plainAddress, type Trust } from './trust.js';

/** Name and value in turn, as they came: `IncomingMessage.rawHeaders`. */
export type RawHeaders = readonly string[];

/** Asks a server which instance it serves; its value is the key of the server's record. */
export const KEY_HEADER = 'x-quayside-key';
/** Of a request with the key: the instance that shall answer. Of its answer: the one that did. */
export const INSTANCE_HEADER = 'x-quayside-instance';
/** Of a request with the key: it goes to that instance although visitors of the route are held. */
export const PASS_HEADER = 'x-quayside-pass';
/** Of that answer: which server gave it, and the mark of the route that it was sent by. */
export const ROUTE_HEADER = 'x-quayside-route';

/** `connection` itself, what RFC 9110 and 2616 name beside it, and `expect`, which the server has answered already. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'expect',
]);

/** Written by this proxy or by nobody: a visitor could claim another address in them. */
const ABOUT_VISITOR: ReadonlySet<string> = new Set([
  'host',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
  KEY_HEADER,
  INSTANCE_HEADER,
  PASS_HEADER,
]);

/** Not to be taken out by a `Connection: content-length`: the message's own bounds depend on them. */
const NEVER_NAMED: ReadonlySet<string> = new Set(['content-length', 'host', 'close']);

function named(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  const names = connection.split(',').map((name) => name.trim().toLowerCase());
  return new Set(names.filter((name) => !NEVER_NAMED.has(name)));
}

/** What an instance is told: the request's own headers, and who asks. */
export function requestHeaders(request: IncomingMessage, host: string, trust: Trust): string[] {
  const { rawHeaders, socket } = request;
  const dropped = named(request.headers.connection);
  const out: string[] = ['host', host];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    const key = name.toLowerCase();
    if (HOP_BY_HOP.has(key) || ABOUT_VISITOR.has(key) || dropped?.has(key)) continue;
    out.push(name, rawHeaders[index + 1] as string);
  }
  const remote = plainAddress(socket.remoteAddress);
  const scheme = isSecure(request) ? 'https' : 'http';
  const said = trust(remote) ? request.headers : undefined;
  const before = said?.['x-forwarded-for'];
  const realIp = said?.['x-real-ip'];
  out.push(
    'x-forwarded-for',
    before === undefined ? remote : `${before}, ${remote}`,
    'x-forwarded-proto',
    one(said?.['x-forwarded-proto']) ?? scheme,
    'x-forwarded-host',
    one(said?.['x-forwarded-host']) ?? host,
    'x-forwarded-port',
    one(said?.['x-forwarded-port']) ?? portOf(host, scheme),
    'x-real-ip',
    one(realIp) ?? remote,
  );
  const forwarded = said?.['forwarded'];
  if (forwarded !== undefined) out.push('forwarded', forwarded);
  return out;
}

const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

/** The port that the visitor asked at: that of the Host header, else what its scheme implies. */
const portOf = (host: string, scheme: 'http' | 'https'): string =>
  /:(\d{1,5})$/.exec(host)?.[1] ?? (scheme === 'https' ? '443' : '80');

/**
 * What the visitor gets of an answer's headers.
 * @param raw as the instance sent them; undici gives Buffers
 * @param isUpgrade keeps `Connection` and `Upgrade`
 */
export function responseHeaders(raw: readonly (Buffer | string)[], isUpgrade = false): string[] {
  const out: string[] = [];
  let connection: string | undefined;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = text(raw[index]);
    const key = name.toLowerCase();
    if (key === 'connection') connection = text(raw[index + 1]).toLowerCase();
    if (HOP_BY_HOP.has(key) && !(isUpgrade && key === 'upgrade')) continue;
    out.push(name, text(raw[index + 1]));
  }
  const dropped = named(connection);
  if (isUpgrade) return [...out, 'Connection', 'Upgrade'];
  return dropped ? without(out, dropped) : out;
}

const text = (value: Buffer | string | undefined): string =>
  typeof value === 'string' ? value : (value?.toString('latin1') ?? '');

function without(headers: readonly string[], names: ReadonlySet<string>): string[] {
  const out: string[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] as string;
    if (!names.has(name.toLowerCase())) out.push(name, headers[index + 1] as string);
  }
  return out;
}
