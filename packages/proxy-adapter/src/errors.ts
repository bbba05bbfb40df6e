/** The errors of the embedded proxy, and how those of the store read when they come through a call to it. */
import { type AbortedError, aborted, type ProxyError, type StoreError, type TaggedError } from '@quayside/core/ports';

export const noServer = (proxy: string): TaggedError<'proxy-unreachable'> => ({
  kind: 'proxy-unreachable',
  code: 'no-server',
  message: `No process serves the embedded proxy "${proxy}" of this store.`,
  hint: 'Start one with `quayside serve`, or call listen() on the proxy in a process that stays, then try again.',
  retryable: true,
  outcome: 'refused',
});

export const notAttached = (): TaggedError<'unsupported'> => ({
  kind: 'unsupported',
  code: 'not-attached',
  message: 'The embedded proxy has no store yet.',
  hint: 'Give the proxy to createDeployer first, or call attach(store, clock).',
  retryable: false,
});

export const closed = (): TaggedError<'closed'> => ({
  kind: 'closed',
  message: 'The embedded proxy is closed.',
  hint: 'Make a new one with embeddedProxy().',
  retryable: false,
});

export const domainTaken = (domain: string): TaggedError<'domain-taken'> => ({
  kind: 'domain-taken',
  message: `The embedded proxy holds ${domain} under a mark that is not ours.`,
  hint: 'Remove that route, or choose another domain.',
  retryable: false,
});

export const routeChanged = (domain: string, expected: string | null): TaggedError<'route-changed'> => ({
  kind: 'route-changed',
  message: `${domain} does not point to ${expected ?? 'nothing'} any more.`,
  hint: 'Look at what else changes routes of this store, then decide anew.',
  retryable: false,
});

export const refused = (code: string, message: string, hint: string): TaggedError<'proxy-refused'> => ({
  kind: 'proxy-refused',
  code,
  message,
  hint,
  retryable: false,
});

export const badCertificate = (cause: unknown): TaggedError<'proxy-refused'> => ({
  ...refused(
    'bad-certificate',
    `A certificate cannot be used. ${cause instanceof Error ? cause.message : String(cause)}.`,
    'Correct it where it was given, `tls.certificates` of embeddedProxy() or listen(), or the file that is named there.',
  ),
  cause,
});

export const unacknowledged = (
  domain: string,
  frontDoors: readonly string[],
  limitMs: number,
): TaggedError<'timeout'> => ({
  kind: 'timeout',
  code: 'not-acknowledged',
  message: `The change of ${domain} is stored, but ${frontDoors.join(', ')} did not take it over within ${limitMs} ms.`,
  hint: 'Look at the process that serves there: it is alive and does not follow the store.',
  retryable: true,
  outcome: 'unknown',
});

export const unproved = (domain: string, seen: string): TaggedError<'route-unproved'> => ({
  kind: 'route-unproved',
  message: `${domain} is not proved: ${seen}.`,
  hint: 'Request the domain through the front door and look at who answers, and at the log of the instance.',
  retryable: true,
});

export const unreachable = (frontDoor: string, cause: unknown): TaggedError<'proxy-unreachable'> => ({
  kind: 'proxy-unreachable',
  code: 'no-answer',
  message: `The proxy's server at ${frontDoor} does not answer.`,
  hint: 'Look at the process that serves there, and whether this one can reach its address.',
  retryable: true,
  cause,
});

/**
 * A store's error as the proxy's.
 * @param what the call, for people: `Putting shop.example.com`
 */
export function throughStore(error: StoreError, what: string): ProxyError {
  switch (error.kind) {
    case 'aborted':
      return aborted(what, error.cause);
    case 'closed':
    case 'bug':
      return error;
    case 'store-unavailable':
      return {
        kind: 'proxy-unreachable',
        code: error.code ?? error.kind,
        message: `${what}: the store that holds the routes cannot be reached. ${error.message}`,
        hint: error.hint,
        retryable: true,
        ...(error.outcome ? { outcome: error.outcome } : {}),
        cause: error,
      };
    case 'store-conflict':
    case 'store-refused':
    case 'lease-lost':
      return {
        kind: 'proxy-refused',
        code: error.code ?? error.kind,
        message: `${what}: the store refused it. ${error.message}`,
        hint: error.hint,
        retryable: error.retryable,
        cause: error,
      };
    default:
      return error satisfies never;
  }
}

export const abortedCall = (what: string, signal: AbortSignal): AbortedError => aborted(what, signal.reason);
