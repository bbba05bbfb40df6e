/**
 * The visitors, in a process of their own: so many requests a second whatever becomes of the earlier ones, every other one on a connection of
 * its own; beside them downloads and WebSockets of ten seconds. What each of them saw is written to a file at the end.
 *
 *   node visitors.mjs FILE '{"port":…,"domain":…,"perSecond":…,"streams":…}'      (until its input ends)
 */
import { writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';

export interface Order {
  readonly port: number;
  readonly domain: string;
  readonly perSecond: number;
  /** Downloads, and as many WebSockets; one of each every so often. */
  readonly streams: { readonly count: number; readonly everyMs: number };
}

export interface Seen {
  /** Of each request: when it began (milliseconds since the epoch), how long it took, and what was answered: an index into `answers`. */
  readonly startedMs: number[];
  readonly tookMs: number[];
  readonly answer: number[];
  /** `v1 host`, or what went wrong. */
  readonly answers: string[];
  /** Requests that were sent again, since a kept connection had died before a byte of the answer (RFC 9110, section 9.2.2). */
  resent: number;
  /** How each stream ended. */
  readonly downloads: string[];
  readonly sockets: string[];
}

const TICK_MS = 10;
const TEN_SECONDS_MS = 10_000;
const ECHO_MS = 250;
const LIMIT_MS = 10_000;
const DOWNLOAD_BYTES = 1_000_000;

const [file = '', text = '{}'] = process.argv.slice(2);
const order = JSON.parse(text) as Order;
const { port, domain, perSecond, streams } = order;
const seen: Seen = { startedMs: [], tookMs: [], answer: [], answers: [], resent: 0, downloads: [], sockets: [] };
const kept = new Agent({ keepAlive: true, maxSockets: 64, scheduling: 'lifo' });
/** Connections that were given to a request. Node's own `reusedSocket` leaves out those that a waiting request took over from the one before. */
const taken = new WeakSet<Socket>();
const known = new Map<string, number>();
const underWay = new Set<Promise<void>>();
const now = () => performance.timeOrigin + performance.now();

let isOver = false;
let asked = 0;
const beganMs = performance.now();
const timer = setInterval(() => {
  const due = Math.floor(((performance.now() - beganMs) / 1_000) * perSecond);
  while (!isOver && asked < due) {
    const agent = asked % 2 === 0 ? kept : false;
    asked += 1;
    track(visit(agent));
  }
}, TICK_MS);
let begun = 0;
const opening = setInterval(() => {
  if (begun === streams.count) return clearInterval(opening);
  begun += 1;
  track(download());
  track(echo());
}, streams.everyMs);
process.stdout.write('visiting\n');
process.stdin.resume();
process.stdin.once('end', async () => {
  isOver = true;
  clearInterval(timer);
  clearInterval(opening);
  while (underWay.size > 0) await Promise.all(underWay);
  kept.destroy();
  await writeFile(file, JSON.stringify(seen));
});

function track(work: Promise<void>): void {
  underWay.add(work);
  void work.finally(() => underWay.delete(work));
}

async function visit(agent: Agent | false): Promise<void> {
  const startedMs = now();
  const answer = await get('/', agent);
  let at = known.get(answer);
  if (at === undefined) {
    at = seen.answers.push(answer) - 1;
    known.set(answer, at);
  }
  seen.startedMs.push(startedMs);
  seen.tookMs.push(now() - startedMs);
  seen.answer.push(at);
}

/** The first two words of a 200, or what else there was. */
function get(path: string, agent: Agent | false): Promise<string> {
  return new Promise((resolve) => {
    const outgoing = request(
      { host: '127.0.0.1', port, path, agent, headers: { host: domain }, timeout: LIMIT_MS },
      (response) => {
        let body = '';
        response.setEncoding('latin1');
        response.on('data', (chunk: string) => {
          body += chunk;
        });
        response.once('error', (error) => resolve(`broken off: ${error.message}`));
        response.once('end', () => {
          const words = body.split(' ', 2).join(' ');
          resolve(response.statusCode === 200 ? words : `${response.statusCode} ${words.slice(0, 40)}`);
        });
      },
    );
    let isKept = false;
    outgoing.once('socket', (socket) => {
      isKept = taken.has(socket);
      taken.add(socket);
    });
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer within 10 s')));
    outgoing.once('error', (error: NodeJS.ErrnoException) => {
      if (!isKept || (error.code !== 'ECONNRESET' && error.code !== 'EPIPE'))
        return resolve(`error: ${error.code ?? error.message}`);
      seen.resent += 1;
      resolve(get(path, agent));
    });
    outgoing.end();
  });
}

function download(): Promise<void> {
  return new Promise((resolve) => {
    const end = (how: string) => {
      seen.downloads.push(how);
      resolve();
    };
    let bytes = 0;
    const outgoing = request(
      { host: '127.0.0.1', port, path: '/download', agent: false, headers: { host: domain } },
      (response) => {
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
        });
        response.once('error', (error) => end(`cut after ${bytes} bytes: ${error.message}`));
        response.once('end', () => end(bytes === DOWNLOAD_BYTES ? 'finished' : `ended after ${bytes} bytes`));
      },
    );
    outgoing.once('error', (error) => end(`error: ${error.message}`));
    outgoing.end();
  });
}

/** A WebSocket that says something four times a second, for ten seconds, and wants each of it back before it takes its leave. */
function echo(): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let answered = Buffer.alloc(0);
    let sent = Buffer.alloc(0);
    let header = '';
    let isOpen = false;
    let hasLeft = false;
    let speaking: NodeJS.Timeout | undefined;
    const leaving = setTimeout(() => {
      clearInterval(speaking);
      hasLeft = true;
      socket.end();
    }, TEN_SECONDS_MS);
    const say = (word: string) => {
      const payload = Buffer.from(word);
      // Masked with zeros, so that what comes back is what was sent, without the mask.
      socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]));
      sent = Buffer.concat([sent, Buffer.from([0x81, payload.length]), payload]);
    };
    socket.write(
      `GET /socket HTTP/1.1\r\nHost: ${domain}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\n\r\n`,
    );
    socket.on('data', (chunk) => {
      if (isOpen) {
        answered = Buffer.concat([answered, chunk]);
        return;
      }
      header += chunk.toString('latin1');
      if (!header.includes('\r\n\r\n')) return;
      isOpen = header.startsWith('HTTP/1.1 101');
      let words = 0;
      if (isOpen) speaking = setInterval(() => say(`word ${++words}`), ECHO_MS);
      else socket.destroy();
    });
    socket.once('error', () => {});
    socket.once('close', () => {
      clearTimeout(leaving);
      clearInterval(speaking);
      const isWhole = hasLeft && sent.length > 0 && answered.equals(sent);
      const why = isOpen ? `cut after ${answered.length} of ${sent.length} bytes` : header.split('\r\n')[0];
      seen.sockets.push(isWhole ? 'finished' : `not finished: ${why}`);
      resolve();
    });
  });
}
