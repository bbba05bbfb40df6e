/** The errors of the adapter. */
import { aborted, type ProxyError, type StoreError, type TaggedError } from '@quayside/core/ports';

export const closed = (): TaggedError<'closed'> => ({
  kind: 'closed',
  message: 'The HAProxy adapter is closed.',
  hint: 'Make a new one with haproxy().',
  retryable: false,
});

export const domainTaken = (domain: string): TaggedError<'domain-taken'> => ({
  kind: 'domain-taken',
  message: `HAProxy's map holds ${domain} under a mark that is not ours.`,
  hint: 'Take it out of the map (del map), or choose another domain.',
  retryable: false,
});

export const refused = (code: string, message: string, hint: string): TaggedError<'proxy-refused'> => ({
  kind: 'proxy-refused',
  code,
  message,
  hint,
  retryable: false,
  outcome: 'refused',
});

/** For a configuration that lacks what this version asks of it. */
export const PRINT_AGAIN =
  'Print it again (`quayside proxy-config`), and reload HAProxy: its routes come back from the store.';

export const unproved = (domain: string, seen: string, hint: string): TaggedError<'route-unproved'> => ({
  kind: 'route-unproved',
  message: `${domain} is not proved: ${seen}.`,
  hint,
  retryable: true,
});

/** What a socket says when nobody answers; `outcome` is unknown once the command had left. */
export function socketFailure(socket: string, cause: unknown, wasSent: boolean): ProxyError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'no-answer';
  const outcome = wasSent ? ('unknown' as const) : ('refused' as const);
  if (code === 'EACCES' || code === 'EPERM') {
    return {
      kind: 'proxy-denied',
      code,
      message: `This user may not connect to HAProxy's socket ${socket}.`,
      hint: 'Put it into the group that the socket belongs to (haproxy), or give the socket another mode.',
      retryable: false,
      cause,
    };
  }
  const isAbsent = code === 'ENOENT';
  return {
    kind: 'proxy-unreachable',
    code,
    message: isAbsent ? `There is no socket ${socket}.` : `HAProxy does not answer on ${socket} (${code}).`,
    hint: isAbsent
      ? 'Start HAProxy, and see that its configuration has this `stats socket` with `level admin`.'
      : 'See that HAProxy runs and that nothing blocks its runtime socket.',
    retryable: true,
    outcome,
    cause,
  };
}

/** The routes that a restart of HAProxy would lose are kept in the store: its failures are the proxy's. */
export function throughStore(error: StoreError, what: string): ProxyError {
  if (error.kind === 'aborted') return aborted(what, error.cause);
  if (error.kind === 'closed' || error.kind === 'bug') return error;
  return {
    kind: error.kind === 'store-unavailable' ? 'proxy-unreachable' : 'proxy-refused',
    code: error.code ?? error.kind,
    message: `${what}: the store that keeps HAProxy's routes said no. ${error.message}`,
    hint: error.hint,
    retryable: error.retryable,
    ...(error.outcome ? { outcome: error.outcome } : {}),
    cause: error,
  };
}
