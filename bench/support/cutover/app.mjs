/**
 * The app behind the proxies of the cutover bench. It runs inside a container, from this file alone.
 *
 * `/` answers 1 kB that begins with its version and its host's name; `/download` ten seconds of bytes; an upgrade a WebSocket that sends back
 * what it is sent. It ends at SIGTERM at once: whatever is cut off by that was not drained. With `APP_FINISHES` it
 * takes no connection more, and ends once it has answered what it had accepted. With `APP_CLOSES` the
 * end of its answer is the end of the connection, so that the waiting for stray packets is on its side: a proxy that knows the length is the first to close.
 * With `APP_WARMS` it asks itself that often before it listens, every other time on a connection that it has, as a service does that is not to meet its
 * visitors with code that was never run.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { hostname } from 'node:os';

const AT_ONCE = 10;
const PARTS = 100;
const PART = 'd'.repeat(10_000);
const name = `${process.env.APP_VERSION} ${hostname()} `;
const page = name.padEnd(1_024, '.');

const server = createServer((request, response) => {
  if (request.url !== '/download') {
    // Neither a length nor chunks, which have an end that the other side may see before that of the connection (RFC 9112, section 6.3).
    if (process.env.APP_CLOSES) response.removeHeader('transfer-encoding');
    const length = process.env.APP_CLOSES ? { connection: 'close' } : { 'content-length': page.length };
    response.writeHead(200, { 'content-type': 'text/plain', ...length });
    response.end(page);
    return;
  }
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': PARTS * PART.length });
  let sent = 0;
  const timer = setInterval(() => {
    sent += 1;
    if (sent < PARTS) response.write(PART);
    else {
      clearInterval(timer);
      response.end(PART);
    }
  }, 100);
  response.on('close', () => clearInterval(timer));
});

// RFC 6455, for the short unfragmented texts that the bench sends.
server.on('upgrade', (request, socket) => {
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  let waiting = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('end', () => socket.end());
  socket.on('data', (chunk) => {
    waiting = Buffer.concat([waiting, chunk]);
    for (;;) {
      const length = (waiting[1] ?? 0) & 127;
      if (waiting.length < 6 + length) return;
      const mask = waiting.subarray(2, 6);
      const text = waiting.subarray(6, 6 + length).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
      socket.write(Buffer.concat([Buffer.from([waiting[0] ?? 0x81, length]), text]));
      const isEnd = ((waiting[0] ?? 0) & 15) === 8;
      waiting = waiting.subarray(6 + length);
      if (isEnd) return void socket.end();
    }
  });
});
server.keepAliveTimeout = 65_000;
if (process.env.APP_WARMS) await warmUp(Number(process.env.APP_WARMS));
server.listen(Number(process.env.APP_PORT ?? 3000));
process.once('SIGTERM', () => {
  if (!process.env.APP_FINISHES) process.exit(0);
  server.close(() => process.exit(0));
  // A kept connection is idle again after its last answer.
  setInterval(() => server.closeIdleConnections(), 20);
});

/** By plain sockets: a client of Node's own would take as long again, and leave as much for the collector as the server does. */
async function warmUp(count) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  // As visitors come: many at once, every other one on a connection that it has.
  const isKept = (index) => !process.env.APP_CLOSES && index % 2 === 0;
  await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => visit(port, isKept(index), count / AT_ONCE)));
  server.close();
}

async function visit(port, isKept, count) {
  let kept;
  for (let asked = 0; asked < count; asked += 1) {
    if (!isKept) {
      await once(ask(connect(port, '127.0.0.1'), 'Connection: close\r\n').resume(), 'close');
      continue;
    }
    kept ??= connect(port, '127.0.0.1');
    ask(kept, '');
    let answer = '';
    while (!answer.endsWith(page)) answer += (await once(kept, 'data'))[0].toString('latin1');
  }
  kept?.destroy();
}

function ask(socket, header) {
  socket.write(`GET / HTTP/1.1\r\nHost: app\r\n${header}\r\n`);
  return socket;
}
