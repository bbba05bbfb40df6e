/** What a socket, a resolver or a TLS handshake said, found in whatever a client wrapped around it. */

export type SocketReason = 'refused' | 'timeout' | 'dns' | 'reset' | 'tls' | 'unreachable';

const REASONS: { readonly [code: string]: SocketReason } = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  ECONNABORTED: 'reset',
  EPIPE: 'reset',
  UND_ERR_SOCKET: 'reset',
  ENOTFOUND: 'dns',
  ENODATA: 'dns',
  ETIMEDOUT: 'timeout',
  ESOCKETTIMEDOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'tls',
  SELF_SIGNED_CERT_IN_CHAIN: 'tls',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'tls',
  UNABLE_TO_GET_ISSUER_CERT: 'tls',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'tls',
  CERT_HAS_EXPIRED: 'tls',
  EPROTO: 'tls',
};

function reasonOf(code: string): SocketReason {
  const known = REASONS[code];
  if (known) return known;
  if (code.startsWith('EAI_')) return 'dns';
  if (code.startsWith('ERR_TLS_') || code.startsWith('ERR_SSL_')) return 'tls';
  // What does not parse as HTTP: the other side speaks something else, or broke off.
  if (code.startsWith('HPE_')) return 'reset';
  return 'unreachable';
}

export interface SocketFailure {
  readonly reason: SocketReason;
  /** The system's word (`ECONNREFUSED`), or `unknown`. */
  readonly code: string;
  /** The innermost message: `connect ECONNREFUSED 127.0.0.1:3000`. It names host and port, never a path. */
  readonly text: string;
}

/** Follows `cause` and the parts of an `AggregateError` (one per address that was tried) to the first that has a code. */
export function socketFailure(thrown: unknown): SocketFailure {
  let error: unknown = thrown;
  let text = thrown instanceof Error ? thrown.message : String(thrown);
  for (let depth = 0; depth < 6 && error instanceof Error; depth += 1) {
    const { code } = error as { code?: unknown };
    if (error.message) text = error.message;
    if (error instanceof AggregateError && error.errors[0] instanceof Error) {
      error = error.errors[0];
      continue;
    }
    if (typeof code === 'string') return { reason: reasonOf(code), code, text };
    error = error.cause;
  }
  return { reason: 'unreachable', code: 'unknown', text };
}

/** For a sentence: `connection refused`. */
export const SOCKET_WORDS: { readonly [R in SocketReason]: string } = {
  refused: 'connection refused',
  timeout: 'no answer in time',
  dns: 'the name does not resolve',
  reset: 'the connection was accepted and broken off',
  tls: 'the TLS handshake failed',
  unreachable: 'not reachable',
};
