import { connect, type Socket } from 'node:net';
import type { ProbeAnswer, ProbeError, ProbeRequest, TimeLimit } from '@quayside/core/ports';
import { err, ok, type Result } from 'neverthrow';
import { describeRequest, failureOf, probeFailed } from './failure.js';

/**
 * How long a new connection is watched, in milliseconds. A published port is accepted by the engine's own forwarder, which
 * connects to the container only then and closes at once where nothing listens there: a bare connect would call every container
 * with such a port healthy.
 */
export const WATCH_MS = 25;

/** A connection that the other side does not close at once. Nothing is sent. */
export async function tcpAttempt(request: ProbeRequest, limit: TimeLimit): Promise<Result<ProbeAnswer, ProbeError>> {
  const socket = connect({ host: request.host.replace(/^\[(.*)\]$/, '$1'), port: request.port });
  const onAbort = () => socket.destroy();
  limit.signal.addEventListener('abort', onAbort, { once: true });
  try {
    await connected(socket);
    await stays(socket, Math.min(WATCH_MS, request.timeoutMs / 2));
    return ok({ status: null, body: '', location: null });
  } catch (thrown) {
    if (!limit.timedOut) return err(failureOf(request, thrown));
    const message = `${describeRequest(request)}: no connection within ${request.timeoutMs} ms.`;
    return err(probeFailed('timeout', { code: 'timeout', message }));
  } finally {
    limit.signal.removeEventListener('abort', onAbort);
    socket.destroy();
  }
}

const closedAtOnce = () => Object.assign(new Error('closed right after it was accepted'), { code: 'ECONNRESET' });

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.once('connect', resolve);
    socket.once('close', () => reject(closedAtOnce()));
  });
}

function stays(socket: Socket, watchMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (end: () => void) => {
      clearTimeout(timer);
      end();
    };
    const timer = setTimeout(resolve, watchMs);
    socket.on('error', (thrown) => settle(() => reject(thrown)));
    // Who speaks first (a database, a mail server) is there.
    socket.once('data', () => settle(resolve));
    socket.once('end', () => settle(() => reject(closedAtOnce())));
    socket.once('close', () => settle(() => reject(closedAtOnce())));
  });
}
