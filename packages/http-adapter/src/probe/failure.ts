import type { ProbeError, ProbeReason, ProbeRequest } from '@quayside/core/ports';
import { SOCKET_WORDS, socketFailure } from '../http/socket-error.js';

/** What was asked, for people. Neither headers nor the query, which may hold a token. */
export function describeRequest({ kind, method, host, port, path }: ProbeRequest): string {
  const at = `${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
  return kind === 'tcp' ? `Connecting to ${at}` : `${method} http://${at}${path.split('?', 1)[0]}`;
}

export const probeFailed = (
  reason: ProbeReason,
  details: { readonly message: string; readonly code: string; readonly hint?: string; readonly retryable?: boolean },
): ProbeError => ({
  kind: 'probe-failed',
  reason,
  code: details.code,
  message: details.message,
  hint: details.hint ?? HINTS[reason],
  retryable: details.retryable ?? true,
});

const HINTS: { readonly [R in ProbeReason]: string } = {
  refused: 'Check that the app listens on that port, and on 0.0.0.0, not on 127.0.0.1 inside its container.',
  timeout: 'Look at what the app waits for, or give it a longer timeout.',
  dns: "Check that this process is on a network where the container's name resolves.",
  reset: 'Check that the app speaks plain HTTP on that port: it accepted the connection and closed it.',
  unreachable: 'Check that this process can reach the address at all: see `reaches` of the probe.',
};

/** A TLS record begins with its type (alert 21, handshake 22) and the version's major number 3. */
const isTls = (packet: unknown): boolean =>
  packet instanceof Uint8Array && (packet[0] === 21 || packet[0] === 22) && packet[1] === 3;

/** The error for what `node:net` or `node:http` emitted. */
export function failureOf(request: ProbeRequest, thrown: unknown): ProbeError {
  const { reason, code, text } = socketFailure(thrown);
  const what = describeRequest(request);
  if (isTls((thrown as { rawPacket?: unknown } | null)?.rawPacket)) {
    return probeFailed('reset', {
      code: 'tls',
      message: `${what}: the answer is TLS, not HTTP.`,
      hint: 'Point the health check to the port on which the app speaks plain HTTP: the proxy in front does the TLS.',
    });
  }
  if (code.startsWith('HPE_')) {
    return probeFailed('reset', { code, message: `${what}: the answer is not HTTP (${text}).` });
  }
  const mapped: ProbeReason = reason === 'tls' ? 'reset' : reason;
  return probeFailed(mapped, { code, message: `${what}: ${SOCKET_WORDS[reason]} (${text}).` });
}
